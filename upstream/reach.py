"""Whom we may reach: hosts that are named, over TLS, at public addresses. A URL leads nowhere else. Pure."""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address in its last 32 bits
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def problem(url: str) -> str | None:
    """Why it cannot be the address of anybody we talk to; None when it can."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return str(error)
    at_home = parts.scheme == "http" and host in _LOOPBACK
    wrong = {
        "characters that no URL has": not url.isascii() or not url.isprintable() or " " in url,
        "no host": not host or port == 0,
        "a user or password in it; a secret is named instead": parts.username is not None,
        "a fragment, which nobody would be sent": bool(parts.fragment),
        "https, or http to this machine itself": parts.scheme != "https" and not at_home,
    }
    return next((why for why, is_so in wrong.items() if is_so), None)


@dataclass(frozen=True, slots=True)
class Allowed:
    """`hosts`: names that may be reached, lower-cased. `networks`: private ones that may be."""

    hosts: Collection[str] = ()
    networks: Collection[Network] = ()

    def refuses(self, url: str) -> str | None:
        """Why nobody is asked at that URL. A host that is an address itself is looked at whole."""
        if why := problem(url):
            return why
        host = urlsplit(url).hostname or ""
        if host not in self.hosts:
            return f"host {host} is not one of GRIDCALL_UPSTREAM_HOSTS"
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return None  # a name: each address that it leads to is looked at when it is reached
        return self.refuses_address(str(address))

    def refuses_address(self, address: str) -> str | None:
        """Why nobody is reached there, whatever name led to it."""
        found = _inner(ipaddress.ip_address(address.partition("%")[0]))
        if any(found in network for network in self.networks if network.version == found.version):
            return None
        if found.is_global and not found.is_multicast:
            return None
        return f"{found} is no public address, nor in GRIDCALL_UPSTREAM_NETWORKS"


def _inner(address: Address) -> Address:
    """The IPv4 address that another one stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
