"""An event whose policy or team left the roster goes on by others (decision 31): the admins hear of it. Pure."""

from collections.abc import Iterator

from routing import planner
from routing.facts import Facts, PlanChange
from routing.planner import Case


def tell(facts: Facts, change: PlanChange) -> None:
    """Once, in a line to the admins and a remark beside it."""
    known = {n.details.get("note") for n in facts.notifications}
    for note in _notes(facts.case):
        if note not in known and (rows := list(planner.admin_rows(facts.case, note))):
            change.add += rows
            change.remarks.append(note)


def _notes(case: Case) -> Iterator[str]:
    event, roster = case.event, case.roster
    if event.policy not in roster.policies:
        yield f"policy {event.policy} is no longer in the roster: the event goes on by policy {case.policy.id}"
    if event.team not in roster.teams:
        yield f"team {event.team} is no longer in the roster: the event goes on with team {case.team.id}"
