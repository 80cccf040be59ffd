"""What the report of kept deadlines lists, over each database: every revision that asked people for an answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from model.attempt import Attempt, Words
from model.event import Action, Instruction, MessageType, Mode, Severity
from model.ids import SystemIds
from model.issuer import How, IssuerAck
from model.ledger import EventLine, Late, late_by
from model.plan import ChannelName
from model.reply import Answer
from model.roster import Roster
from model.rota import Rotation
from model.silence import Noise, Silence
from routing import reviser
from routing.replies import take_reply
from store import attempts, issuer_acks, ledger, plans, silences
from store.database import Connection, Database
from tests.contract.store import statements
from tests.contract.store.statements import MERGING, statement
from tests.unit.routing.house import NOW, PRIMARY, ROSTER

IDS = SystemIds()


def _later(rotation: Rotation) -> Rotation:
    return replace(rotation, layers=tuple(replace(a, starts_at=datetime(2030, 1, 1)) for a in rotation.layers))


NOBODY_YET = replace(ROSTER, rotations={name: _later(rotation) for name, rotation in ROSTER.rotations.items()})


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def accept(
    database: Database, name: str, number: int = 1, *, at: datetime = NOW, roster: Roster = ROSTER, **changes: object
) -> str:
    """Its key."""
    found = await statements.accept(database, statement(name, number, **changes), at, roster=roster)
    assert found.event_pk is not None
    return found.event_pk


async def look(database: Database, at: datetime, roster: Roster = ROSTER) -> None:
    """Whatever is due, as the reviser takes it, of one event after the other."""
    while due := await database.read(lambda conn: plans.due_agenda(conn, at)):
        pk = due[0].event_pk
        rows = [row for row in due if row.event_pk == pk]
        await database.transact(lambda conn, pk=pk, rows=rows: reviser.take(conn, pk, rows, roster, IDS, at))


async def answer(database: Database, pk: str, person: str, at: datetime, given: Answer = Answer.ACKNOWLEDGE) -> None:
    await database.transact(
        lambda conn: take_reply(conn, IDS, pk, person=person, answer=given, channel="slack", now=at)
    )
    await look(database, at)


async def lines(database: Database) -> list[EventLine]:
    begin, end = datetime(2020, 1, 1, tzinfo=UTC), NOW + timedelta(days=1)
    return list((await database.read(lambda conn: ledger.page(conn, begin, end, after=None, limit=100))).lines)


def told(found: list[EventLine]) -> list[tuple[str, int, str]]:
    return [(line.event_id, line.revision, str(line.outcome or "open")) for line in found]


async def test_an_event_for_which_nobody_was_on_call_is_missed_by_us(database: Database) -> None:
    await accept(database, "E-1", roster=NOBODY_YET)
    [line] = await lines(database)
    assert (line.outcome, list(line.people), late_by(line)) == (None, [], None)
    await look(database, after(600), NOBODY_YET)
    [line] = await lines(database)
    assert (line.reason, list(line.people), late_by(line)) == ("nobody accepted in time", [], Late.US)


@pytest.mark.parametrize(("house", "by"), [(PRIMARY, Late.VENDOR), (ROSTER, Late.US)])
async def test_where_pagerduty_calls_it_is_not_our_doing_once_it_was_told(
    database: Database, house: Roster, by: Late
) -> None:
    """Where it keeps the record only, nobody was sent anything."""
    roster = replace(house, rotations=NOBODY_YET.rotations)
    pk = await accept(database, "E-1", roster=roster)
    await look(database, after(600), roster)
    [line] = await lines(database)
    assert late_by(line) is Late.US

    def told_it(conn: Connection) -> None:
        first = next(row for row in plans.of_event(conn, pk) if row.channel is ChannelName.PAGERDUTY)
        attempts.add(conn, [Attempt.of(first, IDS.new(), Words(text="cut 12.5 MW", template="t"), after(1))])

    await database.transact(told_it)
    [line] = await lines(database)
    assert late_by(line) is by


async def test_what_is_over_before_its_deadline_and_asked_nobody_has_none(database: Database) -> None:
    await accept(database, "E-1", roster=NOBODY_YET)
    await accept(database, "E-1", 2, message_type=MessageType.CANCEL, roster=NOBODY_YET)
    await look(database, after(600), NOBODY_YET)
    assert await lines(database) == []


async def test_what_went_with_another_event_or_was_held_or_calls_nobody_is_left_out(database: Database) -> None:
    await accept(database, "E-1", roster=MERGING)
    await accept(database, "E-2", roster=MERGING)
    quiet = {"severity": Severity.NOTICE, "instruction": Instruction(action=Action.INFORMATIONAL)}
    await accept(database, "a-notice", program="A", roster=MERGING, **quiet)
    await accept(database, "a-test", program="B", roster=MERGING, mode=Mode.TEST)
    await accept(database, "a-drill", program="C", roster=MERGING, mode=Mode.DRILL)
    noise = Noise(sources=("miso",), severities=(Severity.WARNING,))
    silence = Silence(id=IDS.new(), noise=noise, since=NOW, until=after(3600), reason="new", author="key ana")
    await database.transact(lambda conn: silences.begin(conn, silence))
    await accept(database, "held", program="D", roster=MERGING, severity=Severity.WARNING)
    await look(database, after(600), MERGING)
    found = await lines(database)
    assert told(found) == [("E-1", 1, "missed"), ("a-drill", 1, "missed")]


async def test_who_answers_without_having_been_called_is_among_its_people(database: Database) -> None:
    pk = await accept(database, "E-1")
    await answer(database, pk, "dee", after(20))
    [line] = await lines(database)
    assert [(person.person, person.due_at, person.reply) for person in line.people] == [
        ("ana", NOW, None),
        ("dee", None, "acknowledge"),
    ]
    assert (str(line.outcome), line.accepted_at, line.due_at) == ("met", after(20), NOW)


async def test_each_revision_that_asked_has_an_outcome_of_its_own(database: Database) -> None:
    """A miss stays, whoever accepts what came after it."""
    pk = await accept(database, "E-1")
    await look(database, after(600))
    await accept(database, "E-1", 2, at=after(700), instruction=Instruction(action=Action.REDUCE_LOAD, target_mw=20))
    assert told(await lines(database)) == [("E-1", 1, "missed")]  # not planned yet
    await look(database, after(730))
    assert told(await lines(database)) == [("E-1", 1, "missed"), ("E-1", 2, "open")]
    await answer(database, pk, "ana", after(740))
    first, second = await lines(database)
    assert told([first, second]) == [("E-1", 1, "missed"), ("E-1", 2, "met")]
    assert (first.received_at, first.planned_at, first.deadline_at) == (NOW, NOW, after(600))
    assert (second.received_at, second.planned_at, second.deadline_at) == (after(700), after(730), after(1300))
    assert [person.reply for person in first.people if person.person == "ana"] == [None]
    assert (first.accepted_at, second.accepted_at) == (None, after(740))


async def test_what_was_replaced_before_anything_was_decided_is_no_deadline(database: Database) -> None:
    await accept(database, "E-1")
    for number in (2, 3):
        asked = Instruction(action=Action.REDUCE_LOAD, target_mw=10.0 * number)
        await accept(database, "E-1", number, at=after(number), instruction=asked)
        await look(database, after(number))
    assert told(await lines(database)) == [("E-1", 3, "open")]


async def test_a_replaced_revision_that_came_too_late_keeps_its_deadline(database: Database) -> None:
    await accept(database, "E-1", at=after(60), ack_due_at=NOW)
    await look(database, after(61))
    await accept(database, "E-1", 2, at=after(700), instruction=Instruction(action=Action.REDUCE_LOAD, target_mw=20))
    await look(database, after(700))
    first, second = await lines(database)
    assert (first.deadline_at, late_by(first), second.late) == (NOW, Late.SOURCE, False)


async def test_what_the_issuer_was_told_counts_for_the_revision_it_was_about(database: Database) -> None:
    pk = await accept(database, "E-1")
    await answer(database, pk, "ana", after(20))
    await accept(database, "E-1", 2, at=after(60), instruction=Instruction(action=Action.REDUCE_LOAD, target_mw=20))
    await look(database, after(60))
    ack = IssuerAck(
        id=IDS.new(),
        event_pk=pk,
        revision=2,
        person="ana",
        at=after(700),
        how=How.MCS,
        evidence="",
        received_at=after(700),
        by="key",
    )
    await database.transact(lambda conn: issuer_acks.add(conn, ack))
    first, second = await lines(database)
    assert (list(first.issuer_acks), first.closed_at) == ([], after(60))
    assert (list(second.issuer_acks), second.closed_at) == ([ack], None)
