"""Load what planning looks at, and write down what it decided. Plain functions of a Connection."""

from collections.abc import Callable
from datetime import datetime

from model.event import Event
from model.ids import Ids
from model.plan import AgendaState, Notification, Plan
from model.roster import Roster
from routing.facts import Facts, PlanChange, case_for
from routing.planner import Case
from store import events, plans, replies, timeline, verdicts
from store.database import Connection

RosterAt = Callable[[], Roster]


def case(event: Event, roster: Roster, ids: Ids, now: datetime) -> Case:
    """A case of its own, nothing planned yet. Raises KeyError when the roster lost the event's policy or team."""
    return Case(event=event, roster=roster, policy=roster.policies[event.policy], ids=ids, now=now)


def facts(conn: Connection, event_pk: str, roster: Roster, ids: Ids, now: datetime) -> Facts:
    event = events.load(conn, [event_pk])[event_pk]
    rows = plans.of_event(conn, event_pk)
    return Facts(
        case=case_for(case(event, roster, ids, now), rows, now),
        notifications=rows,
        agenda=plans.agenda_of_event(conn, event_pk),
        replies=replies.of_event(conn, event_pk),
        verdicts=verdicts.of_event(conn, event_pk),
    )


def save_plan(conn: Connection, case: Case, plan: Plan) -> None:
    plans.add_notifications(conn, plan.notifications)
    plans.add_agenda(conn, plan.agenda)
    body = {
        "revision": case.event.answer_revision,
        "roster_version": case.roster.version,
        "deadline_at": case.event.deadline_at,
        "notifications": [_brief(n) for n in plan.notifications],
        "later": [{"kind": a.kind, "step": a.step + 1, "due_at": a.due_at} for a in plan.agenda],
        "remarks": list(plan.remarks),
    }
    timeline.append(conn, case.ids, case.event.pk, case.now, "planned", body)


def save_change(conn: Connection, facts: Facts, change: PlanChange, cause: str) -> None:
    if not change and not change.remarks:
        return
    case = facts.case
    plans.supersede(conn, change.supersede, change.reason)
    plans.request_cut(conn, change.cut, change.reason, case.now)
    plans.finish_agenda(conn, change.drop_agenda, AgendaState.SUPERSEDED, case.now)
    for agenda_id, reply_id in change.bring_forward:
        plans.bring_forward(conn, agenda_id, case.now, reply_id, "brought forward: somebody cannot comply")
    plans.add_notifications(conn, change.add)
    plans.add_agenda(conn, change.add_agenda)
    for verdict in change.verdicts:
        verdicts.add(conn, case.ids, verdict)
    timeline.append(conn, case.ids, case.event.pk, case.now, "revised", _change_body(facts, change, cause))
    for verdict in change.verdicts:
        body = {"person": verdict.person, "outcome": verdict.outcome, "reason": verdict.reason}
        timeline.append(conn, case.ids, case.event.pk, case.now, "verdict", body | {"revision": verdict.revision})


def _change_body(facts: Facts, change: PlanChange, cause: str) -> dict[str, object]:
    rows = {n.id: n for n in facts.notifications}
    return {
        "cause": cause,
        "why": change.reason,
        "added": [_brief(n) for n in change.add],
        "superseded": [_brief(rows[i]) for i in change.supersede],
        "cut": [_brief(rows[i]) for i in change.cut],
        "brought_forward": len(change.bring_forward),
        "remarks": list(change.remarks),
        "roster_version": facts.case.roster.version,
    }


def _brief(n: Notification) -> dict[str, object]:
    found = {"kind": n.kind, "channel": n.channel, "person": n.person, "due_at": n.due_at, "group": n.group or None}
    return {k: v for k, v in found.items() if v is not None}
