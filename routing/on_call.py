"""Who is on call at an instant, and which shifts and gaps fill a window. Pure.

At every instant the layers that speak then are asked: those of the highest priority name people. Overrides change
that, in the order given, and whoever is absent is left out: an absence is stronger than an override, and nobody steps
in by itself. `routing/turns.py` knows when a layer speaks.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter, itemgetter
from typing import Generic, NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

from model.rota import Absence, Duty, Gap, Layer, Override, OverrideAction, Rota, Shift, Span
from routing.turns import pieces, turns

_TICK, _YEAR = timedelta(microseconds=1), timedelta(days=366)
_EVER, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

Duties = list[Duty]


def on_call(rota: Rota, at: datetime) -> tuple[str, ...]:
    """The ids of those on call at `at` (aware), in rota order, nobody twice."""
    [span] = spans(rota, at, at + _TICK)
    return span.people


def spans(rota: Rota, start: datetime, end: datetime) -> tuple[Span, ...]:
    """Who is on call from `start` until before `end`, and why, in pieces that touch: no gap, no overlap."""
    if start >= end:
        return ()
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    speaking, placed = _speaking(rota, start, end), _placed(rota, start, end)
    away = [a for a in rota.absences if a.start < end and start < a.end]
    lasting: list[_Lasting] = [*speaking, *placed, *away]
    ends = {at for thing in lasting for at in (thing.start, thing.end)}
    cuts = [start, *sorted([at for at in ends if start < at < end]), end]
    layers, overrides, absences = _Running(speaking), _Running(placed), _Running(away)
    return tuple(_span(a, b, layers.at(a), overrides.at(a), absences.at(a)) for a, b in pairwise(cuts))


def shifts(found: Iterable[Span]) -> tuple[Shift, ...]:
    """Each person's shifts in the spans, by start, overrides first, then by falling priority, then by person."""
    done: list[Shift] = []
    running: dict[Duty, datetime] = {}
    over: datetime | None = None
    duties: tuple[Duty, ...] = ()
    for span in found:
        if span.duties is not duties:
            done += [Shift(duty, running.pop(duty), span.start) for duty in duties if duty not in span.duties]
            for duty in span.duties:
                running.setdefault(duty, span.start)
        over, duties = span.end, span.duties
    if over is not None:
        done += [Shift(duty, start, over) for duty, start in running.items()]
    return tuple(sorted(done, key=_place))


def _place(shift: Shift) -> tuple[datetime, bool, int, str, datetime]:
    duty, start, end = shift
    return start, duty.layer is not None, -duty.priority, duty.person, end


def whole_shifts(rota: Rota, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """The shifts that touch the window, not cut to it; one that goes on for more than a year is cut after that."""
    first, last = _wider(rota, start)[0], _wider(rota, end - _TICK)[1]
    found = shifts(spans(rota, max(first, start - _YEAR), min(last, end + _YEAR)))
    return tuple(s for s in found if s.start < end and start < s.end)


def _wider(rota: Rota, at: datetime) -> tuple[datetime, datetime]:
    """From before the first until after the last of the turns and overrides that run at `at`."""
    zone = ZoneInfo(rota.rotation.timezone)
    running: list[_Lasting] = [o for o in rota.overrides if o.start <= at < o.end]
    running += [turn for layer in rota.rotation.layers for turn in turns(layer, zone, at, at + _TICK)]
    return min([at, *(r.start for r in running)]), max([at + _TICK, *(r.end for r in running)])


def gaps(found: Iterable[Span]) -> tuple[Gap, ...]:
    """When nobody is on call."""
    merged: list[Gap] = []
    for span in found:
        if span.duties:
            continue
        start = merged.pop().start if merged and merged[-1].end == span.start else span.start
        merged.append(Gap(start=start, end=span.end))
    return tuple(merged)


def by_people(found: Iterable[Span]) -> Iterator[tuple[tuple[str, ...], datetime, datetime]]:
    """Who from when until when, neighbours with the same people joined."""
    for people, same in groupby(found, attrgetter("people")):
        run = list(same)
        yield people, run[0].start, run[-1].end


# --- what holds at an instant ---------------------------------------------------------------------------------------


class _Speaking(NamedTuple):
    """A layer's turn, within its hours."""

    start: datetime
    end: datetime
    priority: int
    duties: tuple[Duty, ...]


class _Placed(NamedTuple):
    """An override, its place among all of its rota, and the duty it gives."""

    start: datetime
    end: datetime
    place: int
    override: Override
    duties: tuple[Duty, ...]


def _speaking(rota: Rota, start: datetime, end: datetime) -> list[_Speaking]:
    """In the order of the layers."""
    zone = ZoneInfo(rota.rotation.timezone)
    return [
        _Speaking(turn.start, turn.end, layer.priority, _duties(layer, index, turn.number))
        for index, layer in enumerate(rota.rotation.layers)
        if layer.participants
        for turn in pieces(layer, zone, start, end)
    ]


def _duties(layer: Layer, index: int, turn: int) -> tuple[Duty, ...]:
    people = layer.participants[turn % len(layer.participants)]
    return tuple([Duty(person, layer.name, index, turn, layer.priority) for person in dict.fromkeys(people)])


def _placed(rota: Rota, start: datetime, end: datetime) -> list[_Placed]:
    return [
        _Placed(o.start, o.end, place, o, _given(o, place))
        for place, o in enumerate(rota.overrides)
        if o.start < end and start < o.end
    ]


def _given(override: Override, place: int) -> tuple[Duty, ...]:
    if override.person is None or override.action is OverrideAction.REMOVE:
        return ()
    return (Duty(person=override.person, layer=None, layer_index=-1, turn=place),)


def _span(
    start: datetime,
    end: datetime,
    speaking: Sequence[_Speaking],
    overrides: Sequence[_Placed],
    absences: Sequence[Absence],
) -> Span:
    heard = _heard(speaking)
    if len(heard) == 1 and not overrides and not absences:
        return Span(start, end, heard[0])
    named = [duty for duties in heard for duty in duties]
    used: list[int] = []
    for placed in overrides:
        before, named = named, _APPLY[placed.override.action](named, placed)
        if before != named and {d.person for d in before} != {d.person for d in named}:
            used.append(placed.place)
    if len(named) == 1 and not absences:
        return Span(start, end, tuple(named), used=tuple(used))
    away = {a.person for a in absences}
    present = [d for d in named if d.person not in away]
    once = {d.person: d for d in reversed(present)}  # of a person named twice the first duty counts
    if len(once) == len(present) == len(named):
        return Span(start, end, tuple(named), used=tuple(used))
    times = Counter(d.person for d in present)
    return Span(
        start,
        end,
        duties=tuple(once[person] for person in times),
        twice=tuple(person for person, count in times.items() if count > 1),
        absent=tuple(dict.fromkeys(d.person for d in named if d.person in away)),
        used=tuple(used),
    )


def _heard(speaking: Sequence[_Speaking]) -> list[tuple[Duty, ...]]:
    """What the layers of the highest priority say."""
    if len(speaking) < 2:
        return [s.duties for s in speaking]
    top = max([s.priority for s in speaking])
    return [s.duties for s in speaking if s.priority == top]


def _add(named: Duties, placed: _Placed) -> Duties:
    return [*named, *placed.duties]


def _replace(named: Duties, placed: _Placed) -> Duties:
    replaced = placed.override.replaces
    if replaced is None:
        return list(placed.duties)
    return [new for duty in named for new in (placed.duties if duty.person == replaced else (duty,))]


def _remove(named: Duties, placed: _Placed) -> Duties:
    return [duty for duty in named if duty.person != placed.override.person]


_APPLY: dict[OverrideAction, Callable[[Duties, _Placed], Duties]] = {
    OverrideAction.ADD: _add,
    OverrideAction.REPLACE: _replace,
    OverrideAction.REMOVE: _remove,
}


class _Lasting(Protocol):
    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...


_L = TypeVar("_L", bound=_Lasting)


class _Running(Generic[_L]):
    """Of things that last, those that run at an instant, in their order. Asked for ever later instants."""

    def __init__(self, things: Sequence[_L]) -> None:
        self._coming = sorted(enumerate(things), key=lambda thing: thing[1].start, reverse=True)
        self._running: list[tuple[int, _L]] = []
        self._found: list[_L] = []
        self._changes_at = _EVER if self._coming else _NEVER

    def at(self, instant: datetime) -> list[_L]:
        if instant >= self._changes_at:
            self._move_to(instant)
        return self._found

    def _move_to(self, instant: datetime) -> None:
        running, coming = [thing for thing in self._running if thing[1].end > instant], self._coming
        while coming and coming[-1][1].start <= instant:
            running.append(coming.pop())
        running.sort(key=itemgetter(0))
        self._running, self._found = running, [thing for _, thing in running]
        changes = [thing.end for thing in self._found]
        if coming:
            changes.append(coming[-1][1].start)
        self._changes_at = min(changes) if changes else _NEVER
