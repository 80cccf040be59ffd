"""Where coverage is missing in rotations that a route leads to, and what a change of the roster makes worse. Pure.

Three things are looked for: nobody on call, nobody who can be told, a person in two places. What counts as that is
decision 0024. The work comes in slices, so that a loop can give others a turn between them.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations
from typing import TypeVar
from zoneinfo import ZoneInfo

from model.plan import ChannelName
from model.roster import Roster
from model.rota import Rota, Span
from routing.audience import reachable
from routing.effect import People, Told, overlaid
from routing.intervals import Interval, joined, shared, without
from routing.on_call import by_people, spans
from routing.rota_words import Names, period, several

_SLICE = timedelta(days=14)

T = TypeVar("T")
Sliced = Generator[None, None, T]


class FindingKind(StrEnum):
    GAP = "gap"  # nobody is on call
    UNREACHABLE = "unreachable"  # somebody is, and no step that leads there has a way to tell them
    TWO_PLACES = "two_places"  # somebody is on call in two rotations that need one person each


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """From `start` until before `end` (aware UTC). `people`: who cannot be told, who is in two places, whom nobody
    replaces.
    """

    kind: FindingKind
    rotations: tuple[str, ...]
    people: People
    start: datetime
    end: datetime

    @property
    def missing(self) -> bool:
        """An event would find nobody."""
        return self.kind is not FindingKind.TWO_PLACES


def missing(roster: Roster, start: datetime, end: datetime) -> Sliced[tuple[Finding, ...]]:
    """Everything that is wrong in the window: what is missing by start, then who is in two places."""
    return worse(Roster(), roster, start, end)


def worse(before: Roster, after: Roster, start: datetime, end: datetime) -> Sliced[tuple[Finding, ...]]:
    """What is wrong by `after` and was not by `before`, in the same order.

    A rotation that no route led to before, or that was not there, had nothing wrong.
    """
    compared = _Compared(before, after, start, end)
    found = yield from compared.findings()
    return tuple(sorted(found, key=lambda f: (not f.missing, f.start, f.rotations, f.people, f.end)))


def at_once(sliced: Sliced[T]) -> T:
    """The result, without a pause."""
    while True:
        try:
            next(sliced)
        except StopIteration as done:
            result: T = done.value
            return result


def words(finding: Finding, zone: ZoneInfo, names: Names, since: datetime) -> str:
    """ "Nobody replaces Ana Sat 22:00-Sun 06:00 CDT, 8 h", by the clock of `zone`; of which rotation is not said."""
    when, who = period(finding.start, finding.end, zone, since), several(finding.people, names)
    match finding.kind:
        case FindingKind.GAP:
            return f"Nobody {f'replaces {who}' if finding.people else 'is on call'} {when}"
        case FindingKind.UNREACHABLE:
            return f"Nobody can be told {when}: no step that leads there has a way to reach {who}"
    return f"{who} is on call in both {when}"


# --- where routes lead ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reach:
    """How events come to a rotation: by which steps of which policies, and on which channels these tell people."""

    steps: Mapping[str, frozenset[int]]
    channels: frozenset[ChannelName]

    def apart(self, other: "Reach") -> bool:
        """They are of two steps of a policy: who was told by the one is nobody new for the other."""
        both = self.steps.keys() & other.steps.keys()
        return any(len(self.steps[policy] | other.steps[policy]) > 1 for policy in both)


def reached(roster: Roster) -> Mapping[str, Reach]:
    """The rotations that a route leads to, by way of its policy."""
    steps: dict[str, dict[str, frozenset[int]]] = defaultdict(dict)
    channels: dict[str, frozenset[ChannelName]] = {}
    for policy in {route.policy for route in roster.routes if route.policy}:
        for number, step in enumerate(roster.policies[policy].steps):
            for rotation in roster.rotations.keys() & set(step.rotations):
                steps[rotation][policy] = steps[rotation].get(policy, frozenset()) | {number}
                channels[rotation] = channels.get(rotation, frozenset()) | set(step.channels)
    return {rotation: Reach(steps[rotation], channels[rotation]) for rotation in steps}


class _Side:
    """One of the two rosters, as far as it is asked."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.reach = reached(roster)
        self._told: dict[tuple[str, People], FindingKind | None] = {}

    def wrong(self, rotation: str, people: People) -> FindingKind | None:
        """With these on call."""
        if not people:
            return FindingKind.GAP
        if (rotation, people) not in self._told:
            self._told[rotation, people] = None if self._can_be_told(rotation, people) else FindingKind.UNREACHABLE
        return self._told[rotation, people]

    def _can_be_told(self, rotation: str, people: People) -> bool:
        known = [person for name in people if (person := self.roster.people.get(name))]
        return any(reachable(person, self.reach[rotation].channels) for person in known)

    def apart(self, one: str, other: str) -> bool:
        """Nobody can be on call in both: they are of two teams, or of two steps of a policy."""
        if one not in self.reach or other not in self.reach:
            return False
        two_teams = self.roster.rotations[one].team != self.roster.rotations[other].team
        return two_teams or self.reach[one].apart(self.reach[other])


# --- what is wrong, and was not ---------------------------------------------------------------------------------------


class _Compared:
    """Two rosters over one window; only what the difference between them touches is worked out."""

    def __init__(self, before: Roster, after: Roster, start: datetime, end: datetime) -> None:
        self._before = _Side(before)
        self._after = _Side(after)
        self._window = (start, end)
        self._tilings: dict[tuple[bool, str], list[Told]] = {}
        self._duties: dict[tuple[bool, str], Mapping[str, list[Interval]]] = {}

    def findings(self) -> Sliced[list[Finding]]:
        touched = {r for r in self._after.reach if self._touched(r)}
        found: list[Finding] = []
        for rotation in sorted(touched):
            yield from self._work_out(rotation)
            found += _merged(self._nobody(rotation))
        pairs = yield from self._pairs(touched)
        for one, other in pairs:
            yield from self._work_out(one)
            yield from self._work_out(other)
            found += self._twice(one, other)
            yield
        for worked_out in (self._tilings, self._duties):
            while worked_out:  # of hundreds of rotations, letting go of it all at once would be a long slice
                worked_out.popitem()
                yield
        return found

    def _touched(self, rotation: str) -> bool:
        """Something that decides about it is not as it was."""
        before, after = self._before, self._after
        rota = after.roster.rotas[rotation]
        if before.roster.rotas.get(rotation) != rota or before.reach.get(rotation) != after.reach[rotation]:
            return True
        one, other = before.roster.people, after.roster.people
        return any(one[person].methods != other[person].methods for person in rota.people)

    def _same(self, rotation: str) -> bool:
        return self._before.roster.rotas.get(rotation) == self._after.roster.rotas[rotation]

    def _work_out(self, rotation: str) -> Sliced[None]:
        """Who is on call in it by either roster, once."""
        for old, side in ((False, self._after), (True, self._before)):
            if (old, rotation) in self._tilings:
                continue
            if old and self._same(rotation):
                self._tilings[old, rotation] = self._tilings[False, rotation]
            elif (rota := side.roster.rotas.get(rotation)) is not None:
                self._tilings[old, rotation] = yield from _tiling(rota, *self._window)

    def _nobody(self, rotation: str) -> Iterator[Finding]:
        """Nobody on call, or nobody who can be told."""
        led = rotation in self._before.reach
        nothing: list[Told] = [((), *self._window)]
        one = self._tilings.get((True, rotation), nothing)
        for old, new, start, end in overlaid(one, self._tilings[False, rotation]):
            kind = self._after.wrong(rotation, new)
            if kind is not None and not (led and self._before.wrong(rotation, old)):
                people = new or old
                yield Finding(kind=kind, rotations=(rotation,), people=people, start=start, end=end)

    def _pairs(self, touched: set[str]) -> Sliced[Sequence[tuple[str, str]]]:
        """Rotations that share a person and need one each; at least one of them is touched."""
        named: dict[str, list[str]] = defaultdict(list)
        for rotation in sorted(self._after.reach):
            for person in self._after.roster.rotas[rotation].people:
                named[person].append(rotation)
        pairs: set[tuple[str, str]] = set()
        for rotations in named.values():
            if not touched.isdisjoint(rotations):
                pairs.update(combinations(rotations, 2))
                yield
        return sorted(pair for pair in pairs if not touched.isdisjoint(pair) and self._after.apart(*pair))

    def _twice(self, one: str, other: str) -> Iterator[Finding]:
        here, there = self._duty(False, one), self._duty(False, other)
        for person in sorted(here.keys() & there.keys()):
            both = list(shared(here[person], there[person]))
            for start, end in without(both, self._both_before(person, one, other)):
                yield Finding(
                    kind=FindingKind.TWO_PLACES, rotations=(one, other), people=(person,), start=start, end=end
                )

    def _both_before(self, person: str, one: str, other: str) -> list[Interval]:
        if not self._before.apart(one, other):
            return []
        here, there = self._duty(True, one).get(person, []), self._duty(True, other).get(person, [])
        return list(shared(here, there))

    def _duty(self, old: bool, rotation: str) -> Mapping[str, list[Interval]]:
        """When each person is on call in it."""
        if (old, rotation) not in self._duties:
            duty: dict[str, list[Interval]] = defaultdict(list)
            for people, start, end in self._tilings[old, rotation]:
                for person in people:
                    duty[person].append((start, end))
            self._duties[old, rotation] = {person: joined(intervals) for person, intervals in duty.items()}
        return self._duties[old, rotation]


def _tiling(rota: Rota, start: datetime, end: datetime) -> Sliced[list[Told]]:
    """Who from when until when."""
    found: list[Span] = []
    while start < end:
        found += spans(rota, start, min(start + _SLICE, end))
        start += _SLICE
        yield
    return list(by_people(found))


def _merged(findings: Iterable[Finding]) -> Sequence[Finding]:
    """Those that touch and say the same as one."""
    done: list[Finding] = []
    for finding in findings:
        last = done[-1] if done else None
        if last and last.end == finding.start and (last.kind, last.people) == (finding.kind, finding.people):
            done[-1] = replace(last, end=finding.end)
        else:
            done.append(finding)
    return done
