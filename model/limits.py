"""How often one person may be rung and written to, by all events together: the tables, and what they say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from model.plan import ChannelName, Kind


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` within `per`, whenever that begins."""

    count: int
    per: timedelta


class Ring(NamedTuple):
    """A call that was made, or is being made. `others`: events that it told besides; it is one ring all the same."""

    at: datetime
    event_pk: str
    others: tuple[str, ...] = ()

    def about(self, event_pk: str) -> bool:
        return event_pk == self.event_pk or event_pk in self.others


CALLS = (Limit(4, timedelta(minutes=10)), Limit(10, timedelta(hours=1)))
# The first ring of a critical event breaks them, once in so long: what nobody knows yet is worth a fifth call.
BREAKS = Limit(1, timedelta(minutes=10))
# Whether an earlier ring broke them follows from the rings before it.
REMEMBERED = max(limit.per for limit in CALLS) + BREAKS.per


@dataclass(frozen=True, slots=True)
class Pauses:
    """What one reader gets within `per`: no more messages than there are pauses, each that long after the one before.

    What has to wait meanwhile is told in one message. The pauses grow, so that a storm that goes on is heard of
    until the first message is out of its time.
    """

    seconds: tuple[int, ...]
    per: timedelta = timedelta(minutes=10)


class Message(NamedTuple):
    """One that was sent, or is being sent. `critical`: it told of a critical event."""

    at: datetime
    kind: Kind
    critical: bool


WRITTEN: Mapping[ChannelName, Pauses] = {
    ChannelName.SMS: Pauses((0, 0, 0, 20, 60, 180)),
    ChannelName.SLACK_DM: Pauses((0, 0, 0, 0, 0, 20, 20, 60, 120, 240)),
    ChannelName.SLACK_CHANNEL: Pauses((*10 * (0,), *4 * (20,), *6 * (60,))),
}
# Which messages count against which. What ends an event is never held back; a reminder is asked for by its reader.
_TOLD = frozenset({Kind.ALERT, Kind.UPDATE})
COUNTED: Mapping[Kind, frozenset[Kind]] = {
    Kind.ALERT: _TOLD,
    Kind.UPDATE: _TOLD,
    Kind.COURTESY: frozenset({Kind.COURTESY}),
}


def pauses_times(factor: int) -> Mapping[ChannelName, Pauses]:
    """The table for an installation that allows so many times as much."""
    return {
        channel: replace(pauses, seconds=tuple(pause for pause in pauses.seconds for _ in range(factor)))
        for channel, pauses in WRITTEN.items()
    }


def may_write_at(pauses: Pauses, sent: Sequence[Message], kind: Kind, *, critical: bool, now: datetime) -> datetime:
    """When the next message of that kind may go: `now`, or later. The first critical event does not wait for a pause.

    `sent`: what went to that address within `per`.
    """
    counted = COUNTED.get(kind, frozenset())
    before = sorted(one for one in sent if one.kind in counted and one.at > now - pauses.per)
    if not before:
        return now
    if len(before) >= len(pauses.seconds):
        return before[-len(pauses.seconds)].at + pauses.per
    if critical and not any(one.critical for one in before):
        return now
    return max(now, before[-1].at + timedelta(seconds=pauses.seconds[len(before)]))


def times(factor: int) -> tuple[Limit, ...]:
    """The table for an installation that allows so many times as much."""
    return tuple(replace(limit, count=limit.count * factor) for limit in CALLS)


def may_ring_at(
    limits: Sequence[Limit], rings: Sequence[Ring], event_pk: str, *, critical: bool, now: datetime
) -> datetime:
    """When the person may be rung for that event: `now`, or later. `rings`: what they had in the last REMEMBERED."""
    before = sorted(rings)
    free_at = max((_free_at(limit, before, now) for limit in limits), default=now)
    new = critical and not any(ring.about(event_pk) for ring in before)
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
