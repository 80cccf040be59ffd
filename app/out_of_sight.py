"""Overrides and absences whose effect nobody looks at: over already, or farther ahead than the looks go. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from app.roster_diff import Difference, Kind
from app.roster_effect import FARTHEST
from model.rota import Absence, Override

_SECTIONS = ("overrides/", "absences/")


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
