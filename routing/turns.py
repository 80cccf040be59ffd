"""When a layer's turns begin and end, and at which hours it speaks at all. Pure.

A handoff is a wall-clock time in the rotation's timezone, and it happens at the first instant at which the clock
there has reached that time (design section 5). A time that exists twice is so reached the first time; one that the
clocks jump over is reached at the first instant after the gap. The hours of restrictions begin and end by this rule.
"""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from model.rota import Layer, Restriction, ShiftUnit, Weekday

_LENGTHS = {
    ShiftUnit.HOUR: timedelta(hours=1),
    ShiftUnit.DAY: timedelta(days=1),
    ShiftUnit.WEEK: timedelta(weeks=1),
}
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEKDAYS = tuple(Weekday)
Interval = tuple[datetime, datetime]


class Turn(NamedTuple):
    """From `start` until before `end` (aware UTC); `number` counts from 0 at the layer's first handoff."""

    number: int
    start: datetime
    end: datetime


@lru_cache(maxsize=16_384)
def first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) at which the clock of `zone` has reached the naive time `wall`.

    Remembered: the rotas of a house hand off at the same few times of the day.
    """
    reference = _steady(zone, wall.date())
    return _EPOCH + (wall - reference) if reference is not None else _first_instant(wall, zone)


@lru_cache(maxsize=8192)
def _steady(zone: ZoneInfo, day: date) -> datetime | None:
    """What the clock showed at the epoch, were it always as on the local `day`; None when it is moved near that day.

    Most days are like that, and one subtraction is all that they need.
    """
    noon = datetime.combine(day, time(12))
    offsets = {zone.utcoffset(noon + hours * _HOUR) or timedelta(0) for hours in (-36, -18, 0, 18, 36)}
    return noon.replace(1970, 1, 1, 0) + offsets.pop() if len(offsets) == 1 else None


def _first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_at(instant, zone) == wall:
        return instant
    # A gap: fold=1 reads `wall` with the offset after the jump, which gives an instant before it. Jumps happen on
    # whole seconds, so bisecting the seconds between the two finds the jump itself.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC).replace(microsecond=0)
    seconds = range(int((instant - before).total_seconds()))
    return before + timedelta(
        seconds=bisect_left(seconds, True, key=lambda s: wall_at(before + timedelta(seconds=s), zone) >= wall)
    )


def wall_at(at: datetime, zone: ZoneInfo) -> datetime:
    """What the clock of `zone` shows at `at` (aware), naive."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def turns(layer: Layer, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Turn]:
    """The turns that run somewhere from `start` until before `end`, whole, touching, in order.

    A turn to which the clocks leave no time is dropped; the others keep their numbers.
    """
    if layer.ends_at is not None:
        over = first_instant(layer.ends_at, zone)
        end = min(end, over)
    number, handoff = max(_number_at(layer, zone, start), 0), _handoffs(layer)
    begins = first_instant(handoff(number), zone)
    while begins < end:
        ends = first_instant(handoff(number + 1), zone)
        last = ends if layer.ends_at is None else min(ends, over)
        if start < last and begins < last:
            yield Turn(number, begins, last)
        number, begins = number + 1, ends


def hours(restrictions: Iterable[Restriction], zone: ZoneInfo, start: datetime, end: datetime) -> list[Interval]:
    """The intervals that the restrictions allow and that touch `start` until `end`: whole, apart, in order."""
    first, last = wall_at(start, zone).date() - 2 * _DAY, wall_at(end, zone).date() + _DAY  # two: a day may be missing
    days = [first + offset * _DAY for offset in range((last - first).days + 1)]
    found = [
        (begins, ends)
        for restriction in restrictions
        for begins, ends in _hours_of(restriction, zone, days)
        if begins < ends and begins < end and start < ends
    ]
    return _joined(sorted(found))


def common(pieces: Iterable[Turn], allowed: list[Interval]) -> Iterator[Turn]:
    """What is left of each turn within the intervals; both in order."""
    passed = 0
    for turn in pieces:
        while passed < len(allowed) and allowed[passed][1] <= turn.start:
            passed += 1
        for begins, ends in allowed[passed:]:
            if begins >= turn.end:
                break
            yield Turn(turn.number, max(begins, turn.start), min(ends, turn.end))


def pieces(layer: Layer, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Turn]:
    """When the layer speaks from `start` until before `end`: its turns, cut to the hours it is restricted to."""
    whole = turns(layer, zone, start, end)
    if not layer.restrictions:
        return whole
    cut = common(whole, hours(layer.restrictions, zone, start, end))
    return (piece for piece in cut if piece.start < end and start < piece.end)


def _handoffs(layer: Layer) -> Callable[[int], datetime]:
    """What the clock shows when the turn of a number begins."""
    first, count = layer.starts_at, layer.shift.count
    if layer.shift.unit is ShiftUnit.MONTH:
        return lambda number: _months_later(first, number * count)
    length = count * _LENGTHS[layer.shift.unit]
    return lambda number: first + number * length


def _months_later(wall: datetime, months: int) -> datetime:
    """The same day of a later month, or its last one; counted from `wall` each time, so that the 31st comes back."""
    years, month = divmod(wall.month - 1 + months, 12)
    year, month = wall.year + years, month + 1
    return wall.replace(year=year, month=month, day=min(wall.day, monthrange(year, month)[1]))


def _number_at(layer: Layer, zone: ZoneInfo, at: datetime) -> int:
    """Which turn runs at `at`: the last one whose handoff has happened. -1 before the first.

    The local dates give it but for the hour (or day) the clocks were moved by; the neighbours settle that. Of turns
    that hand off at the same instant the last one runs.
    """
    wall = wall_at(at, zone)
    if wall < layer.starts_at - 2 * _DAY:
        return -1
    number, handoff = max(_number_by_wall(layer, wall), -1), _handoffs(layer)
    while number >= 0 and first_instant(handoff(number), zone) > at:
        number -= 1
    while first_instant(handoff(number + 1), zone) <= at:
        number += 1
    return number


def _number_by_wall(layer: Layer, wall: datetime) -> int:
    if layer.shift.unit is ShiftUnit.MONTH:
        months = (wall.year - layer.starts_at.year) * 12 + wall.month - layer.starts_at.month
        return months // layer.shift.count
    return (wall - layer.starts_at) // (layer.shift.count * _LENGTHS[layer.shift.unit])


def _hours_of(restriction: Restriction, zone: ZoneInfo, days: Iterable[date]) -> Iterator[Interval]:
    """The hours that begin on those local dates."""
    weekdays = {_WEEKDAYS.index(day) for day in restriction.days}
    over = timedelta(0) if restriction.start < restriction.end else _DAY
    for day in days:
        if day.weekday() in weekdays:
            begins, ends = datetime.combine(day, restriction.start), datetime.combine(day + over, restriction.end)
            yield first_instant(begins, zone), first_instant(ends, zone)


def _joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Those that touch or overlap as one."""
    joined: list[Interval] = []
    for begins, ends in intervals:
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((begins, ends))
    return joined
