"""Revise: all facts so far in, what must change in the timetable out. Pure, and idempotent: twice changes nothing."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from model.event import EventStatus
from model.plan import (
    PERSONAL,
    Agenda,
    AgendaKind,
    AgendaState,
    CallEnd,
    ChannelName,
    Hold,
    Kind,
    Notification,
    PagerDutyAction,
    Plan,
    State,
)
from model.reply import NOT_REPEATED_BACK, REPEATED_BACK, Answer, Reply
from model.route import Part
from model.verdict import Outcome, Verdict
from routing import fitting, merging, objective, paging_again, planner, silencing, telling_issuer
from routing.facts import (
    Brought,
    Facts,
    PlanChange,
    escalates,
    is_trigger,
    name,
    newest_triggers,
    open_alerts,
    resolve,
    spoke_to,
    stop,
    take_plan,
    thread_line,
    waits,
    was_told,
)
from routing.objective import Counted
from routing.redials import last_ring, redials, retexts
from routing.stand_down import asks_no_more, once_to_all, stand_down
from routing.verdicts import verdict, verdicts

HELPED = frozenset(PERSONAL) - {ChannelName.SLACK_DM}  # a Slack message makes good for what fails
PAGING_TAKES = timedelta(seconds=5)  # what PagerDuty does not take by then, or will not, we do not wait for
LONG_HOLDS = frozenset({Hold.LINES, Hold.NUMBER_BUSY, Hold.PERSON_LIMIT, Hold.BROKEN, Hold.VENDOR})


def revise(facts: Facts) -> PlanChange:
    """Look at everything again."""
    if facts.case.event.status is EventStatus.TOMBSTONE:
        return PlanChange()
    change = PlanChange()
    if facts.case.event.status is not EventStatus.OPEN:
        stand_down(facts, change)
    elif facts.case.event.leader_pk is not None:
        merging.follow(facts, change)
    elif not _held(facts, change):
        _new_revision(facts, change)
        _notes(facts, change)
        _objective(facts, change)
        fitting.refit(facts, change)
        _fallbacks(facts, change)
        _raise_at_once(facts, change)
        _call_ourselves(facts, change)
    taken = {n.slot for n in facts.notifications}
    change.add = [n for n in change.add if n.slot not in taken]
    return change


def _held(facts: Facts, change: PlanChange) -> bool:
    """Nobody was told of it, and a silence says that nobody is; or its time went by in one."""
    silence, before = facts.case.silence, facts.verdict()
    if silence is None:
        over = before is not None and before.outcome is Outcome.NOT_NEEDED and not facts.notifications
        return over and facts.case.now >= facts.case.event.work_until
    said = silencing.why(silence)
    if not facts.open_agenda(AgendaKind.REVISE):
        change.add_agenda.append(silencing.look_after(silence, facts.case))
    if before is None or before.reason != said:
        change.held = silence
        change.remarks.append(said)
        change.verdicts.append(verdict(facts, Outcome.NOT_NEEDED, said))
    return True


def _new_revision(facts: Facts, change: PlanChange) -> None:
    latest, planned = facts.case.event.latest, facts.planned()
    # Several may have come since the last look: what asks is not covered by what only informs.
    if facts.revision not in planned:
        _ask_again(facts, change)
    if latest.number not in planned and not latest.needs_answer:
        _inform(facts, change)


def _ask_again(facts: Facts, change: PlanChange) -> None:
    """A whole new timetable; those who were told of an earlier revision are told of this one at once.

    One that calls nobody, as a test, is told to them as the end of what was asked before.
    """
    case, before = facts.case, facts.verdict()
    if before is not None and before.outcome is Outcome.NOT_NEEDED and case.event.rings:
        change.verdicts.append(verdict(facts, Outcome.REOPENED, "no silence holds it any more"))
    change.reason = f"revision {facts.revision} replaces it"
    stop(facts, change, facts.notifications)
    over = (a for a in facts.agenda if a.revision < facts.revision or a.kind is AgendaKind.MEMBER)
    change.drop_agenda += [a.id for a in over if waits(a)]
    plan = _but_for(objective.answered(facts), fitting.plan(case))
    take_plan(change, plan)
    change.add += _resolve_older_alerts(facts, change, plan)
    if not case.event.rings:
        asks_no_more(facts, change)
        return
    planned = {n.person for n in plan.notifications}
    rows = facts.by_person()
    for person in facts.told():
        if person not in planned:
            change.add += _tell_again(facts, person, rows.get(person, ()))


def _but_for(people: Collection[str], plan: Plan) -> Plan:
    """Who has answered already, though another event rang for this one, is not asked."""
    return replace(plan, notifications=tuple(n for n in plan.notifications if n.person not in people))


def _resolve_older_alerts(facts: Facts, change: PlanChange, plan: Plan) -> Iterator[Notification]:
    """The new alert of PagerDuty goes first; then those of earlier revisions are over."""
    trigger = next((n for n in plan.notifications if is_trigger(n)), None)
    if trigger is not None:
        for old in open_alerts(facts):
            yield resolve(facts, change, old, after=trigger)


def _tell_again(facts: Facts, person: str, rows: Sequence[Notification]) -> Iterator[Notification]:
    """The channels this person was told on before (`rows`), for the revision that needs an answer."""
    seen: set[ChannelName] = set()
    known = facts.case.roster.people.get(person)
    for old in rows if known else ():  # who was taken out of the roster is asked for nothing more
        if known and old.channel not in seen and was_told(old):
            seen.add(old.channel)
            until = facts.case.last_ring_at if old.channel is ChannelName.VOICE else None
            address = known.address(old.channel) or old.address
            yield planner.row(
                facts.case, Kind.ALERT, old.channel, address, person=person, step=0, group=old.group, until=until
            )


def _inform(facts: Facts, change: PlanChange) -> None:
    """Nothing new is asked: those who were told get a text, the channel a message, no phone rings."""
    change.add += once_to_all(facts, Kind.UPDATE)


def _notes(facts: Facts, change: PlanChange) -> None:
    """One line in the event's Slack thread for each answer."""
    noted = {n.details.get("key") for n in facts.notifications}
    for reply in facts.replies:
        if reply.id in noted:
            continue
        who = name(facts, reply.person)
        note = f"{who} {reply.verb} ({reply.channel}, {reply.received_at:%H:%M:%S} UTC){_read_back(reply)}"
        change.add += thread_line(facts, note, reply.id)
    for ack in facts.issuer_acks:
        note = f"{name(facts, ack.person)} told the issuer ({ack.how}, {ack.at:%H:%M:%S} UTC)"
        change.add += thread_line(facts, note, ack.id)
    paging_again.notes(facts, change)


def _read_back(reply: Reply) -> str:
    return next((f", {end}" for end in (NOT_REPEATED_BACK, REPEATED_BACK) if reply.said.endswith(f", {end}")), "")


def _objective(facts: Facts, change: PlanChange) -> None:
    accepted = objective.met_by(facts)
    verdict = facts.verdict()
    if accepted is not None:
        _settle(facts, change, accepted, verdict)
        return
    if verdict is not None and (verdict.outcome is Outcome.MET or _had_it_late(facts, verdict)):
        _reopen(facts, change)
        return
    _leave_alone(facts, change)
    cannot = _cannot(facts)
    _next_people(facts, change, cannot)
    again = list(redials(facts))
    change.add += [*again, *retexts(facts)]
    steps = {n.step for n in facts.rows(revision=facts.revision) if n.person}
    called = [part for part in facts.case.parts if steps & set(part.steps)]
    rung_out = [last for part in called if (last := last_ring(facts, part)) is not None]
    for last in rung_out:
        _nobody_answered(facts, change, last)
    if facts.open_agenda(AgendaKind.STEP) or again or facts.case.now >= facts.case.event.work_until:
        return
    if untaken := list(_untaken(facts)):
        change.add_agenda += untaken
        return
    if late := list(_rung_late(facts)):
        change.add += late
        return
    if cannot and not _still_ringing(facts):
        who = name(facts, max(cannot, key=lambda r: r.received_at).person)
        change.add += planner.admin_rows(facts.case, f"{who} cannot comply and nobody is left to call")
    elif called and len(rung_out) == len(called):
        change.add += planner.admin_rows(facts.case, "no phone rings any more and nobody is left to call")


def _untaken(facts: Facts) -> Iterator[Agenda]:
    """Steps that are in no timetable: the policy was given more since, and those that waited for their number stand for
    others now. They come at their own time, or at once.
    """
    case, mine = facts.case, facts.revision
    asked = next(r for r in case.event.revisions if r.number == mine)
    known = {a.step for a in facts.agenda if a.kind is AgendaKind.STEP and a.revision == mine}
    known |= {n.step for n in facts.rows(revision=mine) if n.person in _of_step(facts, n.step)}
    for part in case.parts:
        taken = [step for step in part.steps if step in known]
        for step in range(taken[-1] + 1, part.steps.stop) if taken else ():
            due_at = asked.received_at + timedelta(seconds=case.policy.steps[step].after_seconds)
            yield planner.agenda_step(case, step, max(case.now, due_at))


def _of_step(facts: Facts, step: int) -> set[str]:
    return objective.members(facts.case, Part("", range(step, step + 1)))


def _rung_late(facts: Facts) -> Iterator[Notification]:
    """No call of it could begin in time, and nobody else is left: those who were to be called are called all the same,
    once, though a call may not end in time (design section 5).
    """
    calls = [n for n in facts.rows(revision=facts.revision) if n.channel is ChannelName.VOICE and n.person]
    if any(was_told(n) or n.state is not State.EXPIRED or n.details.get("overtime") for n in calls):
        return
    done, work_until = objective.answered(facts), facts.case.event.work_until
    for row in {n.person: n for n in calls if n.person not in done}.values():
        yield planner.row(
            facts.case,
            Kind.ALERT,
            ChannelName.VOICE,
            row.address,
            person=row.person,
            step=row.step,
            group=row.group,
            until=work_until,
            details={"overtime": True},
        )


def _cannot(facts: Facts) -> list[Reply]:
    """The last words of those who say that they cannot comply."""
    return [r for r in facts.latest_replies().values() if r.answer is Answer.CANNOT_COMPLY]


def _had_it_late(facts: Facts, verdict: Verdict) -> bool:
    """Missed, then accepted all the same, or known only then, and taken back or not in hand since."""
    if verdict.outcome is not Outcome.MISSED:
        return False
    before = [
        replace(facts, replies=[r for r in facts.replies if r.received_at < cannot.received_at])
        for cannot in _cannot(facts)
        if cannot.received_at > verdict.at
    ]
    if asked := {n.id for n in facts.rows(revision=facts.revision, kind=Kind.CONFIRM) if n.due_at > verdict.at}:
        before.append(replace(facts, notifications=[n for n in facts.notifications if n.id not in asked]))
    return any(objective.met_by(earlier) is not None for earlier in before)


def _leave_alone(facts: Facts, change: PlanChange) -> None:
    """Others must answer too; who has is not called again."""
    rows = list(facts.rows(revision=facts.revision))
    done = objective.answered(facts) | objective.not_needed(facts, rows)
    if done:
        change.reason = "answered already"
        stop(facts, change, [n for n in rows if n.person in done])


def _settle(facts: Facts, change: PlanChange, accepted: Counted, verdict: Verdict | None) -> None:
    """Somebody has it: phones stop, later steps are never called, those who were rung hear that it is over."""
    done = "has accepted" if accepted.person in facts.latest_replies() else "was reached"
    change.reason = f"{name(facts, accepted.person)} {done}"
    alerts = [n for n in facts.rows(revision=facts.revision) if n.person]
    stop(facts, change, [*alerts, *paging_again.needless(facts, accepted)])
    change.drop_agenda += [a.id for a in facts.agenda if escalates(a)]
    change.add += _courtesies(facts, accepted)
    change.add += _acknowledge_pagerduty(facts)
    change.add += telling_issuer.reminders(facts)
    change.add_agenda += paging_again.look(facts, accepted)
    if verdict is None or verdict.outcome is Outcome.REOPENED:
        in_time = accepted.at <= facts.case.event.deadline_at
        outcome = Outcome.MET if in_time else Outcome.MISSED
        late = "late at the source" if facts.case.event.late else "after the deadline"
        why = objective.how_met(facts, accepted)
        change.verdicts += verdicts(facts, outcome, why if in_time else f"{late}: {why}")


def _acknowledge_pagerduty(facts: Facts) -> Iterator[Notification]:
    for newest in newest_triggers(facts):
        number, action = int(newest.details["generation"]), PagerDutyAction.ACKNOWLEDGE
        yield planner.pagerduty_row(facts.case, newest.address, action, number, follows=newest.id, team=newest.team)


def _courtesies(facts: Facts, accepted: Counted) -> Iterator[Notification]:
    """One text to each who was rung before and did not answer."""
    spoke = {r.person for r in facts.replies} | {accepted.person}
    for row in facts.rows(revision=facts.revision):
        rung = row.channel is ChannelName.VOICE and was_told(row) and not spoke_to(row)
        if rung and row.person and row.person not in spoke:
            spoke.add(row.person)
            person = facts.case.roster.people.get(row.person)
            if person and (sms := person.address(ChannelName.SMS)):
                details = {"by": name(facts, accepted.person), "at": accepted.at.isoformat()}
                yield planner.row(
                    facts.case,
                    Kind.COURTESY,
                    ChannelName.SMS,
                    sms,
                    person=row.person,
                    group=row.group,
                    details=dict(details),
                )


def _next_person(facts: Facts, change: PlanChange, reply: Reply) -> None:
    """Somebody cannot comply: the earliest group or step not yet due is brought forward to now.

    One in each part for which they were called; who was called for none, in any.
    """
    taken = {brought.agenda_id for brought in change.bring_forward}
    free = [a for a in _waiting(facts, None) if a.id not in taken and a.brought_by is None]
    if not free:
        return
    parts = [part for part in facts.case.parts if _called_for(facts, reply.person, part)]
    for own in [[a for a in free if a.step in part.steps] for part in parts] or [free]:
        if own:
            change.bring_forward.append(Brought(own[0].id, reply.id, "somebody cannot comply"))


def _next_people(facts: Facts, change: PlanChange, cannot: Sequence[Reply]) -> None:
    """Once for each answer. First those whose calls were stopped since their team had an answer that is taken back, as
    where the whole event is open again (`_reopen`).
    """
    brought = {a.brought_by for a in facts.agenda}
    fresh = sorted((r for r in cannot if r.id not in brought), key=lambda r: r.received_at)
    if fresh and (steps := _stopped(facts)):
        case, last = facts.case, fresh.pop()
        for step in sorted(steps):
            again = planner.agenda_step(case, step, case.now, asleep=True, cause=planner.STOPPED)
            change.add_agenda.append(replace(again, brought_by=last.id))
    for reply in fresh:
        _next_person(facts, change, reply)


def _stopped(facts: Facts) -> set[int]:
    """The steps of those who are needed again and whose phones were stopped before they rang; not what comes anyway."""
    rows = [n for n in facts.rows(revision=facts.revision) if n.channel is ChannelName.VOICE and n.person]
    spared = objective.answered(facts) | objective.not_needed(facts, rows)
    spared |= {n.person for n in rows if n.person and (was_told(n) or not n.state.terminal)}
    coming = {a.step for a in facts.open_agenda(AgendaKind.STEP)}
    return {n.step for n in rows if n.state is State.SUPERSEDED and n.person not in spared} - coming


def _called_for(facts: Facts, person: str, part: Part) -> bool:
    """By one of its steps, or by another part's while they are on call for this one too."""
    steps = {n.step for n in facts.rows(revision=facts.revision) if n.person == person}
    return any(step in part.steps or person in objective.members(facts.case, part) for step in steps)


def _nobody_answered(facts: Facts, change: PlanChange, last: Notification) -> None:
    """The last ring of the running step was in vain: the next one is called at once, unless that is on its way."""
    waiting = _waiting(facts, facts.case.part(last.step))
    on_their_way = {brought.agenda_id for brought in change.bring_forward} & {a.id for a in waiting}
    if waiting and waiting[0].due_at > facts.case.now and not on_their_way:
        change.bring_forward.append(Brought(waiting[0].id, last.id, "nobody has answered"))


def _waiting(facts: Facts, part: Part | None) -> list[Agenda]:
    """The steps to come, of a part or (None) of any, but for those that wait for somebody to come on call."""
    waiting = [a for a in facts.open_agenda(AgendaKind.STEP) if a.cause != planner.NOBODY_YET]
    return [a for a in waiting if part is None or a.step in part.steps]


def _still_ringing(facts: Facts) -> bool:
    return any(not n.state.terminal and n.channel is ChannelName.VOICE for n in facts.rows(revision=facts.revision))


def _why_not(facts: Facts) -> str:
    return "who accepted it cannot comply" if _cannot(facts) else "a machine had taken the call that counted"


def _reopen(facts: Facts, change: PlanChange) -> None:
    """Who had accepted cannot after all, is silent or was a machine: the next step is called at once, and whoever was
    stopped; where no step is left, everybody who has not answered is called once more.
    """
    case, why = facts.case, paging_again.why(facts) or _why_not(facts)
    before = facts.verdict()
    change.verdicts.append(verdict(facts, Outcome.REOPENED, why))
    if before is not None and before.outcome is Outcome.MISSED:
        change.verdicts += verdicts(facts, Outcome.MISSED, why)  # its deadline has passed, and does not come again
    change.reason = why
    change.remarks.append(f"reopened: {why}")
    stop(facts, change, facts.rows(revision=facts.revision, kind=Kind.CONFIRM))
    change.add += _pagerduty_calls_again(facts, change)
    change.drop_agenda += [a.id for a in facts.open_agenda(AgendaKind.PAGE_AGAIN)]
    # Of a slot the last: an earlier one has come again already, and was taken or dropped.
    last = {a.slot: a for a in sorted(facts.agenda, key=lambda a: a.id) if a.revision == facts.revision}
    dropped = [a for a in last.values() if a.state is AgendaState.SUPERSEDED]
    steps = [a for a in dropped if a.kind is AgendaKind.STEP]
    begun: set[Part] = set()
    cannot = max(_cannot(facts), key=lambda r: r.received_at, default=None)
    # A step that waits for somebody's turn finds nobody now.
    for old in sorted(steps, key=lambda a: (a.cause == planner.NOBODY_YET, a.due_at, a.step)):
        part = case.part(old.step)
        first, due_at = part not in begun, max(case.now, old.due_at)
        begun.add(part)
        again = replace(old, id=case.ids.new(), due_at=due_at, state=AgendaState.PENDING, cause=old.cause or "reopened")
        if first:  # for who cannot comply: no further one is brought forward for that
            again = replace(again, due_at=case.now, brought_by=cannot.id if cannot else again.brought_by)
        change.add_agenda.append(again)
    for old in dropped:
        if old.kind in (AgendaKind.VERDICT, AgendaKind.RAISE):
            due_at = max(case.now, old.due_at)
            change.add_agenda.append(replace(old, id=case.ids.new(), due_at=due_at, state=AgendaState.PENDING))
    for part in case.parts:
        to_come = [a for a in steps if a.step in part.steps and a.cause != planner.NOBODY_YET]
        change.add_agenda += _taken_again(facts, part, to_come)
    if not any(a.kind is AgendaKind.STEP for a in change.add_agenda):
        change.add += planner.admin_rows(facts.case, f"{why}, and nobody is left to call")


def _pagerduty_calls_again(facts: Facts, change: PlanChange) -> Iterator[Notification]:
    """Where PagerDuty calls and we do not: an alert that was acknowledged keeps quiet, a new one wakes its people."""
    case, calling = facts.case, {team.id for team in facts.case.teams if planner.pagerduty_calls(team)}
    for last in newest_triggers(facts):
        if last.team in calling:
            key, team, number = last.address, last.team, int(last.details["generation"])
            severity = planner.PAGERDUTY_SEVERITY[case.event.severity]
            again = planner.pagerduty_row(
                case, key, PagerDutyAction.TRIGGER, number + planner.REOPENED, severity, follows=last.id, team=team
            )
            yield again
            yield resolve(facts, change, last, after=again)


def _taken_again(facts: Facts, part: Part, to_come: list[Agenda]) -> Iterator[Agenda]:
    """The part's steps that were taken, once more and at once; `to_come`: those that were dropped and come now."""
    cause = planner.STOPPED if to_come else planner.NOBODY_LEFT
    coming = {a.step for a in to_come if a.asleep}  # it asks for all of its people anyway
    taken = {n.step for n in facts.rows(revision=facts.revision) if n.person and n.step in part.steps}
    for step in sorted(taken - coming):
        yield planner.agenda_step(facts.case, step, facts.case.now, asleep=True, cause=cause)


def _fallbacks(facts: Facts, change: PlanChange) -> None:
    """A Slack message to everybody whose call or text failed, is unknown, held back or being retried."""
    if objective.met_by(facts) is not None:
        return
    rows = [*facts.rows(revision=facts.revision), *change.add]
    helped = {n.person for n in rows if n.channel is ChannelName.SLACK_DM and n.revision == facts.revision}
    helped |= objective.answered(facts)
    for row in facts.rows(revision=facts.revision):
        trouble = _in_trouble(row) or _missed_its_line(facts, row)
        if row.channel in HELPED and row.person and row.person not in helped and trouble:
            helped.add(row.person)
            person = facts.case.roster.people.get(row.person)
            direct = person.address(ChannelName.SLACK_DM) if person else None
            if direct:
                change.add.append(
                    planner.row(
                        facts.case,
                        Kind.ALERT,
                        ChannelName.SLACK_DM,
                        direct,
                        person=row.person,
                        step=row.step,
                        group=row.group,
                    )
                )


def _raise_at_once(facts: Facts, change: PlanChange) -> None:
    """Phones cannot be rung at all: PagerDuty, which has its own, wakes people without waiting for its time."""
    unanswered = next((n for n in facts.rows(revision=facts.revision) if _rings_nowhere(n)), None)
    if unanswered and objective.met_by(facts) is None:
        for waiting in facts.open_agenda(AgendaKind.RAISE):
            if waiting.step < 0 and waiting.due_at > facts.case.now:
                why = "calls are not taken by their vendor"
                change.bring_forward.append(Brought(waiting.id, unanswered.id, why))


def _call_ourselves(facts: Facts, change: PlanChange) -> None:
    """Where PagerDuty was to call people and does not take the alert, they need not wait for our time to call them."""
    if objective.met_by(facts) is not None:
        return
    waiting = {a.step: a for a in facts.open_agenda(AgendaKind.RAISE)}
    for part in (part for part in facts.case.parts if part.steps):
        if lost := next((n for n in _pages_for(facts, part) if _not_taken(n, facts.case.now)), None):
            why = f"PagerDuty does not take the alert for team {part.team}, whose people it was to call"
            change.add += planner.admin_rows(facts.case, f"{why}: Gridcall calls them")
            raise_ = waiting.get(part.steps.start)
            if raise_ and raise_.due_at > facts.case.now:
                change.bring_forward.append(Brought(raise_.id, lost.id, why))


def _pages_for(facts: Facts, part: Part) -> Iterator[Notification]:
    """The alerts by which PagerDuty is to call its people; several teams may have one service."""
    team = facts.case.roster.teams.get(part.team)
    if team and team.pagerduty and planner.pagerduty_calls(team):
        key = team.pagerduty.routing_key
        yield from (n for n in newest_triggers(facts) if n.team == team.id or n.address == key)


def _not_taken(trigger: Notification, now: datetime) -> bool:
    """It was refused, is held back, or has been tried for too long."""
    if trigger.sent_at is not None or trigger.state is State.SUPERSEDED:
        return False
    if trigger.state.terminal or trigger.hold in LONG_HOLDS:
        return True
    asked = trigger.state is not State.PENDING or bool(trigger.reason)
    begun = trigger.until - planner.PAGERDUTY_LIFE
    return asked and max(now, trigger.due_at) - begun > PAGING_TAKES


def _rings_nowhere(row: Notification) -> bool:
    return row.channel is ChannelName.VOICE and row.hold is Hold.VENDOR and not row.state.terminal


def _missed_its_line(facts: Facts, row: Notification) -> bool:
    """It was promised a line, which came too late, and there is time to write."""
    never_begun = row.state is State.EXPIRED and not row.sent_at
    return row.channel is ChannelName.VOICE and never_begun and facts.case.now < facts.case.event.work_until


def _in_trouble(row: Notification) -> bool:
    if row.state is State.FAILED:
        return row.reason not in set(CallEnd)
    if row.state is State.UNKNOWN:
        return True
    return row.state is State.PENDING and (row.hold in LONG_HOLDS or bool(row.reason))
