"""Who will be missing, as it is answered and printed. Pure, in slices."""

from datetime import datetime, timedelta
from typing import Any

from app.roster_effect import names_in, shown_clocks, shown_findings
from model.roster import Roster
from routing import coverage
from routing.coverage import Sliced
from routing.notices import Notice, next_clocks
from routing.rota_words import Names

MAX_DAYS = 366
MAX_FINDINGS = 1000


def looked(roster: Roster, now: datetime, days: int) -> Sliced[dict[str, Any]]:
    """`{"from", "to", "findings", "findings_omitted", "clocks", "clocks_omitted"}`, from this minute on."""
    start = now.replace(second=0, microsecond=0)
    end = start + timedelta(days=days)
    names = names_in(roster)
    found = yield from coverage.missing(roster, start, end)
    clocks = yield from _clocks(roster, names, start)
    return {
        "from": start.isoformat(),
        "to": end.isoformat(),
        **shown_findings(found, roster, names, start, at_most=MAX_FINDINGS),
        **shown_clocks(clocks, at_most=MAX_FINDINGS),
    }


def _clocks(roster: Roster, names: Names, now: datetime) -> Sliced[list[tuple[str, Notice]]]:
    """Who works through the next two changes of clocks, by time."""
    found: list[tuple[str, Notice]] = []
    for rotation in sorted(coverage.reached(roster)):
        found += [(rotation, n) for n in next_clocks(roster.rotas[rotation], names, now) if n.people]
        yield
    return sorted(found, key=lambda clock: clock[1].start)
