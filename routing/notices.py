"""What people should hear about a rota before it is theirs: gaps, moved clocks, absences without cover. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby, islice
from zoneinfo import ZoneInfo

from model.rota import Override, OverrideAction, Rota, Shift, Span
from routing.clock_changes import ClockChange, clock_changes
from routing.on_call import gaps, whole_shifts
from routing.rota_words import Names, length, moment, period, several
from routing.turns import wall_at

MAX_OF_A_KIND = 50
_TWO_CHANGES = timedelta(days=400)  # within them two come, where clocks are moved at all


class NoticeKind(StrEnum):
    GAP = "gap"  # nobody is on call
    CLOCKS = "clocks"  # somebody works an hour less or more
    TWICE = "twice"  # a person is named more than once
    ABSENT = "absent"  # a person is absent, and nobody replaces them
    NO_EFFECT = "no_effect"  # an override changes nothing
    UNKNOWN_PERSON = "unknown_person"  # a person is not in the roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One sentence, and what it is about: from `start` until before `end` (aware UTC), these people."""

    kind: NoticeKind
    text: str
    start: datetime
    end: datetime
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sayer:
    """Puts things into words by the clock of the rota."""

    rota: Rota
    names: Names
    since: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.rota.rotation.timezone)

    def period(self, start: datetime, end: datetime) -> str:
        return period(start, end, self.zone, self.since)

    def several(self, people: Iterable[str]) -> str:
        return several(people, self.names)


def notices(rota: Rota, found: Sequence[Span], names: Names) -> tuple[Notice, ...]:
    """About the spans that `on_call.spans` found for a window, by kind and time, at most MAX_OF_A_KIND of each kind."""
    if not found:
        return ()
    say = _Sayer(rota, names, found[0].start)
    kinds = (_gaps(say, found), _clocks(say, found), _twice(say, found), _absent(say, found), _no_effect(say, found))
    return tuple(notice for kind in kinds for notice in _few(list(kind)))


def next_clocks(rota: Rota, names: Names, now: datetime) -> tuple[Notice, ...]:
    """About the next two times at which the clocks of the rota's zone are moved, none where they never are."""
    say = _Sayer(rota, names, now)
    changes = clock_changes(say.zone, now, now + _TWO_CHANGES)
    return tuple(_clock(say, change) for change in islice(changes, 2))


def _gaps(say: _Sayer, found: Sequence[Span]) -> Iterator[Notice]:
    for gap in gaps(found):
        text = f"Nobody is on call {say.period(gap.start, gap.end)}"
        yield Notice(kind=NoticeKind.GAP, text=text, start=gap.start, end=gap.end)


def _clocks(say: _Sayer, found: Sequence[Span]) -> Iterator[Notice]:
    """For each change of clocks in the window, and each shift across it, seen whole."""
    for change in clock_changes(say.zone, found[0].start, found[-1].end):
        yield _clock(say, change)


def _clock(say: _Sayer, change: ClockChange) -> Notice:
    tick = timedelta(microseconds=1)
    across = [s for s in whole_shifts(say.rota, change.at - tick, change.at + tick) if s.start < change.at < s.end]
    works = "; ".join(_works(say, shift) for shift in across) or "no shift is shorter or longer for it"
    return Notice(
        kind=NoticeKind.CLOCKS,
        text=f"{_moved(say, change)}: {works}",
        start=change.at,
        end=change.at,
        people=tuple(dict.fromkeys(s.person for s in across)),
    )


def _moved(say: _Sayer, change: ClockChange) -> str:
    was, now = (change.at - timedelta(seconds=1)).astimezone(say.zone), change.at.astimezone(say.zone)
    way = "forward" if change.by > timedelta(0) else "back"
    when = moment(change.at, say.zone, say.since)
    return f"Clocks go {way} {length(abs(change.by))} to {when} ({was:%Z}, then {now:%Z})"


def _works(say: _Sayer, shift: Shift) -> str:
    real = shift.end - shift.start
    shown = wall_at(shift.end, say.zone) - wall_at(shift.start, say.zone)
    return f"{say.names(shift.person)} works {_hours(real)} instead of {_hours(shown)}"


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):.4g} h"


def _twice(say: _Sayer, found: Sequence[Span]) -> Iterator[Notice]:
    for person in dict.fromkeys(p for s in found for p in s.twice):
        for start, end in _runs(s for s in found if person in s.twice):
            text = f"{say.names(person)} is named more than once {say.period(start, end)}, and called once"
            yield Notice(kind=NoticeKind.TWICE, text=text, start=start, end=end, people=(person,))


def _absent(say: _Sayer, found: Sequence[Span]) -> Iterator[Notice]:
    for person in dict.fromkeys(p for s in found for p in s.absent):
        for people, same in groupby((s for s in found if person in s.absent), lambda s: s.people):
            for start, end in _runs(same):
                left = f"{say.several(people)} {'is' if len(people) < 2 else 'are'} on call"
                text = f"{say.names(person)} is absent {say.period(start, end)}, without a replacement: {left}"
                yield Notice(kind=NoticeKind.ABSENT, text=text, start=start, end=end, people=(person,))


def _no_effect(say: _Sayer, found: Sequence[Span]) -> Iterator[Notice]:
    """Of overrides that lie in the window whole: another part might have one."""
    start, end = found[0].start, found[-1].end
    used = {place for s in found for place in s.used}
    for place, o in enumerate(say.rota.overrides):
        if place not in used and start <= o.start and o.end <= end:
            text = f"{_wanted(say, o)} {say.period(o.start, o.end)} changes nothing"
            people = tuple(p for p in (o.person, o.replaces) if p is not None)
            yield Notice(kind=NoticeKind.NO_EFFECT, text=text, start=o.start, end=o.end, people=people)


def _wanted(say: _Sayer, override: Override) -> str:
    person = say.names(override.person or "")
    match override.action:
        case OverrideAction.ADD:
            return f"Adding {person}"
        case OverrideAction.REMOVE:
            return f"Removing {person}"
    whom = "everybody" if override.replaces is None else say.names(override.replaces)
    return f"Replacing {whom} by {person}"


def _runs(found: Iterable[Span]) -> list[tuple[datetime, datetime]]:
    """Spans that touch as one."""
    runs: list[tuple[datetime, datetime]] = []
    for span in found:
        start = runs.pop()[0] if runs and runs[-1][1] == span.start else span.start
        runs.append((start, span.end))
    return runs


def _few(found: list[Notice]) -> list[Notice]:
    if len(found) <= MAX_OF_A_KIND:
        return found
    first, rest = found[: MAX_OF_A_KIND - 1], found[MAX_OF_A_KIND - 1 :]
    text = f"… and {len(rest)} more of this kind"
    return [*first, Notice(kind=rest[0].kind, text=text, start=rest[0].start, end=rest[-1].end)]
