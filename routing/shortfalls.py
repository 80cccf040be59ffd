"""Which events tell of missing coverage: what a look finds is compared with what was told before. Pure.

One event tells of the hours of one rotation that lie near each other: a rota that is empty each night is one event,
not sixty, and stays the same one while nights go by.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from model.event import Action, MessageType, Phase, Severity
from model.roster import Roster
from model.rota import Rotation
from model.shortfall import Hours, Shortfall
from routing.coverage import Finding, FindingKind
from routing.rota_words import moment, period

NEAR = timedelta(days=8)  # so that what is missing each week is told once
SOON = timedelta(days=7)  # hours that came into view since are told so long before they begin
NAMED = 8  # hours that a text lists one by one
_DATED = timedelta(days=8)  # later than this a weekday alone is ambiguous, and the words have a date
_ROTATION_CHARS = 40
_WHAT = {FindingKind.GAP: "nobody is on call", FindingKind.UNREACHABLE: "nobody on call can be told"}


@dataclass(frozen=True, slots=True)
class _Run:
    """Hours of a rotation that are told together."""

    rotation: str
    hours: tuple[Hours, ...]

    def touches(self, told: Shortfall) -> bool:
        return self.rotation == told.rotation and self.hours[0].start < told.end and told.start < self.hours[-1].end


def decide(
    known: Sequence[Shortfall], findings: Iterable[Finding], roster: Roster, now: datetime, until: datetime
) -> list[Shortfall]:
    """What to keep of a look from `now` until `until`: those with `to_tell` say something new."""
    runs = list(_runs(findings))
    decided: list[Shortfall] = []
    for told in (s for s in known if not s.over):
        run = next((r for r in runs if r.touches(told)), None)
        if run is None:
            decided.append(_over(told, roster, now, until))
        else:
            runs.remove(run)
            decided.append(_as_it_is(told, run, roster, now, until))
    kept = {s.event_id: s for s in (*known, *decided)}
    for run in runs:
        new = _new(run, kept, roster, now, until)
        kept[new.event_id] = new
        decided.append(new)
    return decided


def _runs(findings: Iterable[Finding]) -> Iterator[_Run]:
    missing = sorted((f for f in findings if f.missing), key=lambda f: (f.rotations, f.start))
    for (rotation,), found in groupby(missing, lambda f: f.rotations):
        hours = [Hours(str(f.kind), f.start, f.end) for f in found]
        far = [n for n, (one, other) in enumerate(pairwise(hours), start=1) if other.start - one.end >= NEAR]
        for first, last in pairwise([0, *far, len(hours)]):
            yield _Run(rotation, tuple(hours[first:last]))


def _new(run: _Run, kept: Mapping[str, Shortfall], roster: Roster, now: datetime, until: datetime) -> Shortfall:
    """An event that is over is opened again when the same hours are missing again."""
    event_id = f"coverage/{run.rotation}/{_stamp(run.hours[0].start)}"
    before = kept.get(event_id)
    if before is not None and not before.over:  # it tells of what is left of it, at other hours
        event_id = f"{event_id}/{_stamp(now)}"
        before = kept.get(event_id)
    new = Shortfall(
        event_id=event_id,
        rotation=run.rotation,
        revision=before.revision + 1 if before else 1,
        hours=run.hours,
        seen_until=until,
    )
    return replace(new, to_tell=_missing(new, MessageType.NEW if before is None else MessageType.UPDATE, roster, now))


def _as_it_is(told: Shortfall, run: _Run, roster: Roster, now: datetime, until: datetime) -> Shortfall:
    """Told again when other hours are missing of those that could be seen when it was told, or soon are beyond them.

    All that is in view is told then, so what is missing each night is told again after weeks, not each night.
    """
    seen = min(told.seen_until, until)
    new = replace(told, hours=run.hours)
    if _within(told.hours, now, seen) == _within(run.hours, now, seen) and not _within(run.hours, seen, now + SOON):
        return new
    new = replace(new, revision=told.revision + 1, seen_until=until)
    return replace(new, to_tell=_missing(new, MessageType.UPDATE, roster, now))


def _over(told: Shortfall, roster: Roster, now: datetime, until: datetime) -> Shortfall:
    name = _name(roster.rotations.get(told.rotation), told.rotation)
    past = told.end <= now
    headline = f"{name}: the hours without anybody are over" if past else f"{name}: nobody is missing any more"
    over = replace(told, revision=told.revision + 1, seen_until=max(told.end, until), over=True)
    return replace(over, to_tell=_statement(over, MessageType.TERMINATE, headline, "", now))


def _within(hours: Iterable[Hours], start: datetime, end: datetime) -> list[Hours]:
    cut = (Hours(h.kind, max(h.start, start), min(h.end, end)) for h in hours)
    return [h for h in cut if h.start < h.end]


# --- words ------------------------------------------------------------------------------------------------------------


def _missing(found: Shortfall, message_type: MessageType, roster: Roster, now: datetime) -> Mapping[str, Any]:
    rotation = roster.rotations[found.rotation]
    zone, since = ZoneInfo(rotation.timezone), now - _DATED
    first, more = found.hours[0], len(found.hours) - 1
    what = _WHAT[FindingKind(first.kind)]
    often = f" and {more} more {'time' if more == 1 else 'times'}" if more else ""
    headline = f"{_name(rotation, found.rotation)}: {what} from {moment(first.start, zone, since)}{often}"
    listed = [f"{_WHAT[FindingKind(h.kind)]} {period(h.start, h.end, zone, since)}" for h in found.hours[:NAMED]]
    rest = [f"and {len(found.hours) - NAMED} more"] if len(found.hours) > NAMED else []
    text = f"Rotation {found.rotation}: {'; '.join([*listed, *rest])}. Cover it: gridcall cover."
    return _statement(found, message_type, headline, text, now)


def _statement(
    found: Shortfall, message_type: MessageType, headline: str, text: str, now: datetime
) -> Mapping[str, Any]:
    return {
        "event_id": found.event_id,
        "revision": found.revision,
        "message_type": message_type,
        "issuer": "Gridcall",
        "program": "GRIDCALL",
        "phase": Phase.TERMINATION if message_type.ends else Phase.ALERT,
        "severity": Severity.NOTICE,
        "issued_at": now.isoformat(),
        "instruction": {"action": Action.INFORMATIONAL},
        "headline": headline,
        "text": text,
    }


def _name(rotation: Rotation | None, known_as: str) -> str:
    name = rotation.name if rotation else known_as
    return name if len(name) <= _ROTATION_CHARS else f"{name[: _ROTATION_CHARS - 1]}…"


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
