"""Whether an address is within the networks from which a source may send."""

import ipaddress
from functools import lru_cache

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def within(address: str, networks: tuple[str, ...]) -> bool:
    """`networks` in CIDR. False for what is no address. An IPv4 address that came by IPv6 counts as what it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    plain = found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
    return any(plain in network for network in _parsed(networks))


@lru_cache(maxsize=256)
def _parsed(networks: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(map(ipaddress.ip_network, networks))
