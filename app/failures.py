"""How often an address was refused lately. Of each minute that began with a refusal, and of few enough addresses."""

import ipaddress
from collections import OrderedDict
from datetime import datetime, timedelta

MAX_A_MINUTE = 30
MAX_ADDRESSES = 10_000  # the longest known are forgotten first
_MINUTE = timedelta(minutes=1)
_NETWORK_BITS = 64  # of an IPv6 address: whoever has one has all the others of its network


class Failures:
    """Counts refusals by address."""

    def __init__(self) -> None:
        self._minutes: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._minutes)

    def count(self, address: str, now: datetime) -> timedelta | None:
        """One more. How long the address should wait when there were too many, else None."""
        name = _network(address)
        begun, count = self._minutes.get(name, (now, 0))
        if now - begun >= _MINUTE:
            self._minutes.pop(name)
            begun, count = now, 0
        self._minutes[name] = (begun, count + 1)
        if len(self._minutes) > MAX_ADDRESSES:
            self._minutes.popitem(last=False)
        return begun + _MINUTE - now if count >= MAX_A_MINUTE else None


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _NETWORK_BITS), strict=False))
