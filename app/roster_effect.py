"""What a change of the roster does to who is on call, as it is answered and printed. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from model.roster import Roster
from model.rota import Absence, Override, Rota
from routing import coverage
from routing.coverage import Finding
from routing.effect import Change, rota_effect, words
from routing.notices import Notice, next_clocks
from routing.rota_words import Names

AHEAD = timedelta(days=60)
FARTHEST = timedelta(days=366)
MAX_CHANGES = 100
MAX_FINDINGS = 100
MAX_CLOCKS = 100


@dataclass(frozen=True, slots=True)
class Effect:
    """Who is on call instead of whom, by rotation and time, and what is wrong then that was not before.

    `clocks`: rotations in which others work through one of the next two changes of clocks, or work other hours then.

    From now on for 60 days, and as far as changed overrides and absences reach, at most 366 days. Of a rotation that a
    route leads to only now the hours without anybody as well: events will find nobody there.
    """

    before: Roster
    after: Roster
    now: datetime
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    clocks: tuple[tuple[str, Notice], ...]

    def shown(self) -> dict[str, Any]:
        """`{"effect": [{"rotation", "from", "to", "before", "after", "text"}], "effect_omitted"}`, findings, clocks."""
        names = names_in(self.before, self.after)
        return {
            "effect": [self._shown(change, names) for change in self.changes[:MAX_CHANGES]],
            "effect_omitted": max(0, len(self.changes) - MAX_CHANGES),
            **shown_findings(self.findings, self.after, names, self.now),
            **shown_clocks(self.clocks),
        }

    def in_short(self) -> str:
        """The first finding, of some, and how many more there are."""
        first = _finding(self.findings[0], self.after, names_in(self.before, self.after), self.now)
        more = len(self.findings) - 1
        return f"{first['text']}{f', and {more} more' if more else ''}"

    def _shown(self, change: Change, names: Names) -> dict[str, Any]:
        rotation = self.after.rotations.get(change.rotation) or self.before.rotations[change.rotation]
        return {
            "rotation": change.rotation,
            "from": change.start.isoformat(),
            "to": change.end.isoformat(),
            "before": list(change.before),
            "after": list(change.after),
            "text": words(change, ZoneInfo(rotation.timezone), names, self.now),
        }


def effect(before: Roster, after: Roster, now: datetime) -> Effect:
    since = now.replace(second=0, microsecond=0)  # "Sat 12:18", and lengths without seconds
    farthest = max((_horizon(before.rotas.get(r), rota, since) for r, rota in after.rotas.items()), default=since)
    return Effect(
        before,
        after,
        since,
        changes=tuple(_changes(before, after, since)),
        findings=coverage.at_once(coverage.worse(before, after, since, farthest)),
        clocks=tuple(_clocks(before, after, since)),
    )


def shown_findings(
    findings: Sequence[Finding], roster: Roster, names: Names, since: datetime, at_most: int = MAX_FINDINGS
) -> dict[str, Any]:
    """`{"findings": [{"kind", "rotations", "people", "from", "to", "text"}], "findings_omitted"}`."""
    return {
        "findings": [_finding(found, roster, names, since) for found in findings[:at_most]],
        "findings_omitted": max(0, len(findings) - at_most),
    }


def _finding(found: Finding, roster: Roster, names: Names, since: datetime) -> dict[str, Any]:
    zone = ZoneInfo(roster.rotations[found.rotations[0]].timezone)
    return {
        "kind": str(found.kind),
        "rotations": list(found.rotations),
        "people": list(found.people),
        "from": found.start.isoformat(),
        "to": found.end.isoformat(),
        "text": f"{' and '.join(found.rotations)}: {coverage.words(found, zone, names, since)}",
    }


def shown_clocks(found: Sequence[tuple[str, Notice]], at_most: int = MAX_CLOCKS) -> dict[str, Any]:
    """`{"clocks": [{"rotation", "at", "people", "text"}], "clocks_omitted"}`."""
    return {
        "clocks": [
            {"rotation": r, "at": n.start.isoformat(), "people": list(n.people), "text": f"{r}: {n.text}"}
            for r, n in found[:at_most]
        ],
        "clocks_omitted": max(0, len(found) - at_most),
    }


def names_in(*rosters: Roster) -> Names:
    """By the last roster that knows the person; strangers by their ids."""
    people = {name: person for roster in rosters for name, person in roster.people.items()}
    return lambda person: people[person].name if person in people else person


def _changes(before: Roster, after: Roster, now: datetime) -> Iterator[Change]:
    newly_reached = coverage.reached(after).keys() - coverage.reached(before).keys()
    for rotation in sorted(before.rotas.keys() | after.rotas.keys()):
        one, other = before.rotas.get(rotation), after.rotas.get(rotation)
        yield from rota_effect(one, other, now, _horizon(one, other, now), gaps=rotation in newly_reached)


def _clocks(before: Roster, after: Roster, now: datetime) -> Iterator[tuple[str, Notice]]:
    names = names_in(before, after)
    for rotation, rota in sorted(after.rotas.items()):
        if (old := before.rotas.get(rotation)) != rota:
            known = next_clocks(old, names, now) if old else ()
            yield from ((rotation, n) for n in next_clocks(rota, names, now) if n not in known and n.people)


def _horizon(one: Rota | None, other: Rota | None, now: datetime) -> datetime:
    ends = [change.end for change in _of(one) ^ _of(other)]
    return min(max([now + AHEAD, *ends]), now + FARTHEST)


def _of(rota: Rota | None) -> set[Override | Absence]:
    return {*rota.overrides, *rota.absences} if rota else set()
