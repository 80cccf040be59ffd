"""The timetable of a revision that needs an answer. Pure: values in, a Plan out; nothing is sent or stored here."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from model.event import EndKind, Event, Mode, Severity, lane
from model.ids import Ids
from model.plan import Agenda, AgendaKind, ChannelName, Kind, Notification, PagerDutyAction, Plan
from model.roster import PagerDutyMode, Person, Policy, Roster, Team
from model.route import Part
from model.silence import Silence
from routing.audience import Audience, Group, audience
from routing.capacity import Call, Lines
from routing.on_call import spans

RAISE_AT = 0.6  # of the time until the deadline, when nobody has acknowledged
PAGED_IN_VAIN = "PagerDuty was to call them"  # why a step is taken again: it did not take the alert, or nobody answers
REMIND_AT = 0.5  # of that time, when the issuer was not told
PAGERDUTY_SEVERITY = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.NOTICE: "info",
    Severity.INFO: "info",
}
REOPENED = 1000
PAGERDUTY_LIFE = timedelta(hours=1)  # it hears of an alert, and that it is settled, even when that takes a while
DEDUP_KEY_CHARS = 255  # as long as PagerDuty takes
# Why a step is taken again: it found nobody; it was open again when its people's calls were stopped; or nobody else
# was left to call, and those whom it called in vain are called once more.
NOBODY_YET = "somebody comes on call"
STOPPED = "who was stopped is called"
NOBODY_LEFT = "nobody else is left, all are called once more"
_PHONES = (ChannelName.VOICE, ChannelName.SMS)


@dataclass(frozen=True, slots=True)
class Case:
    """What planning looks at. `told`: (person, channel) pairs already on this revision's timetable.

    `lines`: what is known of the phone lines and of other events' calls; `own`: this event's calls that wait for one;
    `named`: people who are known to get none in time. `rung`: a call of this revision was made, or may yet be.
    `overtime`: who is called is called though the time is over. `ourselves`: the first steps of those parts that we
    call for by now, though PagerDuty was to.
    `silence`: what holds the event now, if nobody was told of it.
    """

    event: Event
    roster: Roster
    policy: Policy
    ids: Ids
    now: datetime
    told: frozenset[tuple[str, ChannelName]] = frozenset()
    tries: dict[tuple[str, ChannelName, int], int] = field(default_factory=dict)
    lines: Lines = field(default_factory=Lines)
    own: tuple[Call, ...] = ()
    named: frozenset[str] = frozenset()
    rung: bool = False
    overtime: bool = False
    ourselves: frozenset[int] = frozenset()
    silence: Silence | None = None

    @property
    def team(self) -> Team:
        return self.roster.team_of(self.event)

    @property
    def teams(self) -> tuple[Team, ...]:
        """All whom the event's routes tell, its own first."""
        return self.roster.teams_of(self.event)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Which steps of the policy call for which team."""
        return self.roster.parts_of(self.event)

    def part(self, step: int) -> Part:
        """The part that a step belongs to; the first one for a step that the policy lost."""
        return next((part for part in self.parts if step in part.steps), self.parts[0])

    @property
    def lane(self) -> int:
        return lane(self.event.content, self.event.severity)

    @property
    def critical(self) -> bool:
        return self.event.severity is Severity.CRITICAL

    @property
    def issuer_waits(self) -> bool:
        """Its source demands that the issuer is told as well."""
        source = self.roster.sources.get(self.event.source)
        return source is not None and source.issuer_ack

    @property
    def last_ring_at(self) -> datetime:
        """A call started later may not be over before we stop trying; by the policy, whatever was learned of others."""
        return self.event.work_until - self.policy.holds - timedelta(seconds=self.policy.dial_margin_seconds)


def plan(case: Case) -> Plan:
    """Everything that will happen for the event's answer_revision until its deadline, as far as known now."""
    rows = list(_channel_rows(case))
    if not case.event.rings:
        return Plan(notifications=tuple(rows), rings=False)
    agenda: list[Agenda] = []
    remarks: list[str] = []
    told = case.told
    for part in case.parts:
        index = part.steps.start if part.steps else len(case.policy.steps)
        first = take_step(replace(case, told=told), index, asleep=False)
        told |= {(n.person, n.channel) for n in first.notifications if n.person}
        rows += first.notifications
        agenda += [*first.agenda, *_later_steps(case, part, first)]
        remarks += first.remarks
    agenda += _deadlines(case)
    if remarks:
        rows += admin_rows(case, "; ".join(remarks))
    remarks += _risk(case, rows)
    return Plan(
        notifications=tuple(rows),
        agenda=tuple(agenda),
        remarks=tuple(remarks),
        rings=any(row.channel is ChannelName.VOICE for row in rows) or any(map(pagerduty_calls, case.teams)),
        at_risk=bool(_risk(case, rows)),
    )


def pagerduty_calls(team: Team | None) -> bool:
    return team is not None and team.pagerduty is not None and team.pagerduty.mode is PagerDutyMode.PRIMARY


def _channel_rows(case: Case) -> Iterator[Notification]:
    """The event's own rows: one Slack message and one PagerDuty alert for each team, at once.

    A service that is to call for one team and to keep the record for another calls.
    """
    testing = case.event.content.mode is Mode.TEST
    calling = {team.pagerduty.routing_key: team for team in case.teams if team.pagerduty and pagerduty_calls(team)}
    told: set[str] = set()
    for team in case.teams:
        channel = (team.slack_test_channel or team.slack_channel) if testing else team.slack_channel
        if channel and channel not in told:
            yield row(case, Kind.ALERT, ChannelName.SLACK_CHANNEL, channel, team=team.id)
        service = team.pagerduty if case.event.rings else None
        if service and service.routing_key not in told:
            meant = calling.get(service.routing_key, team)
            severity = PAGERDUTY_SEVERITY[case.event.severity] if pagerduty_calls(meant) else "info"
            number = generation(case.event)
            yield pagerduty_row(case, service.routing_key, PagerDutyAction.TRIGGER, number, severity, team=meant.id)
        told |= {channel or "", service.routing_key if service else ""}


def generation(event: Event) -> int:
    """PagerDuty's alert counts up when a new answer is needed: a repeat on an acknowledged alert notifies nobody.

    Odd numbers record, the even number after each is its raised alert. Each time it is open again adds `REOPENED`.
    """
    answers = [r.number for r in event.revisions if r.needs_answer and r.number <= event.answer_revision]
    return 2 * len(answers) - 1


def dedup_key(event: Event, number: int) -> str:
    """What PagerDuty knows the alert by; at most 255 characters are allowed there."""
    key = f"{event.source}:{event.event_id}:g{number}"
    return key if len(key) <= DEDUP_KEY_CHARS else hashlib.sha256(key.encode()).hexdigest()


def pagerduty_row(
    case: Case,
    routing_key: str,
    action: PagerDutyAction,
    number: int,
    severity: str = "info",
    follows: str | None = None,
    team: str | None = None,
) -> Notification:
    """`routing_key`: of an alert that is there already the one it went to, whatever the roster says by now."""
    details: dict[str, str | int | bool] = {
        "action": action,
        "generation": number,
        "severity": severity,
        "dedup_key": dedup_key(case.event, number),
    }
    if action is PagerDutyAction.TRIGGER and pagerduty_calls(case.roster.teams.get(team or case.team.id)):
        details["calls"] = True
    return row(
        case,
        Kind.ALERT,
        ChannelName.PAGERDUTY,
        routing_key,
        team=team or case.team.id,
        details=details,
        follows=follows,
        until=case.now + PAGERDUTY_LIFE,
    )


def row(
    case: Case,
    kind: Kind,
    channel: ChannelName,
    address: str,
    *,
    person: str | None = None,
    team: str | None = None,
    step: int = -1,
    group: str = "",
    due_at: datetime | None = None,
    until: datetime | None = None,
    details: dict[str, str | int | bool] | None = None,
    follows: str | None = None,
    revision: int | None = None,
) -> Notification:
    """One send of this event; the rest of its fields follow from the case."""
    return Notification(
        id=case.ids.new(),
        event_pk=case.event.pk,
        revision=revision or case.event.answer_revision,
        kind=kind,
        channel=channel,
        address=address,
        person=person,
        team=team,
        step=step,
        group=group,
        try_no=1 + case.tries.get((person or address, channel, step), 0),
        follows=follows,
        lane=case.lane,
        due_at=due_at or case.now,
        until=until or max(case.event.work_until, case.now + timedelta(seconds=case.policy.sla_seconds)),
        details=details or {},
    )


def call_of(case: Case, row: Notification) -> Call:
    """What a call of this event wants of the lines."""
    holds = case.lines.phones.length_of(case.policy).holds
    return Call(row.lane, row.redial, row.until, row.due_at, row.id, row.event_pk, holds)


def admin_rows(case: Case, note: str, **more: str) -> Iterator[Notification]:
    """A line to the admins, where the roster names a channel for them."""
    if case.roster.admin_channel:
        details = {"note": note, **more}
        yield row(case, Kind.ADMIN, ChannelName.SLACK_CHANNEL, case.roster.admin_channel, details=dict(details))


def take_step(case: Case, index: int, *, asleep: bool) -> Plan:
    """Tell the people of one step now; `asleep`: also those who slept at its start. Steps without people are passed."""
    if index >= len(case.policy.steps):
        return Plan(remarks=("nobody is left to call",), rings=False)
    step, part = case.policy.steps[index], case.part(index)
    paged = pagerduty_calls(case.roster.teams.get(part.team)) and part.steps.start not in case.ourselves
    found = audience(case.roster, step, index, case.now, case.critical)
    remarks = tuple(f"{person} is on call but not in the roster" for person in found.missing)
    channels = tuple(c for c in step.channels if not (c is ChannelName.VOICE and paged))
    if not any(ways(channels, person) for group in found.groups for person in group.people):
        return _pass_on(case, index, remarks)
    groups = found.groups if asleep else found.now()
    rows = tuple(row for group in groups for row in _group_rows(case, channels, index, group))
    return Plan(notifications=rows, agenda=tuple(_sleepers(case, index, found, asleep=asleep)), remarks=remarks)


def _pass_on(case: Case, index: int, remarks: Sequence[str]) -> Plan:
    """Nobody to call in this step: the next one is taken at once, and said so. This one is asked again in time."""
    after = Plan(remarks=("nobody is left to call",), rings=False)
    if index + 1 in case.part(index).steps:
        after = take_step(case, index + 1, asleep=False)
    nobody = f"{step_name(case, index)} has nobody to call now"
    return Plan(
        notifications=after.notifications,
        agenda=(*_ask_again(case, index), *after.agenda),
        remarks=(*remarks, nobody, *after.remarks),
        rings=after.rings,
    )


def _ask_again(case: Case, index: int) -> Iterator[Agenda]:
    """When the next person comes on call before we stop trying."""
    rotas = [case.roster.rotas[r] for r in case.policy.steps[index].rotations if r in case.roster.rotas]
    coming = [span.start for rota in rotas for span in spans(rota, case.now, case.event.work_until) if span.people]
    if at := min((start for start in coming if start > case.now), default=None):
        yield agenda_step(case, index, at, cause=NOBODY_YET)


def _sleepers(case: Case, index: int, found: Audience, *, asleep: bool) -> Iterator[Agenda]:
    if not asleep and found.later():
        due_at = case.now + timedelta(seconds=case.policy.asleep_delay_seconds)
        yield agenda_step(case, index, due_at, asleep=True)


def agenda_step(case: Case, index: int, due_at: datetime, *, asleep: bool = False, cause: str = "") -> Agenda:
    return Agenda(
        id=case.ids.new(),
        event_pk=case.event.pk,
        kind=AgendaKind.STEP,
        due_at=due_at,
        lane=case.lane,
        revision=case.event.answer_revision,
        step=index,
        asleep=asleep,
        cause=cause,
    )


def agenda_revise(case: Case, cause: str) -> Agenda:
    """Everything is to be looked at again, now."""
    return replace(_agenda(case, AgendaKind.REVISE, case.now), cause=cause)


def agenda_member(case: Case) -> Agenda:
    """The event's own deadline, while another one rings for it."""
    return _agenda(case, AgendaKind.MEMBER, max(case.now, case.event.deadline_at))


def agenda_page_again(case: Case, due_at: datetime) -> Agenda:
    """Whether anything was heard since somebody accepted is to be looked at then."""
    return _agenda(case, AgendaKind.PAGE_AGAIN, due_at)


def step_name(case: Case, index: int) -> str:
    """E.g. "step 2", and "step 1 for team plant" where another route than the one that decides calls for it."""
    part = case.part(index)
    return f"step {index + 1 - part.steps.start}{f' for team {part.team}' if part.steps.start else ''}"


def _later_steps(case: Case, part: Part, first: Plan) -> Iterator[Agenda]:
    """Steps of a part not reached yet, asked of the rota when they fall due."""
    reached = max((n.step for n in first.notifications), default=part.steps.start)
    for index in part.steps:
        if index > reached:
            yield agenda_step(case, index, case.now + timedelta(seconds=case.policy.steps[index].after_seconds))


def _deadlines(case: Case) -> Iterator[Agenda]:
    event = case.event
    raise_at = case.now + (event.work_until - case.now) * RAISE_AT
    if any(team.pagerduty and team.pagerduty.mode is PagerDutyMode.RECORD for team in case.teams):
        yield _agenda(case, AgendaKind.RAISE, raise_at)
    for part in case.parts:
        if part.steps and pagerduty_calls(case.roster.teams.get(part.team)):
            yield replace(_agenda(case, AgendaKind.RAISE, raise_at), step=part.steps.start)
    if case.issuer_waits:
        yield _agenda(case, AgendaKind.REMIND, case.now + (event.work_until - case.now) * REMIND_AT)
    yield _agenda(case, AgendaKind.VERDICT, max(case.now, event.deadline_at))
    content = event.revision(event.answer_revision).content
    holds = content.asks_action and content.end_kind is EndKind.UNTIL_RELEASED
    if holds and content.ends_at is not None and content.ends_at > case.now:
        yield _agenda(case, AgendaKind.ENDS, content.ends_at)


def _agenda(case: Case, kind: AgendaKind, due_at: datetime) -> Agenda:
    return Agenda(
        id=case.ids.new(),
        event_pk=case.event.pk,
        kind=kind,
        due_at=due_at,
        lane=case.lane,
        revision=case.event.answer_revision,
    )


def _group_rows(case: Case, channels: Sequence[ChannelName], index: int, group: Group) -> Iterator[Notification]:
    label = f"{group.timezone} {group.rotation}".strip()
    for person in group.people:
        for channel, address in ways(channels, person):
            if (person.id, channel) not in case.told:
                yield _person_row(case, index, label, person, channel, address)


def ways(wanted: Sequence[ChannelName], person: Person) -> Iterable[tuple[ChannelName, str]]:
    """How this person is told: the wanted channels, and a Slack message where a phone is missing."""
    found = [(c, address) for c in wanted if (address := person.address(c))]
    phones_missing = any(c in _PHONES for c in wanted) and not all(person.address(c) for c in wanted if c in _PHONES)
    direct = person.address(ChannelName.SLACK_DM)
    if phones_missing and direct and ChannelName.SLACK_DM not in wanted:
        found.append((ChannelName.SLACK_DM, direct))
    return found


def _person_row(case: Case, index: int, group: str, person: Person, channel: ChannelName, address: str) -> Notification:
    until, details = case.event.work_until, {}
    if channel is ChannelName.VOICE:
        until = case.last_ring_at
        # An event that would otherwise ring nobody rings its first step all the same (design section 5).
        if until <= case.now and index == case.part(index).steps.start:
            until, details = case.event.work_until, {"overtime": True}
        if until <= case.now and case.overtime:
            until, details = case.now + timedelta(seconds=case.policy.sla_seconds), {"overtime": True}
    return row(
        case,
        Kind.ALERT,
        channel,
        address,
        person=person.id,
        step=index,
        group=group,
        until=until,
        details=dict(details),
    )


def _risk(case: Case, rows: Iterable[Notification]) -> list[str]:
    if any(n.details.get("overtime") for n in rows):
        return ["a call takes longer than the time left: the phones ring all the same"]
    return []
