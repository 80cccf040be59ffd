"""The jobs a process can have. `gridcall serve` has all of them; a cluster runs any number of processes of each."""

from enum import StrEnum


class Role(StrEnum):
    API = "api"  # takes events in, answers vendors' callbacks, serves pages and the live feed
    ROUTER = "router"  # decides who is told, how and when
    NOTIFIER = "notifier"  # asks the vendors
    MONITOR = "monitor"  # notices silence, seals the evidence, tidies up


EVERY_ROLE = frozenset(Role)
