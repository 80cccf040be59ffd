"""Revise: all facts so far in, what must change in the timetable out. Pure, and idempotent: twice changes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from model.event import EventStatus, Severity
from model.plan import (
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
from model.reply import Answer, Reply
from model.roster import OWN_SOURCE
from model.verdict import Outcome, Verdict
from routing import planner
from routing.planner import Case

PHONES = (ChannelName.VOICE, ChannelName.SMS)
# A stand-down must arrive even when it takes a while.
LONG_HOLDS = frozenset({Hold.LINES, Hold.NUMBER_BUSY})
STAND_DOWN_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """An event's case with everything that happened to it."""

    case: Case
    notifications: Sequence[Notification]
    agenda: Sequence[Agenda]
    replies: Sequence[Reply]
    verdicts: Sequence[Verdict]

    @property
    def revision(self) -> int:
        return self.case.event.answer_revision

    def rows(self, *, revision: int | None = None, kind: Kind = Kind.ALERT) -> Iterator[Notification]:
        return (n for n in self.notifications if n.kind is kind and revision in (None, n.revision))

    def latest_replies(self) -> Mapping[str, Reply]:
        """Each person's last word on the revision that needs an answer."""
        return {r.person: r for r in self.replies if r.revision == self.revision}

    def accepted_by(self) -> Reply | None:
        """Who fulfils the objective: the first of those who accepted and did not take it back."""
        accepted = [r for r in self.latest_replies().values() if r.answer is Answer.ACKNOWLEDGE]
        return min(accepted, key=lambda r: r.received_at, default=None)

    def verdict(self) -> Verdict | None:
        """The event's latest outcome for the revision that needs an answer."""
        found = [v for v in self.verdicts if v.person is None and v.revision == self.revision]
        return found[-1] if found else None

    def told(self) -> list[str]:
        """Everybody the vendor was asked to tell, in the order they were."""
        alerts = (n for n in self.notifications if n.kind in (Kind.ALERT, Kind.UPDATE) and n.person and was_told(n))
        return list(dict.fromkeys(n.person for n in alerts if n.person))

    def open_agenda(self, kind: AgendaKind) -> list[Agenda]:
        rows = [a for a in self.agenda if a.kind is kind and a.state is AgendaState.PENDING]
        return sorted(rows, key=lambda a: (a.due_at, a.step))


@dataclass(slots=True)
class PlanChange:
    """What revise decided. Lists of ids refer to rows as they were in the facts."""

    add: list[Notification] = field(default_factory=list)
    add_agenda: list[Agenda] = field(default_factory=list)
    supersede: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    drop_agenda: list[str] = field(default_factory=list)
    bring_forward: list[tuple[str, str]] = field(default_factory=list)  # (agenda id, reply id)
    verdicts: list[Verdict] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    reason: str = ""

    def __bool__(self) -> bool:
        return any(
            (self.add, self.add_agenda, self.supersede, self.cut, self.drop_agenda, self.bring_forward, self.verdicts)
        )


def was_told(row: Notification) -> bool:
    """The vendor took it, or may have."""
    return row.sent_at is not None or row.state in (State.SENDING, State.UNKNOWN)


def spoke_to(row: Notification) -> bool:
    """A person picked up; a voicemail is nobody."""
    return row.answered_at is not None and row.reason != CallEnd.VOICEMAIL


def in_the_air(row: Notification) -> bool:
    return row.channel is ChannelName.VOICE and not row.state.terminal and row.state is not State.PENDING


def revise(facts: Facts) -> PlanChange:
    """Look at everything again."""
    if facts.case.event.status is EventStatus.TOMBSTONE:
        return PlanChange()
    change = PlanChange()
    if facts.case.event.status is not EventStatus.OPEN:
        _stand_down(facts, change)
    else:
        _new_revision(facts, change)
        _notes(facts, change)
        _objective(facts, change)
        _fallbacks(facts, change)
    taken = {n.slot for n in facts.notifications}
    change.add = [n for n in change.add if n.slot not in taken]
    return change


# --- a new revision -------------------------------------------------------------------------------------------------


def _new_revision(facts: Facts, change: PlanChange) -> None:
    latest = facts.case.event.latest
    planned = {n.revision for n in facts.notifications} | {a.revision for a in facts.agenda}
    if latest.number in planned:
        return
    if latest.needs_answer:
        _ask_again(facts, change)
    else:
        _inform(facts, change)


def _ask_again(facts: Facts, change: PlanChange) -> None:
    """A whole new timetable; those who were told of an earlier revision are told of this one at once."""
    case = facts.case
    change.reason = f"revision {facts.revision} replaces it"
    _stop(facts, change, facts.notifications)
    change.drop_agenda += [a.id for a in facts.agenda if _escalates(a) and a.revision < facts.revision]
    plan = planner.plan(case)
    take_plan(change, plan)
    planned = {n.person for n in plan.notifications}
    for person in facts.told():
        if person not in planned and case.event.rings:
            change.add += _tell_again(facts, person)


def _tell_again(facts: Facts, person: str) -> Iterator[Notification]:
    """The channels this person was told on before, for the revision that needs an answer."""
    seen: set[ChannelName] = set()
    for old in facts.rows():
        if old.person == person and old.channel not in seen and was_told(old):
            seen.add(old.channel)
            until = facts.case.last_ring_at if old.channel is ChannelName.VOICE else None
            yield planner.row(
                facts.case, Kind.ALERT, old.channel, old.address, person=person, step=0, group=old.group, until=until
            )


def _inform(facts: Facts, change: PlanChange) -> None:
    """Nothing new is asked: those who were told get a text, the channel a message, no phone rings."""
    change.add += _once_to_all(facts, Kind.UPDATE)


def _once_to_all(facts: Facts, kind: Kind) -> Iterator[Notification]:
    case, number = facts.case, facts.case.event.latest.number
    until = case.now + STAND_DOWN_LIFE
    team = case.roster.teams[case.event.team]
    if team.slack_channel and any(n.channel is ChannelName.SLACK_CHANNEL for n in facts.notifications):
        yield planner.row(
            case, kind, ChannelName.SLACK_CHANNEL, team.slack_channel, team=team.id, revision=number, until=until
        )
    for person in facts.told():
        for channel, address in _quiet_ways(facts, person):
            yield planner.row(case, kind, channel, address, person=person, revision=number, until=until)


def _quiet_ways(facts: Facts, person: str) -> list[tuple[ChannelName, str]]:
    """A text where the person was told by phone, else a Slack message."""
    known = facts.case.roster.people.get(person)
    if known is None:  # left the roster since: the addresses that were used still stand
        return list({(n.channel, n.address): None for n in facts.rows() if n.person == person and was_told(n)})
    sms, direct = known.address(ChannelName.SMS), known.address(ChannelName.SLACK_DM)
    if sms:
        return [(ChannelName.SMS, sms)]
    return [(ChannelName.SLACK_DM, direct)] if direct else []


# --- the end --------------------------------------------------------------------------------------------------------


def _stand_down(facts: Facts, change: PlanChange) -> None:
    """Cancelled or released: stop everything, and tell exactly those who were told."""
    case, latest = facts.case, facts.case.event.latest
    change.reason = f"the event was {case.event.status}"
    _stop(facts, change, [n for n in facts.notifications if n.revision < latest.number])
    change.drop_agenda += [a.id for a in facts.agenda if _escalates(a)]
    texts = [] if _ends_in_an_alarm(facts) else list(_once_to_all(facts, Kind.STAND_DOWN))
    calls = [_stand_down_call(facts, n) for n in _engaged(facts)]
    change.add += [*texts, *calls]
    if _has_pagerduty(facts):
        # PagerDuty is resolved only after people were told.
        follows = texts[-1].id if texts else None
        newest = max(
            (int(n.details["generation"]) for n in facts.rows() if n.channel is ChannelName.PAGERDUTY), default=0
        )
        change.add.append(planner.pagerduty_row(case, PagerDutyAction.RESOLVE, newest, follows=follows))
    if facts.verdict() is None and _asked(facts):
        change.verdicts += _verdicts(facts, Outcome.NOT_NEEDED, f"{case.event.status} before the deadline")


def _ends_in_an_alarm(facts: Facts) -> bool:
    """A notice of our own that grew into an alarm: the alarm is told, so the end of the notice says nothing."""
    event = facts.case.event
    return event.source == OWN_SOURCE and event.content.severity is Severity.INFO


def _engaged(facts: Facts) -> list[Notification]:
    """The calls of those who may be acting on the event: they answered the phone or accepted. They are called."""
    accepted = {person for person, r in facts.latest_replies().items() if r.answer is Answer.ACKNOWLEDGE}
    calls: dict[str, Notification] = {}
    for row in facts.rows():
        concerned = row.person in accepted or spoke_to(row)
        if row.channel is ChannelName.VOICE and row.person and was_told(row) and concerned:
            calls[row.person] = row
    return list(calls.values())


def _stand_down_call(facts: Facts, row: Notification) -> Notification:
    return planner.row(
        facts.case,
        Kind.STAND_DOWN,
        ChannelName.VOICE,
        row.address,
        person=row.person,
        revision=facts.case.event.latest.number,
        until=facts.case.now + STAND_DOWN_LIFE,
    )


# --- answers --------------------------------------------------------------------------------------------------------


def _notes(facts: Facts, change: PlanChange) -> None:
    """One line in the event's Slack thread for each answer."""
    for reply in facts.replies:
        who = _name(facts, reply.person)
        verb = "accepted" if reply.answer is Answer.ACKNOWLEDGE else "cannot comply"
        note = f"{who} {verb} ({reply.channel}, {reply.received_at:%H:%M:%S} UTC)"
        change.add += _thread_line(facts, note, reply.id)


def _thread_line(facts: Facts, note: str, key: str) -> Iterator[Notification]:
    first = next((n for n in facts.rows() if n.channel is ChannelName.SLACK_CHANNEL), None)
    if first is None or any(n.details.get("key") == key for n in facts.notifications):
        return
    yield planner.row(
        facts.case,
        Kind.NOTE,
        ChannelName.SLACK_CHANNEL,
        first.address,
        team=first.team,
        follows=first.id,
        details={"note": note, "key": key},
    )


def _objective(facts: Facts, change: PlanChange) -> None:
    accepted = facts.accepted_by()
    verdict = facts.verdict()
    if accepted is not None:
        _settle(facts, change, accepted, verdict)
        return
    if verdict is not None and verdict.outcome is Outcome.MET:
        _reopen(facts, change)
        return
    for reply in facts.latest_replies().values():
        if reply.answer is Answer.CANNOT_COMPLY:
            _next_person(facts, change, reply)


def _settle(facts: Facts, change: PlanChange, accepted: Reply, verdict: Verdict | None) -> None:
    """Somebody has it: phones stop, later steps are never called, those who were rung hear that it is over."""
    change.reason = f"{_name(facts, accepted.person)} has accepted"
    alerts = [n for n in facts.rows(revision=facts.revision) if n.person]
    _stop(facts, change, alerts)
    change.drop_agenda += [a.id for a in facts.agenda if _escalates(a)]
    change.add += _courtesies(facts, accepted)
    if _has_pagerduty(facts):
        change.add.append(_acknowledge_pagerduty(facts))
    if verdict is None or verdict.outcome is Outcome.REOPENED:
        in_time = accepted.received_at <= facts.case.event.deadline_at
        outcome = Outcome.MET if in_time else Outcome.MISSED
        late = "late at the source" if facts.case.event.late else "after the deadline"
        why = f"accepted by {_name(facts, accepted.person)} at {accepted.received_at:%H:%M:%S} UTC"
        change.verdicts += _verdicts(facts, outcome, why if in_time else f"{late}: {why}")


def _acknowledge_pagerduty(facts: Facts) -> Notification:
    triggers = [n for n in facts.rows(revision=facts.revision) if _is_trigger(n)]
    newest = triggers[-1]
    return planner.pagerduty_row(
        facts.case, PagerDutyAction.ACKNOWLEDGE, int(newest.details["generation"]), follows=newest.id
    )


def _courtesies(facts: Facts, accepted: Reply) -> Iterator[Notification]:
    """One text to each who was rung before and did not answer."""
    spoke = {r.person for r in facts.replies} | {accepted.person}
    for row in facts.rows(revision=facts.revision):
        rung = row.channel is ChannelName.VOICE and was_told(row) and not spoke_to(row)
        if rung and row.person and row.person not in spoke:
            spoke.add(row.person)
            person = facts.case.roster.people.get(row.person)
            if person and (sms := person.address(ChannelName.SMS)):
                details = {"by": _name(facts, accepted.person), "at": accepted.received_at.isoformat()}
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
    """Somebody cannot comply: the earliest group or step not yet due is brought forward to now, once per answer."""
    if any(a.brought_by == reply.id for a in facts.agenda):
        return
    waiting = facts.open_agenda(AgendaKind.STEP)
    taken = {agenda_id for agenda_id, _ in change.bring_forward}
    following = next((a for a in waiting if a.id not in taken and a.brought_by is None), None)
    if following is not None:
        change.bring_forward.append((following.id, reply.id))
    elif not facts.open_agenda(AgendaKind.STEP) and not _still_ringing(facts):
        change.add += _tell_admins(facts, f"{_name(facts, reply.person)} cannot comply and nobody is left to call")


def _still_ringing(facts: Facts) -> bool:
    return any(not n.state.terminal and n.channel is ChannelName.VOICE for n in facts.rows(revision=facts.revision))


def _reopen(facts: Facts, change: PlanChange) -> None:
    """Who had accepted cannot after all: the steps not yet used are called, the next one at once."""
    case = facts.case
    change.verdicts.append(_verdict(facts, Outcome.REOPENED, "who accepted it cannot comply"))
    change.remarks.append("reopened: who accepted it cannot comply")
    dropped = [a for a in facts.agenda if a.state is AgendaState.SUPERSEDED and a.revision == facts.revision]
    steps = [a for a in dropped if a.kind is AgendaKind.STEP]
    for number, old in enumerate(sorted(steps, key=lambda a: (a.due_at, a.step))):
        due_at = case.now if number == 0 else max(case.now, old.due_at)
        change.add_agenda.append(
            replace(old, id=case.ids.new(), due_at=due_at, state=AgendaState.PENDING, cause="reopened")
        )
    for old in dropped:
        if old.kind in (AgendaKind.VERDICT, AgendaKind.RAISE):
            due_at = max(case.now, old.due_at)
            change.add_agenda.append(replace(old, id=case.ids.new(), due_at=due_at, state=AgendaState.PENDING))
    if not steps:
        change.add += _tell_admins(facts, "who accepted it cannot comply, and nobody is left to call")


def _tell_admins(facts: Facts, note: str) -> Iterator[Notification]:
    if facts.case.roster.admin_channel:
        yield planner.row(
            facts.case, Kind.ADMIN, ChannelName.SLACK_CHANNEL, facts.case.roster.admin_channel, details={"note": note}
        )


# --- failures -------------------------------------------------------------------------------------------------------


def _fallbacks(facts: Facts, change: PlanChange) -> None:
    """A Slack message to everybody whose call or text failed, is held back or is being retried."""
    if facts.accepted_by() is not None:
        return
    helped = {n.person for n in facts.rows(revision=facts.revision) if n.channel is ChannelName.SLACK_DM}
    for row in facts.rows(revision=facts.revision):
        if row.channel in PHONES and row.person and row.person not in helped and _in_trouble(row):
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


def _in_trouble(row: Notification) -> bool:
    if row.state is State.FAILED:
        return row.reason not in set(CallEnd)
    return row.state is State.PENDING and (row.hold in LONG_HOLDS or bool(row.reason))


# --- agenda rows that fall due --------------------------------------------------------------------------------------


def take_step(facts: Facts, agenda: Agenda) -> PlanChange:
    """A step is due: ask the rota again and tell who was not told yet."""
    change = PlanChange()
    open_ = facts.case.event.status is EventStatus.OPEN and facts.accepted_by() is None
    if open_ and agenda.revision == facts.revision:
        plan = planner.take_step(facts.case, agenda.step, asleep=agenda.asleep)
        take_plan(change, plan)
        if not plan.notifications:
            change.add += _tell_admins(
                facts, "; ".join(plan.remarks) or f"step {agenda.step + 1} has nobody new to call"
            )
    return change


def take_raise(facts: Facts, agenda: Agenda) -> PlanChange:
    """Nobody has acknowledged by 60 % of the time: PagerDuty is asked to wake its people, then the record resolved."""
    change = PlanChange()
    if facts.case.event.status is not EventStatus.OPEN or facts.accepted_by() or agenda.revision != facts.revision:
        return change
    records = [n for n in facts.rows(revision=facts.revision) if _is_trigger(n)]
    if records:
        number = int(records[-1].details["generation"])
        raised = planner.pagerduty_row(
            facts.case, PagerDutyAction.TRIGGER, number + 1, "critical", follows=records[-1].id
        )
        change.add += [raised, planner.pagerduty_row(facts.case, PagerDutyAction.RESOLVE, number, follows=raised.id)]
    return change


def take_deadline(facts: Facts, agenda: Agenda) -> PlanChange:
    """The deadline: when nobody has accepted by now, it is missed, and everybody concerned hears so."""
    change = PlanChange()
    verdict = facts.verdict()
    decided = verdict is not None and verdict.outcome is not Outcome.REOPENED
    if facts.case.event.status is not EventStatus.OPEN or decided or agenda.revision != facts.revision:
        return change
    late = facts.case.event.late
    change.verdicts += _verdicts(facts, Outcome.MISSED, "late at the source" if late else "nobody accepted in time")
    if not late:
        note = f"NOBODY HAS ACCEPTED by the deadline, {facts.case.event.deadline_at:%H:%M:%S} UTC"
        change.add += [*_thread_line(facts, note, agenda.id), *_tell_admins(facts, note)]
    return change


def take_plan(change: PlanChange, plan: Plan) -> None:
    change.add += plan.notifications
    change.add_agenda += plan.agenda
    change.remarks += plan.remarks


# --- small shared pieces --------------------------------------------------------------------------------------------


def _stop(facts: Facts, change: PlanChange, rows: Iterable[Notification]) -> None:
    """What is waiting is superseded, what is in the air is cut; the event's own Slack and PagerDuty rows go out."""
    for row in rows:
        if row.person and row.state is State.PENDING and row.kind in (Kind.ALERT, Kind.UPDATE):
            change.supersede.append(row.id)
        elif row.person and in_the_air(row) and row.cut_requested_at is None:
            change.cut.append(row.id)


def _escalates(agenda: Agenda) -> bool:
    kinds = (AgendaKind.STEP, AgendaKind.RAISE, AgendaKind.VERDICT)
    return agenda.kind in kinds and agenda.state is AgendaState.PENDING


def _is_trigger(row: Notification) -> bool:
    return row.channel is ChannelName.PAGERDUTY and row.details.get("action") == PagerDutyAction.TRIGGER


def _has_pagerduty(facts: Facts) -> bool:
    team = facts.case.roster.teams[facts.case.event.team]
    return team.pagerduty is not None and any(_is_trigger(n) for n in facts.rows(revision=facts.revision))


def _asked(facts: Facts) -> bool:
    return any(n.person for n in facts.rows(revision=facts.revision))


def _verdict(facts: Facts, outcome: Outcome, reason: str, person: str | None = None) -> Verdict:
    return Verdict(
        event_pk=facts.case.event.pk,
        revision=facts.revision,
        outcome=outcome,
        reason=reason,
        at=facts.case.now,
        person=person,
    )


def _verdicts(facts: Facts, outcome: Outcome, reason: str) -> Iterator[Verdict]:
    """The event's outcome, and that of each person on its timetable."""
    yield _verdict(facts, outcome, reason)
    replies = facts.latest_replies()
    people = dict.fromkeys(n.person for n in facts.rows(revision=facts.revision) if n.person)
    for person in people:
        reply = replies.get(person)
        if reply and reply.answer is Answer.ACKNOWLEDGE:
            yield _verdict(facts, outcome, f"accepted by {reply.channel}", person)
        elif reply:
            yield _verdict(facts, outcome if outcome is Outcome.MISSED else Outcome.NOT_NEEDED, "cannot comply", person)
        elif outcome is Outcome.MISSED:
            yield _verdict(facts, Outcome.MISSED, _why_silent(facts, person), person)
        else:
            yield _verdict(facts, Outcome.NOT_NEEDED, reason, person)


def _why_silent(facts: Facts, person: str) -> str:
    calls = [n for n in facts.rows(revision=facts.revision) if n.person == person]
    reasons = dict.fromkeys(f"{n.channel}: {n.reason or n.state}" for n in calls)
    return "; ".join(reasons)


def _name(facts: Facts, person: str) -> str:
    known = facts.case.roster.people.get(person)
    return known.name if known else person


def case_for(case: Case, notifications: Iterable[Notification], now: datetime) -> Case:
    """The case with who is on this revision's timetable already, so that nobody is told twice on one channel."""
    told: set[tuple[str, ChannelName]] = set()
    tries: dict[tuple[str, ChannelName, int], int] = {}
    for row in notifications:
        if row.kind is Kind.ALERT and row.revision == case.event.answer_revision and row.person:
            key = (row.person, row.channel, row.step)
            tries[key] = tries.get(key, 0) + 1
            if row.state is not State.SUPERSEDED:
                told.add((row.person, row.channel))
    return replace(case, told=frozenset(told), tries=tries, now=now)
