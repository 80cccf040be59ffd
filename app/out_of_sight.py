"""Overrides and absences whose effect nobody looks at: over already, or farther ahead than the looks go. Pure.

Those that are over for long stay in earlier versions of the roster only: else each edit would read, compare and store
all of them, until the roster is too long for one more cover.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from app.roster_diff import Difference, Kind
from app.roster_effect import FARTHEST
from model.roster import Roster
from model.rota import Absence, Override

_SECTIONS = ("overrides/", "absences/")
KEPT = timedelta(days=366)  # after their end: who was on call in the last year is still asked


def without_long_past(roster: Roster, now: datetime) -> Roster:
    """Without what ended more than a year before `now`; the same object where nothing did."""
    since = now - KEPT
    overrides = tuple(one for one in roster.overrides if one.end >= since)
    absences = tuple(one for one in roster.absences if one.end >= since)
    if len(overrides) == len(roster.overrides) and len(absences) == len(roster.absences):
        return roster
    return replace(roster, overrides=overrides, absences=absences)


def problem(hours: Override | Absence, now: datetime) -> tuple[str, str] | None:
    """The field for which one that somebody makes now is refused, and the sentence; None for one that does something.

    One that has begun is right, and so is one that ends far ahead: people leave.
    """
    if hours.end <= now:
        return "to", f"expected an instant later than now, {_said(now)}, found {_said(hours.end)}"
    if hours.start > now + FARTHEST:
        return "from", f"expected an instant at most {FARTHEST.days} days from now, found {_said(hours.start)}"
    return None


def remarks(found: Iterable[Difference], now: datetime) -> Iterator[str]:
    """Of a file, which was right when it was written: a sentence for each way in which new ones are out of sight."""
    hidden: dict[str, list[str]] = defaultdict(list)
    for one in found:
        if one.kind is Kind.ADDED and one.what.startswith(_SECTIONS):
            start, end = (datetime.fromisoformat(one.after[field]) for field in ("from", "to"))
            if (how := _hidden(start, end, now)) is not None:
                hidden[how].append(one.text().removeprefix("add "))
    for how, (first, *others) in hidden.items():
        yield f"{first}{f' and {len(others)} more' if others else ''}: {how}"


def _hidden(start: datetime, end: datetime, now: datetime) -> str | None:
    if end <= now:
        return "over already, nothing changes by it"
    if start > now + FARTHEST:
        return f"begins more than {FARTHEST.days} days from now, farther than anybody looks for who is missing"
    if end > now + FARTHEST:
        return f"ends more than {FARTHEST.days} days from now, farther than anybody looks for who is missing"
    return None


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"
