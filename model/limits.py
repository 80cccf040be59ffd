"""How often one person may be rung, by all events together: the table, and what it says of the next call. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` within `per`, whenever that begins."""

    count: int
    per: timedelta


class Ring(NamedTuple):
    """A call that was made, or is being made."""

    at: datetime
    event_pk: str


CALLS = (Limit(4, timedelta(minutes=10)), Limit(10, timedelta(hours=1)))
# The first ring of a critical event breaks them, once in so long: what nobody knows yet is worth a fifth call.
BREAKS = Limit(1, timedelta(minutes=10))
# Whether an earlier ring broke them follows from the rings before it.
REMEMBERED = max(limit.per for limit in CALLS) + BREAKS.per


def times(factor: int) -> tuple[Limit, ...]:
    """The table for an installation that allows so many times as much."""
    return tuple(replace(limit, count=limit.count * factor) for limit in CALLS)


def may_ring_at(
    limits: Sequence[Limit], rings: Sequence[Ring], event_pk: str, *, critical: bool, now: datetime
) -> datetime:
    """When the person may be rung for that event: `now`, or later. `rings`: what they had in the last REMEMBERED."""
    before = sorted(rings)
    free_at = max((_free_at(limit, before, now) for limit in limits), default=now)
    new = critical and not any(ring.event_pk == event_pk for ring in before)
    return now if new and not _broke_lately(limits, before, now) else free_at


def _free_at(limit: Limit, before: Sequence[Ring], now: datetime) -> datetime:
    """When one more keeps the limit: as soon as the oldest of the last `count` is out of its time."""
    recent = [ring for ring in before if ring.at > now - limit.per]
    return now if len(recent) < limit.count else recent[-limit.count].at + limit.per


def _broke_lately(limits: Sequence[Limit], before: Sequence[Ring], now: datetime) -> bool:
    broke = [
        ring
        for n, ring in enumerate(before)
        if ring.at > now - BREAKS.per and any(_free_at(limit, before[:n], ring.at) > ring.at for limit in limits)
    ]
    return len(broke) >= BREAKS.count
