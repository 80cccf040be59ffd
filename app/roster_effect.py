"""What a change of the roster does to who is on call, as it is answered and printed. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from model.roster import Roster
from model.rota import Absence, Override, Rota
from routing.effect import Change, rota_effect, words

AHEAD = timedelta(days=60)
FARTHEST = timedelta(days=366)
MAX_CHANGES = 100


@dataclass(frozen=True, slots=True)
class Effect:
    """Who is on call instead of whom, by rotation and time.

    From now on for 60 days, and as far as changed overrides and absences reach, at most 366 days. Of a rotation that a
    route leads to only now the hours without anybody as well: events will find nobody there.
    """

    before: Roster
    after: Roster
    now: datetime
    changes: tuple[Change, ...]

    def gaps(self) -> "Effect":
        """What leaves nobody on call in a rotation that a route leads to, where somebody was or no route led before."""
        routed = _routed(self.after)
        return replace(self, changes=tuple(c for c in self.changes if not c.after and c.rotation in routed))

    def shown(self) -> dict[str, Any]:
        """`{"effect": [{"rotation", "from", "to", "before", "after", "text"}], "effect_omitted"}`."""
        return {
            "effect": [_shown(change, self.before, self.after, self.now) for change in self.changes[:MAX_CHANGES]],
            "effect_omitted": max(0, len(self.changes) - MAX_CHANGES),
        }


def effect(before: Roster, after: Roster, now: datetime) -> Effect:
    since = now.replace(second=0, microsecond=0)  # "Sat 12:18", and lengths without seconds
    return Effect(before, after, since, tuple(_changes(before, after, since)))


def _routed(roster: Roster) -> set[str]:
    policies = {roster.policies[route.policy] for route in roster.routes}
    return {rotation for policy in policies for step in policy.steps for rotation in step.rotations}


def _changes(before: Roster, after: Roster, now: datetime) -> Iterator[Change]:
    newly_routed = _routed(after) - _routed(before)
    for rotation in sorted(before.rotas.keys() | after.rotas.keys()):
        one, other = before.rotas.get(rotation), after.rotas.get(rotation)
        yield from rota_effect(one, other, now, _horizon(one, other, now), gaps=rotation in newly_routed)


def _horizon(one: Rota | None, other: Rota | None, now: datetime) -> datetime:
    ends = [change.end for change in _of(one) ^ _of(other)]
    return min(max([now + AHEAD, *ends]), now + FARTHEST)


def _of(rota: Rota | None) -> set[Override | Absence]:
    return {*rota.overrides, *rota.absences} if rota else set()


def _shown(change: Change, before: Roster, after: Roster, now: datetime) -> dict[str, Any]:
    rotation = (after.rotations.get(change.rotation) or before.rotations[change.rotation]).timezone
    people = dict(before.people) | dict(after.people)

    def name(person: str) -> str:
        return people[person].name if person in people else person

    return {
        "rotation": change.rotation,
        "from": change.start.isoformat(),
        "to": change.end.isoformat(),
        "before": list(change.before),
        "after": list(change.after),
        "text": words(change, ZoneInfo(rotation), name, now),
    }
