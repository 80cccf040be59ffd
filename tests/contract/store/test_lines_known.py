"""What planning knows of the lines, on both databases: those in use, the calls that wait, whom a plan pushes out."""

from dataclasses import replace
from datetime import timedelta

from broker.base import Message, MessageKind
from model.event import Severity
from model.ids import SystemIds
from model.phones import Phones
from model.plan import AgendaKind, AgendaState, ChannelName
from model.reading import Reading
from model.roster import Policy, Step
from routing.accept import Member, decide
from routing.cases import lines_known
from store import lines, plans
from store.deliveries import Delivery
from tests.unit.routing.house import NOW, ROSTER, content

IDS = SystemIds()
ONE = Phones(1, 1.0)
SECOND = timedelta(seconds=1)
LATER = NOW + timedelta(minutes=8)
# One call of 115 s each; the line is free for one of them only.
SHORT = replace(
    ROSTER,
    policies={"default": Policy(id="default", steps=(Step(after_seconds=0, people=("ana",)),), sla_seconds=200)},
)


async def accept(database, name, severity=Severity.CRITICAL, phones=ONE, roster=SHORT, at=NOW) -> Delivery:
    said = content(severity=severity, effective_at=None)
    reading = Reading(event_id=name, revision=1, content=said, key=name, own_digest=name, parsed={})
    message = Message(
        id=IDS.new(),
        kind=MessageKind.EVENT,
        source="miso",
        format="canonical",
        lane=0,
        body=b"{}",
        received_at=at,
        deliveries=(IDS.new(),),
    )
    return await database.transact(lambda conn: decide(conn, Member(message, 0), reading, roster, IDS, at, phones))


async def known(database, *, now=NOW, until=LATER, but="", phones=ONE):
    return await database.read(lambda conn: lines_known(conn, SHORT, phones, now, until, but=but))


async def test_lines_in_use_and_when_they_are_free(database):
    """A call that should be over and whose end nobody told us counts until it is asked about."""
    until = NOW + 115 * SECOND + lines.SLACK
    await database.transact(lambda conn: lines.take(conn, "+13125550101", IDS.new(), NOW, until))
    found = await known(database)
    assert found.busy == (NOW + 115 * SECOND,)
    assert found.next_at == NOW + SECOND
    overdue = NOW + 130 * SECOND
    assert (await known(database, now=overdue)).busy == (until,)


async def test_calls_of_other_events_that_wait(database):
    critical = await accept(database, "E-1")
    warning = await accept(database, "E-2", Severity.WARNING, at=NOW - SECOND)
    found = (await known(database)).waiting
    assert [(call.event_pk, call.lane, call.redial) for call in found] == [
        (critical.event_pk, 0, False),
        (warning.event_pk, 1, False),
    ]
    assert {call.holds for call in found} == {115 * SECOND}
    assert [call.event_pk for call in (await known(database, but=critical.event_pk)).waiting] == [warning.event_pk]
    assert (await known(database, until=NOW - SECOND)).waiting == ()  # nothing can begin any more


async def test_no_more_are_read_than_can_begin(database):
    for n in range(4):
        await accept(database, f"E-{n}")
    assert len((await known(database, until=NOW + 20 * SECOND)).waiting) == 1
    assert len((await known(database, until=NOW + 20 * SECOND, phones=Phones(3, 1.0))).waiting) == 3


async def test_an_event_that_loses_its_line_is_looked_at_again(database):
    """The warning had the line in time; a critical event takes it."""
    warning = await accept(database, "E-1", Severity.WARNING)
    assert warning.at_risk is False
    critical = await accept(database, "E-2")
    assert critical.at_risk is False

    def asked(conn, event_pk):
        rows = plans.agenda_of_event(conn, event_pk)
        return [a.cause for a in rows if a.kind is AgendaKind.REVISE and a.state is AgendaState.PENDING]

    assert await database.read(lambda conn: asked(conn, warning.event_pk)) == ["another event needs the lines"]
    assert await database.read(lambda conn: asked(conn, critical.event_pk)) == []


async def test_what_is_promised_is_kept_as_evidence(database):
    """With the names of those who get no call in time, in the answer and in the timeline."""
    await accept(database, "E-1")
    second = await accept(database, "E-2")
    assert second.at_risk is True
    assert "no line is free in time for anybody" in second.detail
    rows = await database.read(lambda conn: plans.of_event(conn, second.event_pk))
    [call] = [n for n in rows if n.channel is ChannelName.VOICE]
    assert call.details == {"overtime": True}
