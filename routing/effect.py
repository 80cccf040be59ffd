"""What a change of the roster does to who is on call: in these intervals these people instead of those. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from model.roster import Roster
from model.rota import Rota
from routing.on_call import by_people, spans
from routing.rota_words import Names, period, several

People = tuple[str, ...]
Told = tuple[People, datetime, datetime]  # who from when until when


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From `start` until before `end` (aware UTC) `after` are on call in the rotation, and no longer `before`.

    Both in rota order. A rotation that is not there has nobody on call.
    """

    rotation: str
    start: datetime
    end: datetime
    before: People
    after: People

    @property
    def coming(self) -> People:
        return tuple(p for p in self.after if p not in self.before)

    @property
    def going(self) -> People:
        return tuple(p for p in self.before if p not in self.after)


def effect(before: Roster, after: Roster, start: datetime, end: datetime) -> tuple[Change, ...]:
    """Every change of who is on call from `start` until before `end`, by rotation, then by time."""
    return tuple(
        change
        for rotation in sorted(before.rotas.keys() | after.rotas.keys())
        for change in rota_effect(before.rotas.get(rotation), after.rotas.get(rotation), start, end)
    )


def rota_effect(
    before: Rota | None, after: Rota | None, start: datetime, end: datetime, *, gaps: bool = False
) -> tuple[Change, ...]:
    """The same of one rotation, None for one that is not there. `gaps`: also where nobody was on call and nobody is."""
    there = after or before
    if (before == after and not gaps) or there is None or start >= end:
        return ()
    one, other = (list(by_people(spans(r, start, end))) if r else [((), start, end)] for r in (before, after))
    changes: list[Change] = []
    for old, new, begins, ends in overlaid(one, other):
        if set(old) == set(new) and (new or not gaps):
            continue
        change = Change(rotation=there.rotation.id, start=begins, end=ends, before=old, after=new)
        last = changes[-1] if changes else None
        if last and last.end == begins and _who(last) == _who(change):
            changes[-1] = replace(last, end=ends)
        else:
            changes.append(change)
    return tuple(changes)


def words(change: Change, zone: ZoneInfo, names: Names, since: datetime) -> str:
    """ "Ben replaces Ana Sat 22:00-Sun 06:00 CDT, 8 h", by the clock of `zone`."""
    return f"{_sentence(change, names)} {period(change.start, change.end, zone, since)}"


def _sentence(change: Change, names: Names) -> str:
    coming, going = several(change.coming, names), several(change.going, names)
    if change.coming and change.going:
        return f"{coming} {'replaces' if len(change.coming) == 1 else 'replace'} {going}"
    if change.coming:
        beside = several(change.before, names) if change.before else "an empty rota"
        return f"{coming} {'joins' if len(change.coming) == 1 else 'join'} {beside}"
    if not change.after:
        return f"Nobody replaces {going}" if change.going else "Nobody is on call"
    leave, stay = "leaves" if len(change.going) == 1 else "leave", "stays" if len(change.after) == 1 else "stay"
    return f"{going} {leave} and {several(change.after, names)} {stay}"


def _who(change: Change) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(change.before), frozenset(change.after)


def overlaid(one: Sequence[Told], other: Sequence[Told]) -> Iterator[tuple[People, People, datetime, datetime]]:
    """Two tilings of the same window as one: who by the one, who by the other, from when until when."""
    left = right = 0
    while left < len(one) and right < len(other):
        (old, begins, ends), (new, begins_too, ends_too) = one[left], other[right]
        yield old, new, max(begins, begins_too), min(ends, ends_too)
        left, right = left + (ends <= ends_too), right + (ends_too <= ends)
