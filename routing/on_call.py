"""Who is on call at an instant, and which shifts fill a window. Pure.

A handoff is a wall-clock time in the rotation's timezone, and it happens at the first instant at which the clock
there has reached that time (design section 5). A time that exists twice is so reached the first time; one that the
clocks jump over is reached at the first instant after the gap.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from model.roster import Layer, Override, OverrideAction, Rotation, Shift, ShiftUnit

People = tuple[str, ...]

_DAYS = {ShiftUnit.DAY: 1, ShiftUnit.WEEK: 7}


def on_call(rotation: Rotation, overrides: Sequence[Override], at: datetime) -> People:
    """The ids of those on call at `at` (aware), in rota order, nobody twice. Overrides of other rotations are ignored.

    Overrides apply in the order given. Before its first handoff a layer names nobody; an override may.
    """
    people = _unique(p for layer in rotation.layers for p in _turn_at(layer, ZoneInfo(rotation.timezone), at))
    for override in overrides:
        if override.rotation == rotation.id and override.start <= at < override.end:
            people = _APPLY[override.action](people, override)
    return people


def shifts(rotation: Rotation, overrides: Sequence[Override], start: datetime, end: datetime) -> tuple[Shift, ...]:
    """What `on_call` says from `start` until before `end`, as shifts that touch: no gap, no overlap.

    Neighbours with the same people of the same layers are one shift, so a handoff to oneself does not show.
    """
    zone = ZoneInfo(rotation.timezone)
    mine = [o for o in overrides if o.rotation == rotation.id and o.start < end and o.end > start]
    cuts = {start.astimezone(UTC), end.astimezone(UTC)} if start < end else set()
    cuts.update(h for layer in rotation.layers for h in _handoffs_between(layer, zone, start, end))
    cuts.update(c.astimezone(UTC) for o in mine for c in (o.start, o.end) if start < c < end)
    return _merged(
        Shift(people=on_call(rotation, mine, a), start=a, end=b, layer=_layers_at(rotation, zone, a))
        for a, b in pairwise(sorted(cuts))
    )


def first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) at which the clock of `zone` has reached the naive time `wall`."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(instant, zone) == wall:
        return instant
    # A gap: fold=1 reads `wall` with the offset after the jump, which gives an instant before it. Jumps happen on
    # whole seconds, so bisecting the seconds between the two finds the jump itself.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC).replace(microsecond=0)
    seconds = range(int((instant - before).total_seconds()))
    return before + timedelta(
        seconds=bisect_left(seconds, True, key=lambda s: _wall(before + timedelta(seconds=s), zone) >= wall)
    )


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _handoff(layer: Layer, zone: ZoneInfo, turn: int) -> datetime:
    return first_instant(layer.starts_at + turn * _turn_length(layer), zone)


def _turn_length(layer: Layer) -> timedelta:
    return timedelta(days=_DAYS[layer.shift.unit] * layer.shift.count)


def _turn_number(layer: Layer, zone: ZoneInfo, at: datetime) -> int:
    """Which turn runs at `at`: the last one whose handoff has happened. Negative before the first.

    The local dates give it but for the hour (or day) the clocks were moved by; the neighbours settle that. Of turns
    that hand off at the same instant the last one runs: those of zero length are dropped, the order is kept.
    """
    turn = (_wall(at, zone) - layer.starts_at) // _turn_length(layer)
    while _handoff(layer, zone, turn) > at:
        turn -= 1
    while _handoff(layer, zone, turn + 1) <= at:
        turn += 1
    return turn


def _turn_at(layer: Layer, zone: ZoneInfo, at: datetime) -> People:
    turn = _turn_number(layer, zone, at)
    return layer.participants[turn % len(layer.participants)] if turn >= 0 and layer.participants else ()


def _handoffs_between(layer: Layer, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every handoff later than `start` and earlier than `end`."""
    turn = max(_turn_number(layer, zone, start) + 1, 0)
    while (handoff := _handoff(layer, zone, turn)) < end:
        yield handoff
        turn += 1


def _layers_at(rotation: Rotation, zone: ZoneInfo, at: datetime) -> str:
    return " + ".join(layer.name for layer in rotation.layers if _turn_at(layer, zone, at))


def _add(people: People, override: Override) -> People:
    return _unique((*people, *_person(override)))


def _replace(people: People, override: Override) -> People:
    if override.replaces is None:
        return _person(override)
    return _unique(q for p in people for q in (_person(override) if p == override.replaces else (p,)))


def _remove(people: People, override: Override) -> People:
    return tuple(p for p in people if p != override.person)


_APPLY: dict[OverrideAction, Callable[[People, Override], People]] = {
    OverrideAction.ADD: _add,
    OverrideAction.REPLACE: _replace,
    OverrideAction.REMOVE: _remove,
}


def _person(override: Override) -> People:
    return (override.person,) if override.person is not None else ()


def _unique(people: Iterator[str] | People) -> People:
    return tuple(dict.fromkeys(people))


def _merged(pieces: Iterator[Shift]) -> tuple[Shift, ...]:
    merged: list[Shift] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if last and (last.people, last.layer) == (piece.people, piece.layer):
            merged[-1] = Shift(people=last.people, start=last.start, end=piece.end, layer=last.layer)
        else:
            merged.append(piece)
    return tuple(merged)
