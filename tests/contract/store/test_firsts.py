"""What is measured of an event's first ring and acknowledgement: once each, when the transaction has committed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.attempt import Attempt, Receipt, ReceiptKind, Sent, Words
from model.event import Mode
from model.ids import SystemIds
from model.plan import ChannelName, Kind
from model.reply import Answer
from notifiers.receipts import take_receipt
from routing import planner
from routing.replies import take_reply
from store import claims, events, outcomes, plans
from store.claims import Call, Claim
from store.signals import Measure, Measured
from tests.unit.routing.house import NOW, ROSTER, case, event, revision

LEFT, TOOK = Measure.LEFT_AT_FIRST_RING, Measure.UNTIL_FIRST_ACKNOWLEDGEMENT
NUMBERS = [ROSTER.people[name].address(ChannelName.VOICE) for name in ("ana", "dee")]
IDS = SystemIds()


@pytest.fixture
def counted(database):
    found: list[Measured] = []
    database.signals.count = found.append
    return found


async def called(database, of):
    """The event's two calls are on their way; their attempts."""

    def work(conn):
        events.save(conn, of)
        for each in of.revisions:
            events.add_revision(conn, of.pk, each, {})
        with_ids = replace(case(of), ids=IDS)
        rows = [planner.row(with_ids, Kind.ALERT, ChannelName.VOICE, number, person=number) for number in NUMBERS]
        plans.add_notifications(conn, rows)
        return [_claimed(conn, row) for row in rows]

    return await database.transact(work)


def _claimed(conn, row):
    attempt = Attempt.of(row, IDS.new(), Words(text="Reduce", template="t"), NOW)
    call = Call(until=NOW + timedelta(minutes=3), lines=5, per_second=1e9)
    assert claims.claim(conn, IDS, [Claim(notification=row, attempts=[attempt], call=call)], "me", NOW)
    outcomes.sent(conn, IDS, row, attempt, Sent(vendor_id=f"CA{attempt.id}"), NOW)
    return attempt


async def hears(database, attempt, kind, seconds):
    receipt = Receipt(kind=kind, vendor_id=f"CA{attempt.id}")
    at = NOW + timedelta(seconds=seconds)
    await database.transact(lambda conn: take_receipt(conn, IDS, attempt.id, receipt, at))


async def says(database, person, answer, seconds):
    at = NOW + timedelta(seconds=seconds)
    more = {"person": person, "answer": answer, "channel": "api", "now": at}
    await database.transact(lambda conn: take_reply(conn, IDS, "event-1", **more))


async def test_the_first_ring_counts_once_with_what_is_left(database, counted):
    ana, dee = await called(database, event())
    await hears(database, ana, ReceiptKind.QUEUED, 1)
    assert counted == []
    await hears(database, ana, ReceiptKind.RINGING, 4)
    await hears(database, ana, ReceiptKind.RINGING, 5)
    await hears(database, ana, ReceiptKind.ANSWERED, 6)
    await hears(database, dee, ReceiptKind.RINGING, 7)
    assert counted == [Measured(LEFT, Mode.ACTUAL, 596.0)]


async def test_a_vendor_that_leaves_the_ringing_out(database, counted):
    _, dee = await called(database, event())
    await hears(database, dee, ReceiptKind.ANSWERED, 700)
    assert counted == [Measured(LEFT, Mode.ACTUAL, 0.0)]  # after the deadline nothing is left


async def test_a_drill_is_counted_apart_and_what_came_late_not_at_all(database, counted):
    ana, _ = await called(database, event(revision(mode=Mode.DRILL)))
    await hears(database, ana, ReceiptKind.RINGING, 4)
    await says(database, "ana", Answer.ACKNOWLEDGE, 9)
    assert counted == [Measured(LEFT, Mode.DRILL, 596.0), Measured(TOOK, Mode.DRILL, 9.0)]


async def test_of_an_event_that_was_late_at_its_receipt_nothing_was_left(database, counted):
    ana, _ = await called(database, event(deadline_at=NOW - timedelta(minutes=1)))
    await hears(database, ana, ReceiptKind.RINGING, 4)
    assert counted == []


async def test_the_first_to_accept_counts(database, counted):
    await called(database, event())
    await says(database, "chie", Answer.CANNOT_COMPLY, 10)
    await says(database, "ana", Answer.ACKNOWLEDGE, 42.5)
    await says(database, "ana", Answer.ACKNOWLEDGE, 43)
    await says(database, "dee", Answer.ACKNOWLEDGE, 44)
    assert counted == [Measured(TOOK, Mode.ACTUAL, 42.5)]


async def test_each_revision_that_needs_an_answer_counts_anew(database, counted):
    await called(database, event())
    await says(database, "ana", Answer.ACKNOWLEDGE, 10)
    second = revision(2, at=NOW + timedelta(seconds=60))

    def revised(conn):
        events.save(conn, event(revision(), second))
        events.add_revision(conn, "event-1", second, {})

    await database.transact(revised)
    await says(database, "ana", Answer.ACKNOWLEDGE, 75)
    assert [m.seconds for m in counted] == [10.0, 15.0]


async def test_what_is_rolled_back_is_not_counted(database, counted):
    await called(database, event())

    def work(conn):
        take_reply(conn, IDS, "event-1", person="ana", answer=Answer.ACKNOWLEDGE, channel="api", now=NOW)
        raise ValueError("the disk is full")

    with pytest.raises(ValueError, match="full"):
        await database.transact(work)
    await says(database, "ana", Answer.ACKNOWLEDGE, 3)
    assert [m.seconds for m in counted] == [3.0]
