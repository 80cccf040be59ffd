"""What admins must hear of an event, once: it goes on by another policy (decision 31), or it is broken. Pure."""

from collections.abc import Iterator

from model.plan import REFUSED, Hold, Kind, State
from routing import planner
from routing.facts import Facts, PlanChange, name
from routing.planner import Case


def tell(facts: Facts, change: PlanChange) -> None:
    """Once, with a remark beside it."""
    known = {n.details.get("note") for n in facts.notifications}
    for note in (*_lost(facts.case), *_broken(facts), *_refused(facts)):
        if note not in known and (rows := list(planner.admin_rows(facts.case, note))):
            change.add += rows
            change.remarks.append(note)


def undecided(error: Exception) -> str:
    """Its timetable cannot be looked at."""
    return f"BROKEN: what follows in this event cannot be decided ({type(error).__name__}). It is tried again and again"


def _lost(case: Case) -> Iterator[str]:
    event, roster = case.event, case.roster
    if event.policy not in roster.policies:
        yield f"policy {event.policy} is no longer in the roster: the event goes on by policy {case.policy.id}"
    if event.team not in roster.teams:
        yield f"team {event.team} is no longer in the roster: the event goes on with team {case.team.id}"
    for other in event.also:
        if other.policy and other.policy not in roster.policies:
            yield f"policy {other.policy} is no longer in the roster: the event goes on without its steps"
        if other.team not in roster.teams:
            yield f"team {other.team} is no longer in the roster: the event goes on without it"


def _refused(facts: Facts) -> Iterator[str]:
    """Of each address once: what the roster says of it is not so, or the person at it wants nothing."""
    for row in facts.notifications:
        if row.state is State.FAILED and row.reason.startswith(REFUSED) and row.kind is not Kind.ADMIN:
            whom = name(facts, row.person) if row.person else row.team or "nobody"
            yield f"{whom} cannot be told by {row.channel}, {row.reason}. Mend the roster"


def _broken(facts: Facts) -> Iterator[str]:
    """A line that is itself broken says nothing, and the next would be as well."""
    rows = [n for n in facts.notifications if n.hold is Hold.BROKEN and n.state is State.PENDING]
    if told := sorted({f"{n.person or n.team} by {n.channel}" for n in rows if n.kind is not Kind.ADMIN}):
        yield f"BROKEN: no words can be made for {', '.join(told)}. It is tried again and again"
