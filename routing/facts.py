"""What is known about an event when its timetable is looked at again, and what a look may change. Pure values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from model.event import Event
from model.issuer import IssuerAck
from model.plan import (
    NEVER_KNOWN,
    Agenda,
    AgendaKind,
    AgendaState,
    CallEnd,
    ChannelName,
    Kind,
    Notification,
    PagerDutyAction,
    Plan,
    Reach,
    State,
)
from model.reply import Reply
from model.silence import Silence
from model.verdict import Verdict
from routing import planner
from routing.capacity import Call
from routing.planner import Case

_NO_PLAN = (AgendaKind.REVISE, AgendaKind.MEMBER)  # a wish to look, and what stands there while another event rings
_TIMETABLE = (Kind.ALERT, Kind.UPDATE)  # a note or a line to the admins may stand there before the revision is planned


@dataclass(frozen=True, slots=True)
class Leader:
    """The event that rings for another one, and how far it is.

    `accepted_at`: since when its objective is met, `how` in words. `taken_back`: it was, and is no more.
    """

    event: Event
    verdict: Verdict | None
    accepted_at: datetime | None = None
    how: str = ""
    taken_back: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """An event's case with everything that happened to it. `leader`: what rings for it, None where it does itself."""

    case: Case
    notifications: Sequence[Notification]
    agenda: Sequence[Agenda]
    replies: Sequence[Reply]
    verdicts: Sequence[Verdict]
    issuer_acks: Sequence[IssuerAck] = ()
    leader: Leader | None = None

    @property
    def revision(self) -> int:
        return self.case.event.answer_revision

    def planned(self) -> set[int]:
        """The revisions for which there is a timetable."""
        found = {n.revision for n in self.notifications if n.kind in _TIMETABLE}
        return found | {a.revision for a in self.agenda if a.kind not in _NO_PLAN}

    def rows(self, *, revision: int | None = None, kind: Kind = Kind.ALERT) -> Iterator[Notification]:
        return (n for n in self.notifications if n.kind is kind and revision in (None, n.revision))

    def latest_replies(self) -> Mapping[str, Reply]:
        """Each person's last word on the revision that needs an answer."""
        return {r.person: r for r in self.replies if r.revision == self.revision}

    def people(self) -> set[str]:
        """Who is asked for an answer to this revision, as far as their step is due."""
        return {n.person for n in self.rows(revision=self.revision) if n.person}

    def verdict(self) -> Verdict | None:
        """The event's latest outcome for the revision that needs an answer."""
        found = [v for v in self.verdicts if v.person is None and v.revision == self.revision]
        return found[-1] if found else None

    def by_person(self, *, revision: int | None = None) -> Mapping[str, Sequence[Notification]]:
        """As `rows`, those of each person: of thousands of people nobody looks through the rows of all the others."""
        found: dict[str, list[Notification]] = {}
        for row in self.rows(revision=revision):
            if row.person:
                found.setdefault(row.person, []).append(row)
        return found

    def told(self) -> list[str]:
        """Everybody the vendor was asked to tell, in the order they were."""
        alerts = (n for n in self.notifications if n.kind in (Kind.ALERT, Kind.UPDATE) and n.person and was_told(n))
        return list(dict.fromkeys(n.person for n in alerts if n.person))

    def open_agenda(self, kind: AgendaKind) -> list[Agenda]:
        rows = [a for a in self.agenda if a.kind is kind and a.state is AgendaState.PENDING]
        return sorted(rows, key=lambda a: (a.due_at, a.step))


class Brought(NamedTuple):
    """A step called before its time, since `by` (a reply, or a call that was the last) happened; `why` in words."""

    agenda_id: str
    by: str
    why: str


@dataclass(slots=True)
class PlanChange:
    """What revise decided. Lists of ids refer to rows as they were in the facts. `held`: this silence keeps it back."""

    add: list[Notification] = field(default_factory=list)
    add_agenda: list[Agenda] = field(default_factory=list)
    supersede: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    drop_agenda: list[str] = field(default_factory=list)
    bring_forward: list[Brought] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    reach: Reach | None = None
    pushes_out: set[str] = field(default_factory=set)
    held: Silence | None = None
    reason: str = ""

    def __bool__(self) -> bool:
        return any(
            (self.add, self.add_agenda, self.supersede, self.cut, self.drop_agenda, self.bring_forward, self.verdicts)
        )


def was_told(row: Notification) -> bool:
    """The vendor took it, or may have."""
    may_have = row.state in (State.SENDING, State.UNKNOWN) or row.reason.startswith(NEVER_KNOWN)
    return row.sent_at is not None or may_have


def spoke_to(row: Notification) -> bool:
    """A person picked up; a voicemail is nobody."""
    return row.answered_at is not None and row.reason != CallEnd.VOICEMAIL


def in_the_air(row: Notification) -> bool:
    """A call until it is over; anything else until its outcome is known: till then it may still be sent, or again."""
    if row.channel is ChannelName.VOICE:
        return not row.state.terminal and row.state is not State.PENDING
    return row.state in (State.SENDING, State.UNKNOWN) and row.kind in (Kind.ALERT, Kind.UPDATE)


def take_plan(change: PlanChange, plan: Plan) -> None:
    """Everything a plan decided becomes part of the change."""
    change.add += plan.notifications
    change.add_agenda += plan.agenda
    change.remarks += plan.remarks
    change.reach = plan.reach or change.reach
    change.pushes_out.update(plan.pushes_out)


_STOPPED = (Kind.ALERT, Kind.UPDATE, Kind.CONFIRM)


def stop(facts: Facts, change: PlanChange, rows: Iterable[Notification]) -> None:
    """What is waiting is superseded, what is in the air is cut; the event's own Slack and PagerDuty rows go out."""
    for row in rows:
        if row.person and row.state is State.PENDING and row.kind in _STOPPED:
            change.supersede.append(row.id)
        elif row.person and in_the_air(row) and row.cut_requested_at is None:
            change.cut.append(row.id)


def escalates(agenda: Agenda) -> bool:
    kinds = (AgendaKind.STEP, AgendaKind.RAISE, AgendaKind.VERDICT)
    return agenda.kind in kinds and agenda.state is AgendaState.PENDING


def waits(agenda: Agenda) -> bool:
    """Of what is to come of a revision, until another one replaces it or the event is over."""
    kinds = (AgendaKind.REMIND, AgendaKind.PAGE_AGAIN, AgendaKind.ENDS, AgendaKind.MEMBER)
    return escalates(agenda) or (agenda.kind in kinds and agenda.state is AgendaState.PENDING)


def is_trigger(row: Notification) -> bool:
    return row.channel is ChannelName.PAGERDUTY and row.details.get("action") == PagerDutyAction.TRIGGER


def open_alerts(facts: Facts) -> list[Notification]:
    """The PagerDuty alerts of this event that were triggered, or are about to be, and not resolved: their triggers."""
    rows = [n for n in facts.rows() if n.channel is ChannelName.PAGERDUTY and n.state is not State.SUPERSEDED]
    resolved = {_alert(n) for n in rows if n.details["action"] == PagerDutyAction.RESOLVE}
    triggers = {_alert(n): n for n in rows if is_trigger(n) and _alert(n) not in resolved}
    return [triggers[alert] for alert in sorted(triggers)]


def _alert(row: Notification) -> tuple[int, str]:
    """Which one, at which of PagerDuty's services."""
    return int(row.details["generation"]), row.address


def resolve(
    facts: Facts, change: PlanChange, trigger: Notification, *, after: Notification | None = None
) -> Notification:
    """An alert is over. A trigger that comes after its resolve would open it for good: one that waits goes no more, and
    one that is on its way, and may have to be repeated, goes first; else `after`, the one that takes its place.
    """
    if trigger.state is State.PENDING:
        change.supersede.append(trigger.id)
    on_its_way = trigger.state in (State.SENDING, State.UNKNOWN)
    return planner.pagerduty_row(
        facts.case,
        trigger.address,
        PagerDutyAction.RESOLVE,
        int(trigger.details["generation"]),
        follows=trigger.id if after is None or on_its_way else after.id,
        team=trigger.team,
    )


def newest_triggers(facts: Facts) -> list[Notification]:
    """The last alert of this revision at each of PagerDuty's services."""
    triggers = sorted((n for n in facts.rows(revision=facts.revision) if is_trigger(n)), key=_alert)
    return list({n.address: n for n in triggers}.values())  # a repeat is due later than what came after it


def asked(facts: Facts) -> bool:
    """Somebody was on a timetable of this event, be it of an earlier revision than the one it ended with."""
    return any(n.person for n in facts.rows())


def name(facts: Facts, person: str) -> str:
    known = facts.case.roster.people.get(person)
    return known.name if known else person


def thread_line(facts: Facts, note: str, key: str) -> Iterator[Notification]:
    """One in each of the event's threads."""
    if any(n.details.get("key") == key for n in facts.notifications):
        return
    threads: dict[str, Notification] = {}
    for row in facts.rows():
        if row.channel is ChannelName.SLACK_CHANNEL:
            threads.setdefault(row.address, row)
    for first in threads.values():
        yield planner.row(
            facts.case,
            Kind.NOTE,
            ChannelName.SLACK_CHANNEL,
            first.address,
            team=first.team,
            follows=first.id,
            details={"note": note, "key": key},
        )


def case_for(case: Case, notifications: Iterable[Notification], agenda: Iterable[Agenda], now: datetime) -> Case:
    """The case with who is on this revision's timetable already, so that nobody is told twice on one channel."""
    told: set[tuple[str, ChannelName]] = set()
    tries: dict[tuple[str, ChannelName, int], int] = {}
    own: list[Call] = []
    named: set[str] = set()
    rung = False
    for row in notifications:
        if row.revision != case.event.answer_revision:
            continue
        if row.kind is Kind.ADMIN:
            named.update(str(row.details.get("no_line", "")).split())
        if row.kind is Kind.ALERT and row.person:
            key = (row.person, row.channel, row.step)
            tries[key] = tries.get(key, 0) + 1
            if row.state is not State.SUPERSEDED:
                told.add((row.person, row.channel))
            if row.details.get("no_line"):
                named.add(row.person)
            if row.channel is ChannelName.VOICE:
                rung = rung or was_told(row) or not row.state.terminal
                if row.state is State.PENDING:
                    own.append(planner.call_of(case, row))
    return replace(
        case,
        told=frozenset(told),
        tries=tries,
        own=tuple(own),
        named=frozenset(named),
        rung=rung,
        ourselves=_ourselves(case, agenda),
        now=now,
    )


def _ourselves(case: Case, agenda: Iterable[Agenda]) -> frozenset[int]:
    """Where the time of PagerDuty is over, and where it was to call nobody when the timetable was made: what the roster
    says since reaches it with the next answer that is asked for.
    """
    mine = [a for a in agenda if a.revision == case.event.answer_revision]
    raises = [a for a in mine if a.kind is AgendaKind.RAISE]
    over = {a.step for a in raises if a.state is AgendaState.DONE}
    if any(a.kind is AgendaKind.VERDICT for a in mine):
        over |= {part.steps.start for part in case.parts} - {a.step for a in raises}
    return frozenset(over)
