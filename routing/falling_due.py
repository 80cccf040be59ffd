"""What happens when a step, a raise, the deadline or the planned end of an event falls due. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from model.event import EventStatus
from model.plan import Agenda, AgendaKind, AgendaState, ChannelName, Kind, Notification, PagerDutyAction
from model.roster import Level
from model.route import Part
from model.verdict import Outcome
from routing import fitting, merging, objective, paging_again, planner, telling_issuer
from routing.changes import wall
from routing.facts import Facts, PlanChange, newest_triggers, resolve, take_plan, thread_line
from routing.stand_down import once_to_all
from routing.verdicts import verdicts


def take_step(facts: Facts, agenda: Agenda) -> PlanChange:
    """A step is due: ask the rota again and tell who was not told yet."""
    change = PlanChange()
    # Where everyone must answer, this step's people are among them, though its row is claimed already.
    claimed = [replace(a, state=AgendaState.PENDING) if a.id == agenda.id else a for a in facts.agenda]
    before = replace(facts, agenda=claimed)
    open_ = facts.case.event.status is EventStatus.OPEN and objective.met_by(before) is None
    if open_ and agenda.revision == facts.revision:
        # Who accepted in time and took it back, or fell silent, leaves no time: the next are called all the same.
        mine = [v.outcome for v in facts.verdicts if v.person is None and v.revision == facts.revision]
        reopened = Outcome.REOPENED in mine  # also where its deadline was missed since
        told = _ringing(facts) if agenda.cause == planner.NOBODY_LEFT else facts.case.told
        case = replace(facts.case, told=told, overtime=reopened)
        plan = planner.take_step(case, agenda.step, asleep=agenda.asleep)
        waiting = {_turn(a) for a in facts.open_agenda(AgendaKind.STEP)}
        plan = replace(plan, agenda=tuple(a for a in plan.agenda if _turn(a) not in waiting))
        # Whose call was stopped because they have answered is on nobody's timetable any more, and is left alone.
        spared = objective.not_needed(facts, plan.notifications) | objective.answered(before)
        found, plan = plan.notifications, replace(plan, notifications=_without(spared, plan.notifications))
        plan = fitting.fit(facts.case, plan, [a for a in (*facts.agenda, *plan.agenda) if a.id != agenda.id])
        take_plan(change, plan)
        if not plan.notifications:
            nobody = f"{planner.step_name(facts.case, agenda.step)} has nobody new to call"
            note = "; ".join(plan.remarks) or nobody
            if not found:
                change.add += planner.admin_rows(facts.case, note)
            # It was the last that everybody waited for, or the next one is called at once.
            change.add_agenda.append(planner.agenda_revise(facts.case, note))
    return change


def _turn(agenda: Agenda) -> tuple[str, datetime | None]:
    """Whose turn it is: who sleeps is asked for once."""
    return agenda.slot, None if agenda.asleep else agenda.due_at


def _ringing(facts: Facts) -> frozenset[tuple[str, ChannelName]]:
    """Who was told, on which channels, but for the calls that are over: those are made once more."""
    calls = [n for n in facts.rows(revision=facts.revision) if n.channel is ChannelName.VOICE]
    on_their_way = {n.person for n in calls if not n.state.terminal}
    return frozenset((p, c) for p, c in facts.case.told if c is not ChannelName.VOICE or p in on_their_way)


def _without(people: Collection[str], rows: Iterable[Notification]) -> tuple[Notification, ...]:
    return tuple(row for row in rows if row.person not in people)


def take_raise(facts: Facts, agenda: Agenda) -> PlanChange:
    """Nobody has acknowledged by 60 % of the time: PagerDuty is asked to wake its people, then the record resolved.

    Where it was to call them anyway, or cannot, we call them ourselves.
    """
    change = PlanChange()
    if facts.case.event.status is not EventStatus.OPEN or objective.met_by(facts) or agenda.revision != facts.revision:
        return change
    if agenda.step >= 0:
        change.add_agenda += _called_by_us(facts, facts.case.part(agenda.step))
        return change
    case = facts.case
    for record in newest_triggers(facts):
        if not record.details.get("calls"):
            key, team, number = record.address, record.team, int(record.details["generation"])
            raised = planner.pagerduty_row(
                case, key, PagerDutyAction.TRIGGER, number + 1, "critical", follows=record.id, team=team
            )
            change.add += [raised, resolve(facts, change, record, after=raised)]
            change.reason = "a louder alert takes its place"
    return change


def _called_by_us(facts: Facts, part: Part) -> Iterator[Agenda]:
    """The steps that were taken, once more and with their calls; those to come have them by themselves."""
    steps = facts.open_agenda(AgendaKind.STEP)
    to_come = {a.step for a in steps if not a.asleep and a.cause != planner.NOBODY_YET}
    asleep = {a.step for a in steps if a.asleep}
    for step in part.steps:
        if step not in to_come:
            yield planner.agenda_step(
                facts.case, step, facts.case.now, asleep=step not in asleep, cause=planner.PAGED_IN_VAIN
            )


def take_remind(facts: Facts, agenda: Agenda) -> PlanChange:
    """Half of the time is over: whoever has accepted is reminded that the issuer waits as well."""
    change = PlanChange()
    if facts.case.event.status is EventStatus.OPEN and agenda.revision == facts.revision:
        change.add += telling_issuer.reminders(facts)
    return change


def take_page_again(facts: Facts, agenda: Agenda) -> PlanChange:
    """Somebody accepted some time ago: where nothing was heard since, they are asked whether it is in hand."""
    change, accepted = PlanChange(), objective.met_by(facts)
    if facts.case.event.status is EventStatus.OPEN and agenda.revision == facts.revision and accepted:
        paging_again.ask(facts, change, accepted)
    return change


def take_ends(facts: Facts, agenda: Agenda) -> PlanChange:
    """Its planned end has come and no release: those who were told are reminded that it goes on."""
    change, event = PlanChange(), facts.case.event
    if event.status is EventStatus.OPEN and agenda.revision == facts.revision:
        ended = wall(agenda.due_at, event.content.source_timezone)
        note = f"“{event.content.headline}” was planned to end at {ended} and is not released: hold until it is."
        change.add += once_to_all(facts, Kind.REMINDER, {"note": note, "of": "end"})
    return change


def take_member(facts: Facts, agenda: Agenda) -> PlanChange:
    """The deadline of an event for which another one rings."""
    return merging.take_deadline(facts) if agenda.revision == facts.revision else PlanChange()


def take_deadline(facts: Facts, agenda: Agenda) -> PlanChange:
    """The deadline: when nobody has accepted by now, it is missed, and everybody concerned hears so."""
    change = PlanChange()
    verdict = facts.verdict()
    decided = verdict is not None and verdict.outcome is not Outcome.REOPENED
    if facts.case.event.status is not EventStatus.OPEN or decided or agenda.revision != facts.revision:
        return change
    late = facts.case.event.late
    reached = facts.case.policy.level is Level.REACHED
    some, done = objective.how_many(facts), "was reached" if reached else "accepted"
    silent = paging_again.why(facts)
    why = objective.left_open(facts) or silent or (f"only {some} {done} in time" if some else f"nobody {done} in time")
    if not late and _planned_after(facts):
        why = f"{why}: Gridcall told the first one after the deadline"
    change.verdicts += verdicts(facts, Outcome.MISSED, "late at the source" if late else why)
    if not late:
        who = f"ONLY {some} HAVE" if some else "NOBODY HAS"
        lacking = objective.left_open(facts) or silent
        short = lacking.upper() or f"{who} {'BEEN REACHED' if reached else 'ACCEPTED'}"
        note = f"{short} by the deadline, {facts.case.event.deadline_at:%H:%M:%S} UTC"
        change.add += [*thread_line(facts, note, agenda.id), *planner.admin_rows(facts.case, note)]
    return change


def _planned_after(facts: Facts) -> bool:
    """We were away until its deadline."""
    first = min((n.due_at for n in facts.rows(revision=facts.revision)), default=None)
    return first is not None and first >= facts.case.event.deadline_at
