"""What planning knows of the lines, on both databases: those in use, the calls that wait, whom a plan pushes out."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from model.attempt import Attempt, Words
from model.call_lengths import Learned
from model.event import EventStatus, Severity
from model.ids import SystemIds
from model.phones import Phones
from model.plan import Agenda, AgendaKind, AgendaState, ChannelName
from model.roster import Policy, Step
from routing import paging_again
from routing.cases import lines_known
from store import claims, events, lines, plans
from store.deliveries import Delivery
from tests.contract.store import statements
from tests.contract.store.statements import statement
from tests.unit.routing.house import NOW, ROSTER

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
    reading = statement(name, severity=severity, effective_at=None)
    return await statements.accept(database, reading, at, roster=roster, phones=phones)


async def known(database, *, now=NOW, until=LATER, but="", phones=ONE, roster=SHORT):
    return await database.read(lambda conn: lines_known(conn, roster, phones, now, until, but=but))


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


LEARNS = replace(SHORT, policies={"default": replace(SHORT.policies["default"], learn_call_seconds=True)})
TAUGHT = replace(ONE, learned={"default": Learned(40, 55)})


async def test_other_calls_are_reckoned_with_as_past_ones_teach(database):
    """Those that wait; and of those in the air each that is not longer yet: such a one may take all it is given."""
    await accept(database, "E-1")
    [waiting] = (await known(database, roster=LEARNS, phones=TAUGHT)).waiting
    assert waiting.holds == 65 * SECOND
    assert waiting.until == NOW + 80 * SECOND  # none begins that might not end, however short others were

    until = NOW + 115 * SECOND + lines.SLACK

    def claim(conn):
        [row] = [n for n in plans.of_event(conn, waiting.event_pk) if n.channel is ChannelName.VOICE]
        attempt = Attempt.of(row, IDS.new(), Words(text="Reduce", template="t"), NOW)
        call = claims.Call(until=until, lines=1, per_second=1e9)
        assert claims.claim(conn, IDS, [claims.Claim(notification=row, attempts=[attempt], call=call)], "me", NOW)

    await database.transact(claim)
    assert (await known(database, roster=LEARNS, phones=TAUGHT)).busy == (NOW + 65 * SECOND,)
    assert (await known(database, roster=SHORT, phones=TAUGHT)).busy == (NOW + 115 * SECOND,)
    longer = NOW + 66 * SECOND
    assert (await known(database, now=longer, roster=LEARNS, phones=TAUGHT)).busy == (NOW + 115 * SECOND,)


async def test_more_calls_can_begin_when_they_are_short(database):
    for n in range(4):
        await accept(database, f"E-{n}")
    until = NOW + 70 * SECOND
    assert len((await known(database, until=until)).waiting) == 1
    assert len((await known(database, until=until, roster=LEARNS, phones=TAUGHT)).waiting) == 2


async def test_only_the_policies_of_those_calls_are_asked(database):
    """A roster may have thousands, and each new event looks."""
    asked = []

    class Asked(Phones):
        def length_of(self, policy):
            asked.append(policy.id)
            return super().length_of(policy)

    more = {f"p{n}": replace(SHORT.policies["default"], id=f"p{n}") for n in range(50)}
    many = replace(SHORT, policies=more | LEARNS.policies)
    await accept(database, "E-1")
    phones = Asked(1, 1.0, learned={"default": Learned(40, 55), "gone": Learned(40, 55)})
    assert (await known(database, roster=many, phones=phones)).waiting[0].holds == 65 * SECOND
    assert set(asked) == {"default"}


async def test_calls_that_will_ask_who_accepted_want_lines_too(database):
    """Of open events, until they are asked: then it is a call that waits."""
    one, over = await accept(database, "E-1"), await accept(database, "E-2")
    at = NOW + 300 * SECOND

    def agenda(event_pk, id_, kind=AgendaKind.PAGE_AGAIN):
        return Agenda(id=id_, event_pk=event_pk, kind=kind, due_at=at, lane=0, revision=1)

    def work(conn):
        plans.add_agenda(conn, [agenda(one.event_pk, "a"), agenda(over.event_pk, "b")])
        plans.add_agenda(conn, [agenda(one.event_pk, "c", AgendaKind.ENDS)])
        events.save(conn, replace(events.load(conn, [over.event_pk])[over.event_pk], status=EventStatus.CANCELLED))

    await database.transact(work)
    assert (await known(database)).to_come == ()  # no policy asks again any more
    policy = replace(SHORT.policies["default"], page_again_seconds=120)
    seen = partial(known, database, roster=replace(SHORT, policies={"default": policy}))
    [call] = (await seen()).to_come
    assert (call.id, call.event_pk, call.due_at, call.until) == ("a", one.event_pk, at, at + paging_again.LIFE)
    assert call.holds == 115 * SECOND
    assert (await seen(but=one.event_pk)).to_come == ()
    assert (await seen(until=at - SECOND)).to_come == ()
    await database.transact(lambda conn: plans.finish_agenda(conn, ["a"], AgendaState.DONE, at))
    assert (await seen()).to_come == ()


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
