"""A small roster and events for tests of planning: ana is awake, chie sleeps, dee is the backup."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from model.event import Action, Content, Event, EventStatus, Instruction, Phase, Revision, Severity
from model.plan import ChannelName, Notification, State
from model.reply import Answer, Reply
from model.roster import ContactMethod, PagerDutyMode, PagerDutyService, Person, Policy, Roster, Step, Team, Wake
from model.rota import Layer, Rotation, ShiftLength, ShiftUnit
from model.route import Route
from routing.facts import Facts, case_for
from routing.planner import Case

NOW = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)  # 13:00 in Chicago, 03:00 in Tokyo


class CountingIds:
    def __init__(self) -> None:
        self._n = count(1)

    def new(self) -> str:
        return f"id-{next(self._n):04}"

    def code(self, letters: int) -> str:
        return "A" * letters

    def salt(self) -> str:
        return "0" * 32


def person(id_: str, zone: str, last: int, *, phone: bool = True, slack: bool = True) -> Person:
    methods = []
    if phone:
        methods += [
            ContactMethod(channel=c, address=f"+1312555010{last}") for c in (ChannelName.VOICE, ChannelName.SMS)
        ]
    if slack:
        methods.append(ContactMethod(channel=ChannelName.SLACK_DM, address=f"U{id_.upper()}"))
    return Person(id=id_, name=id_.title(), timezone=zone, methods=tuple(methods))


def rotation(id_: str, *people: str) -> Rotation:
    layer = Layer(
        name="all",
        participants=(people,),
        shift=ShiftLength(unit=ShiftUnit.WEEK),
        starts_at=datetime(2024, 1, 1, 9),
    )
    return Rotation(id=id_, name=id_, team="ops", timezone="America/Chicago", layers=(layer,))


POLICY = Policy(
    id="default",
    steps=(
        Step(after_seconds=0, rotations=("primary",), wake=Wake.AWAKE_FIRST),
        Step(after_seconds=300, rotations=("backup",)),
    ),
)

ROSTER = Roster(
    version=3,
    people={
        "ana": person("ana", "America/Chicago", 1),
        "chie": person("chie", "Asia/Tokyo", 3),
        "dee": person("dee", "America/Chicago", 4),
    },
    teams={
        "ops": Team(id="ops", name="Ops", slack_channel="C0OPS", pagerduty=PagerDutyService(routing_key="k" * 32)),
    },
    rotations={"primary": rotation("primary", "ana", "chie"), "backup": rotation("backup", "dee")},
    policies={"default": POLICY},
    routes=(Route(id="all", team="ops", policy="default"),),
    admin_channel="C0ADMIN",
)

PRIMARY = replace(  # PagerDuty calls, and we do not
    ROSTER,
    teams={
        "ops": replace(
            ROSTER.teams["ops"], pagerduty=PagerDutyService(routing_key="k" * 32, mode=PagerDutyMode.PRIMARY)
        )
    },
)


def content(**changes) -> Content:
    base = Content(
        issuer="MISO",
        program="EDR",
        phase=Phase.EVENT,
        severity=Severity.CRITICAL,
        issued_at=NOW,
        effective_at=NOW + timedelta(minutes=30),
        ends_at=NOW + timedelta(hours=4),
        instruction=Instruction(action=Action.REDUCE_LOAD, target_mw=12.5),
        headline="cut 12.5 MW",
        source_timezone="Etc/GMT+5",
    )
    return replace(base, **changes)


def revision(number: int = 1, *, needs_answer: bool = True, at: datetime = NOW, **changes) -> Revision:
    return Revision(
        number=number,
        content=content(**changes),
        digest=f"digest-{number}-{sorted(changes)}",
        delivery_id=f"delivery-{number}",
        received_at=at,
        needs_answer=needs_answer,
    )


def event(*revisions: Revision, status: EventStatus = EventStatus.OPEN, **changes) -> Event:
    revisions = revisions or (revision(),)
    base = Event(
        pk="event-1",
        source="miso",
        event_id="E-1",
        status=status,
        severity=Severity.CRITICAL,
        revisions=revisions,
        answer_revision=max((r.number for r in revisions if r.needs_answer), default=1),
        received_at=NOW,
        deadline_at=NOW + timedelta(minutes=10),
        work_until=NOW + timedelta(minutes=10),
        route="all",
        policy="default",
        team="ops",
        roster_version=3,
    )
    return replace(base, **changes)


def case(event_: Event | None = None, now: datetime = NOW, roster: Roster = ROSTER) -> Case:
    event_ = event_ or event()
    return Case(event=event_, roster=roster, policy=roster.policy_of(event_), ids=CountingIds(), now=now)


def facts(
    event_: Event, notifications, *, agenda=(), replies=(), verdicts=(), now: datetime = NOW, roster=ROSTER
) -> Facts:
    rows = list(notifications)
    return Facts(
        case=case_for(case(event_, now, roster), rows, agenda, now),
        notifications=rows,
        agenda=list(agenda),
        replies=list(replies),
        verdicts=list(verdicts),
    )


def sent(row: Notification, state: State = State.DELIVERED, at: datetime = NOW, **changes) -> Notification:
    return replace(row, state=state, sent_at=at, **changes)


def reply(who: str, answer: Answer = Answer.ACKNOWLEDGE, *, at: datetime = NOW, number: int = 1, n: int = 1) -> Reply:
    return Reply(
        id=f"reply-{who}-{n}",
        event_pk="event-1",
        revision=number,
        person=who,
        answer=answer,
        channel="voice",
        received_at=at,
    )
