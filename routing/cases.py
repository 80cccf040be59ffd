"""Load what planning looks at, and write down what it decided. Plain functions of a Connection."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from model.call_lengths import Length
from model.event import Event, EventStatus
from model.ids import Ids
from model.phones import USUAL, Phones
from model.plan import AgendaState, Notification, Plan, Reach
from model.roster import A_CALL, Roster
from model.silence import Silence
from model.upstream import OutcomeCall
from model.verdict import Outcome, Verdict
from routing import event_after, paging_again, silencing
from routing.capacity import Call, Lines, most_starts
from routing.facts import Facts, Leader, PlanChange, case_for
from routing.objective import leader_in
from routing.planner import Case
from store import events, issuer_acks, lines, outcome_calls, plans, replies, silences, timeline, verdicts
from store.database import Connection
from store.lines import InTheAir, ToCome, Waiting

RosterAt = Callable[[], Roster]
PhonesAt = Callable[[], Phones]
FactsOf = Callable[[str], Facts]  # by the event's key


def case(event: Event, roster: Roster, ids: Ids, now: datetime) -> Case:
    """A case of its own, nothing planned yet."""
    return Case(event=event, roster=roster, policy=roster.policy_of(event), ids=ids, now=now)


def with_lines(conn: Connection, case: Case, phones: Phones) -> Case:
    """The case with what is known of the lines: those in use, and the calls of other events that wait for one."""
    return replace(case, lines=lines_known(conn, case.roster, phones, case.now, case.last_ring_at, but=case.event.pk))


def with_silence(conn: Connection, case: Case) -> Case:
    """The case with what holds it now. Only of what nobody was told of yet."""
    if not silencing.may_be_held(case.event):
        return case
    return replace(case, silence=silencing.holding(case.event, silences.active(conn, case.now), case.now))


def hold(conn: Connection, case: Case) -> Plan:
    """Nobody is told of a new event: that it was kept back, and why, is written down."""
    assert case.silence is not None
    said = silencing.why(case.silence)
    plan = Plan(rings=False, remarks=(said,), agenda=(silencing.look_after(case.silence, case),))
    save_plan(conn, case, plan)
    _note_held(conn, case, case.silence)
    held = Verdict(
        event_pk=case.event.pk,
        revision=case.event.answer_revision,
        outcome=Outcome.NOT_NEEDED,
        reason=said,
        at=case.now,
    )
    save_verdicts(conn, case, [held])
    return plan


def _note_held(conn: Connection, case: Case, silence: Silence) -> None:
    until = silences.hold(conn, silence.id, case.event.pk, case.event.answer_revision, case.now)
    if until < silence.until:  # ended since it was looked at: who told of its end has not seen this event
        cause, at = "the silence that held it is over", max(case.now, until)
        plans.ask_revise(conn, case.ids, case.event.pk, case.lane, cause, at, urgent=True)
    body = {
        "revision": case.event.answer_revision,
        "silence": silence.id,
        "reason": silence.reason,
        "author": silence.author,
        "until": silence.until,
    }
    timeline.append(conn, case.ids, case.event.pk, case.now, "silenced", body)


def lines_known(
    conn: Connection, roster: Roster, phones: Phones, now: datetime, until: datetime, *, but: str = ""
) -> Lines:
    """What matters to an event that calls people until then. `but`: the event itself."""
    calls = lines.in_the_air(conn, now)
    begun = max((call.since for call in calls), default=None)
    most = most_starts(phones, until - now, _shortest(roster, phones))
    waiting = lines.waiting(conn, until, but=but, at_most=most) if most else ()
    to_come = lines.to_come(conn, until, but=but, at_most=most) if most and roster.asks_again else ()
    return Lines(
        phones=phones,
        busy=tuple(_over_at(call, _length(roster, phones, call.policy or ""), now) for call in calls),
        next_at=begun and begun + timedelta(seconds=1 / phones.calls_per_second),
        waiting=tuple(_waits(row, _holds(roster, phones, row.policy)) for row in waiting),
        to_come=tuple(_will_wait(row, _holds(roster, phones, row.policy)) for row in to_come),
    )


def _shortest(roster: Roster, phones: Phones) -> timedelta:
    """How long a call has its line at least. What is learned is never longer than what a policy gives."""
    learned = [length.holds for policy in phones.learned if (length := _length(roster, phones, policy))]
    return min([roster.shortest_call, *learned])


def _length(roster: Roster, phones: Phones, policy: str) -> Length | None:
    known = roster.policies.get(policy)
    return phones.length_of(known) if known else None


def _holds(roster: Roster, phones: Phones, policy: str) -> timedelta:
    length = _length(roster, phones, policy)
    return length.holds if length else A_CALL


def _over_at(call: InTheAir, length: Length | None, now: datetime) -> datetime:
    """As past calls teach; one that is longer already may take all that its policy gives it."""
    if length is None or not length.calls or call.since + length.holds <= now:
        return call.over_at
    return min(call.since + length.holds, call.over_at)


def _waits(row: Waiting, holds: timedelta) -> Call:
    return Call(row.lane, row.redial, row.until, row.due_at, row.id, row.event_pk, holds)


def _will_wait(row: ToCome, holds: timedelta) -> Call:
    until = row.due_at + paging_again.LIFE
    return Call(row.lane, False, until, row.due_at, row.id, row.event_pk, holds)


def facts(conn: Connection, event_pk: str, roster: Roster, ids: Ids, now: datetime, phones: Phones = USUAL) -> Facts:
    found = known(conn, event_pk, roster, ids, now)
    event = found.case.event
    if event.status is not EventStatus.OPEN:
        return found
    if event.leader_pk is not None:
        return replace(found, leader=leader(conn, event.leader_pk, roster, ids, now))
    asked = found.case if found.notifications else with_silence(conn, found.case)
    # How long the event's own calls take is known with the lines.
    lines = with_lines(conn, asked, phones)
    return replace(found, case=case_for(lines, found.notifications, found.agenda, now))


def in_time(conn: Connection, facts: Facts, facts_of: FactsOf) -> Facts:
    """The facts, with time where the answer was never planned and its time is over; what a silence held has none."""
    event = facts.case.event
    if event.leader_pk is not None or facts.revision in facts.planned() or facts.verdict() is not None:
        return facts
    later = event_after.in_time(event, facts.case.policy, facts.case.now)
    if later is event:
        return facts
    events.save(conn, later)
    return facts_of(event.pk)


def known(conn: Connection, event_pk: str, roster: Roster, ids: Ids, now: datetime) -> Facts:
    """What is known of the event alone: nothing of lines, silences and other events."""
    event = events.load(conn, [event_pk])[event_pk]
    rows, agenda = plans.of_event(conn, event_pk), plans.agenda_of_event(conn, event_pk)
    return Facts(
        case=case_for(case(event, roster, ids, now), rows, agenda, now),
        notifications=rows,
        agenda=agenda,
        replies=replies.of_event(conn, event_pk),
        verdicts=verdicts.of_event(conn, event_pk),
        issuer_acks=issuer_acks.of_event(conn, event_pk),
    )


def leader(conn: Connection, event_pk: str, roster: Roster, ids: Ids, now: datetime) -> Leader | None:
    """How far the event is that rings for others. None where it is not kept any more."""
    if event_pk not in events.load(conn, [event_pk]):
        return None
    return leader_in(known(conn, event_pk, roster, ids, now))


def save_plan(conn: Connection, case: Case, plan: Plan) -> None:
    plans.add_notifications(conn, plan.notifications)
    plans.add_agenda(conn, plan.agenda)
    body = {
        "revision": case.event.answer_revision,
        "roster_version": case.roster.version,
        "deadline_at": case.event.deadline_at,
        "notifications": [_brief(n) for n in plan.notifications],
        "reach": _reach(plan.reach),
        "later": [{"kind": a.kind, "step": a.step + 1, "due_at": a.due_at} for a in plan.agenda],
        "remarks": list(plan.remarks),
    }
    timeline.append(conn, case.ids, case.event.pk, case.now, "planned", body)
    _look_again(conn, case, plan.pushes_out)


def save_change(conn: Connection, facts: Facts, change: PlanChange, cause: str) -> None:
    if not change and not change.remarks:
        return
    case = facts.case
    plans.supersede(conn, change.supersede, change.reason)
    plans.request_cut(conn, change.cut, change.reason, case.now)
    plans.finish_agenda(conn, change.drop_agenda, AgendaState.SUPERSEDED, case.now)
    for agenda_id, by, why in change.bring_forward:
        plans.bring_forward(conn, agenda_id, case.now, by, f"brought forward: {why}")
    plans.add_notifications(conn, change.add)
    plans.add_agenda(conn, change.add_agenda)
    timeline.append(conn, case.ids, case.event.pk, case.now, "revised", _change_body(facts, change, cause))
    _look_again(conn, case, sorted(change.pushes_out))
    if change.held is not None:
        _note_held(conn, case, change.held)
    save_verdicts(conn, case, change.verdicts)


def save_verdicts(conn: Connection, case: Case, found: Sequence[Verdict]) -> None:
    for verdict in found:
        verdicts.add(conn, case.ids, verdict)
    for verdict in found:
        body = {"person": verdict.person, "outcome": verdict.outcome, "reason": verdict.reason}
        timeline.append(conn, case.ids, case.event.pk, case.now, "verdict", body | {"revision": verdict.revision})
        if call := outcome_call(case, verdict):
            outcome_calls.add(conn, call)


def outcome_call(case: Case, verdict: Verdict) -> OutcomeCall | None:
    """What the event's source is told of it, where it wants to be: that the objective was met, or missed."""
    event, source = case.event, case.roster.sources.get(case.event.source)
    told = verdict.person is None and verdict.outcome in (Outcome.MET, Outcome.MISSED)
    if source is None or source.callback is None or not told:
        return None
    data = {
        "source": event.source,
        "event_id": event.event_id,
        "revision": verdict.revision,
        "mode": str(event.content.mode),
        "outcome": str(verdict.outcome),
        "reason": verdict.reason,
        "at": verdict.at.isoformat(),
        "deadline_at": event.deadline_at.isoformat(),
    }
    return OutcomeCall(
        id=case.ids.new(),
        event_pk=event.pk,
        source=event.source,
        body={"type": f"gridcall.objective.{verdict.outcome}", "timestamp": case.now.isoformat(), "data": data},
        made_at=case.now,
        due_at=case.now,
    )


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
        "reach": _reach(change.reach),
        "roster_version": facts.case.roster.version,
    }


def _look_again(conn: Connection, case: Case, pushed_out: Iterable[str]) -> None:
    """Other events lose a line to this one: who is told instead, and whether they are at risk, is theirs to say."""
    for event_pk in pushed_out:
        plans.ask_revise(conn, case.ids, event_pk, case.lane, "another event needs the lines", case.now, urgent=False)


def _reach(reach: Reach | None) -> dict[str, object] | None:
    """What is promised: who can be called when, and who cannot."""
    if reach is None:
        return None
    calls = [{"person": r.person, "step": r.step + 1, "start": r.start, "end": r.end} for r in reach.rings if r.start]
    length = reach.length._asdict()
    return {"calls": calls, "no_line": list(reach.unreached), "over_at": reach.over_at, "call_length": length}


def _brief(n: Notification) -> dict[str, object]:
    found = {"kind": n.kind, "channel": n.channel, "person": n.person, "due_at": n.due_at, "group": n.group or None}
    return {k: v for k, v in found.items() if v is not None}
