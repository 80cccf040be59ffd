"""Who will be missing, as it is answered and printed. Pure, in slices."""

from datetime import datetime, timedelta
from typing import Any

from app.roster_effect import names_in, shown_findings
from model.roster import Roster
from routing import coverage
from routing.coverage import Sliced

MAX_DAYS = 366
MAX_FINDINGS = 1000


def looked(roster: Roster, now: datetime, days: int) -> Sliced[dict[str, Any]]:
    """`{"from", "to", "findings", "findings_omitted"}`, from this minute on."""
    start = now.replace(second=0, microsecond=0)
    end = start + timedelta(days=days)
    found = yield from coverage.missing(roster, start, end)
    shown = shown_findings(found, roster, names_in(roster), start, at_most=MAX_FINDINGS)
    return {"from": start.isoformat(), "to": end.isoformat(), **shown}
