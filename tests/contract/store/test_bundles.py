"""Messages that tell several events, on both databases: what goes along goes wherever its message goes."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from model.attempt import Attempt, AttemptState, Receipt, ReceiptKind, Sent, Words
from model.errors import Undecidable
from model.ids import SystemIds
from model.limits import WRITTEN
from model.plan import REFUSED, AgendaKind, AgendaState, ChannelName, Hold, Kind, Notification, State
from model.reply import Answer, Heard, Reply
from notifiers.receipts import take_receipt
from routing.heard import take_heard
from store import asked, attempts, bundles, claims, events, outcomes, plans, replies, tables
from store.claims import Claim
from tests.unit.routing.house import NOW, event

IDS = SystemIds()
PHONE = "+13125550101"
EVENTS = ("e1", "e2", "e3")


def text(name, *, hold=Hold.BUNDLE, minutes=10):
    return Notification(
        id=IDS.new(),
        event_pk=name,
        revision=1,
        kind=Kind.ALERT,
        channel=ChannelName.SMS,
        address=PHONE,
        person="ana",
        due_at=NOW,
        until=NOW + timedelta(minutes=minutes),
        lane=1,
        hold=hold,
    )


def tries(row, parts=1, *, bundle=True, now=NOW):
    return [
        Attempt.of(row, IDS.new(), Words(text=f"part {part}", template="t"), now, part=part, parts=parts, bundle=bundle)
        for part in range(1, parts + 1)
    ]


async def planned(database, rows):
    def work(conn):
        for row in rows:
            if events.find(conn, "miso", row.event_pk) is None:
                events.save(conn, replace(event(), pk=row.event_pk, event_id=row.event_pk))
        plans.add_notifications(conn, rows)

    await database.transact(work)


async def claimed(database, parts=1):
    """Three rows, told by the message of the first."""
    rows = [text(name) for name in EVENTS]
    await planned(database, rows)
    first, *others = rows
    sends = tries(first, parts)

    def work(conn):
        assert [row.id for row in bundles.companions(conn, first, NOW, 10)] == [row.id for row in others]
        claim = Claim(notification=first, attempts=sends, carried=others, pauses=WRITTEN[ChannelName.SMS])
        return claims.claim(conn, IDS, [claim], "me", NOW)

    assert await database.transact(work) == {first.id}
    return rows, sends


async def states(database, rows):
    return await database.read(lambda conn: [plans.one(conn, row.id).state for row in rows])


async def test_all_are_sent_and_delivered_with_it(database):
    rows, [attempt] = await claimed(database)
    assert await states(database, rows) == 3 * [State.SENDING]
    sent = Sent(vendor_id="SM1")
    await database.transact(lambda conn: outcomes.sent(conn, IDS, rows[0], attempt, sent, NOW))
    assert await states(database, rows) == 3 * [State.SENT]
    receipt = Receipt(kind=ReceiptKind.DELIVERED, vendor_id="SM1")
    await database.transact(lambda conn: take_receipt(conn, IDS, attempt.id, receipt, NOW))
    assert await states(database, rows) == 3 * [State.DELIVERED]
    assert [a.id for a in await database.read(lambda conn: attempts.of_event(conn, "e3"))] == [attempt.id]


async def test_when_it_fails_for_good_each_event_is_looked_at_again(database):
    rows, [attempt] = await claimed(database)
    why = f"{REFUSED}: no such number"
    await database.transact(lambda conn: outcomes.failed(conn, IDS, rows[0], attempt, why, None, NOW))
    assert await states(database, rows) == 3 * [State.FAILED]
    wishes = select(tables.agenda.c.event_pk).where(tables.agenda.c.kind == AgendaKind.REVISE)
    pending = wishes.where(tables.agenda.c.state == AgendaState.PENDING)
    assert set(await database.read(lambda conn: list(conn.scalars(pending)))) == set(EVENTS)


async def test_when_there_is_no_time_left_for_its_own_event_the_others_are_told_without_it(database):
    rows, [attempt] = await claimed(database)
    await database.transact(lambda conn: outcomes.failed(conn, IDS, rows[0], attempt, "Twilio 503", None, NOW))
    assert await states(database, rows) == [State.FAILED, State.PENDING, State.PENDING]


async def test_a_receipt_of_failure_is_one_for_all(database):
    rows, [attempt] = await claimed(database)
    await database.transact(lambda conn: outcomes.sent(conn, IDS, rows[0], attempt, Sent(vendor_id="SM1"), NOW))
    receipt = Receipt(kind=ReceiptKind.FAILED, vendor_id="SM1", code="30003")
    await database.transact(lambda conn: take_receipt(conn, IDS, attempt.id, receipt, NOW))
    assert await states(database, rows) == 3 * [State.FAILED]


async def test_what_was_stopped_keeps_its_own_reason_when_the_message_did_not_arrive(database):
    rows, [attempt] = await claimed(database)

    def work(conn):
        stopped = rows[0]
        outcomes.sent(conn, IDS, rows[0], attempt, Sent(vendor_id="SM1"), NOW)
        plans.request_cut(conn, [stopped.id], "Ben accepted", NOW)
        receipt = Receipt(kind=ReceiptKind.FAILED, vendor_id="SM1", code="30003")
        take_receipt(conn, IDS, attempt.id, receipt, NOW)
        return {plans.one(conn, row.id).reason for row in rows if row != stopped}, plans.one(conn, stopped.id)

    failed, stopped = await database.transact(work)
    assert (stopped.state, stopped.reason) == (State.SUPERSEDED, "Ben accepted")
    assert failed == {"sms failed (30003)"}


async def test_what_goes_along_and_was_stopped_is_no_failure(database):
    rows, [attempt] = await claimed(database)

    def work(conn):
        outcomes.sent(conn, IDS, rows[0], attempt, Sent(vendor_id="SM1"), NOW)
        plans.request_cut(conn, [rows[1].id], "Ben accepted", NOW)
        take_receipt(conn, IDS, attempt.id, Receipt(kind=ReceiptKind.FAILED, vendor_id="SM1", code="30003"), NOW)
        return [(plans.one(conn, row.id).state, plans.one(conn, row.id).reason) for row in rows]

    failed = (State.FAILED, "sms failed (30003)")
    assert await database.transact(work) == [failed, (State.SUPERSEDED, "Ben accepted"), failed]


async def test_when_it_is_tried_again_they_wait_for_another_but_for_what_was_stopped(database):
    rows, [attempt] = await claimed(database)
    later = NOW + timedelta(seconds=5)

    def work(conn):
        plans.request_cut(conn, [rows[1].id], "answered", NOW)
        outcomes.failed(conn, IDS, rows[0], attempt, "503", later, NOW)
        return [plans.one(conn, row.id) for row in rows]

    first, stopped, third = await database.transact(work)
    assert (first.state, first.hold, first.due_at) == (State.PENDING, Hold.BUNDLE, later)
    assert stopped.state is State.SUPERSEDED
    assert (third.state, third.hold, third.due_at, third.carried_by) == (State.PENDING, Hold.BUNDLE, later, None)


async def test_of_which_a_part_is_out_it_counts_as_sent(database):
    rows, [one, two] = await claimed(database, parts=2)

    def work(conn):
        outcomes.sent(conn, IDS, rows[0], one, Sent(vendor_id="SM1"), NOW)
        outcomes.failed(conn, IDS, rows[0], two, "503", NOW + timedelta(seconds=5), NOW)

    await database.transact(work)
    assert await states(database, rows) == 3 * [State.SENT]


async def test_a_lost_answer_is_unknown_for_all_until_it_is_looked_up(database):
    rows, [attempt] = await claimed(database)
    await database.transact(lambda conn: outcomes.unknown(conn, IDS, rows[0], attempt, "no answer", NOW))
    assert await states(database, rows) == 3 * [State.UNKNOWN]
    [look] = await database.read(lambda conn: outcomes.to_look_up(conn, NOW + timedelta(seconds=3)))
    assert look.notification.id == rows[0].id
    await database.transact(lambda conn: outcomes.absent(conn, IDS, rows[0], [attempt], NOW))
    assert await states(database, rows) == 3 * [State.PENDING]


async def test_what_a_dead_process_was_sending_is_looked_up_once(database):
    rows, _ = await claimed(database)
    assert await database.transact(lambda conn: outcomes.adopt(conn, IDS, NOW)) == 1
    assert await states(database, rows) == 3 * [State.UNKNOWN]


async def test_what_was_claimed_without_knowing_is_given_back(database):
    rows, [attempt] = await claimed(database)
    await database.transact(lambda conn: outcomes.take_back(conn, IDS, "me", frozenset(), NOW))
    assert await states(database, rows) == 3 * [State.PENDING]
    kept = await database.read(lambda conn: attempts.one(conn, attempt.id))
    assert kept.state is AttemptState.FAILED


async def test_nothing_is_claimed_when_something_of_it_was_stopped_a_moment_ago(database):
    rows = [text(name) for name in EVENTS]
    await planned(database, rows)
    first, *others = rows

    def work(conn):
        plans.supersede(conn, [others[0].id], "answered")
        claim = Claim(notification=first, attempts=tries(first), carried=others)
        return claims.claim(conn, IDS, [claim], "me", NOW)

    assert await database.transact(work) == set()
    assert await states(database, rows) == [State.PENDING, State.SUPERSEDED, State.PENDING]


async def test_what_is_too_much_waits_together(database):
    """Three at once; the others wait for the same instant, and nobody is asked to look again for that."""
    rows = [text(f"e{n}", hold=None) for n in range(6)]
    await planned(database, rows)
    pauses = WRITTEN[ChannelName.SMS]

    def work(conn):
        wanted = [Claim(notification=row, attempts=tries(row, bundle=False), pauses=pauses) for row in rows[:4]]
        won = claims.claim(conn, IDS, wanted, "me", NOW)
        return len(won), [plans.one(conn, row.id) for row in rows[3:]]

    count, waiting = await database.transact(work)
    assert count == 3
    assert {(row.hold, row.due_at) for row in waiting} == {(Hold.BUNDLE, NOW + timedelta(seconds=20))}
    revise = select(tables.agenda.c.id).where(tables.agenda.c.kind == AgendaKind.REVISE)
    assert not await database.read(lambda conn: conn.scalars(revise).all())


async def test_whoever_waits_longer_is_told_another_way(database):
    rows = [text(f"e{n}", hold=None) for n in range(2)]
    await planned(database, rows)
    late = NOW + timedelta(minutes=5)

    def work(conn):
        sent = [text(f"e{n}", hold=None) for n in range(2, 8)]
        for n, row in enumerate(sent):
            events.save(conn, replace(event(), pk=row.event_pk, event_id=row.event_pk))
            plans.add_notifications(conn, [replace(row, state=State.SENT)])
            attempts.add(conn, tries(row, bundle=False, now=NOW + timedelta(seconds=n)))
        wanted = Claim(notification=rows[0], attempts=tries(rows[0]), pauses=WRITTEN[ChannelName.SMS])
        assert claims.claim(conn, IDS, [wanted], "me", late) == set()
        return [plans.one(conn, row.id) for row in rows]

    held = await database.transact(work)
    assert {(row.hold, row.due_at) for row in held} == {(Hold.PERSON_LIMIT, NOW + timedelta(minutes=10))}
    revise = select(tables.agenda.c.event_pk).where(tables.agenda.c.kind == AgendaKind.REVISE)
    assert set(await database.read(lambda conn: list(conn.scalars(revise)))) == {"e0", "e1"}


async def test_two_notifiers_at_once_send_no_more_than_one_would(database):
    """Each claims rows of its own to the same reader in the same moment."""
    rows = [text(f"e{n}", hold=None) for n in range(8)]
    await planned(database, rows)

    def claim(row, owner):
        wanted = Claim(notification=row, attempts=tries(row, bundle=False), pauses=WRITTEN[ChannelName.SMS])
        return database.transact(lambda conn: claims.claim(conn, IDS, [wanted], owner, NOW))

    won = await asyncio.gather(*(claim(row, f"n{n % 2}") for n, row in enumerate(rows)))
    assert sum(map(len, won)) == 3


async def test_a_button_of_a_message_that_was_thought_lost_still_answers(database):
    """Each of its events, though these wait for another message by then; none that it did not tell of."""
    rows, [attempt] = await claimed(database)
    await planned(database, [replace(text("e4"), address="+13125550102", person="ben")])

    def lost(conn):
        for name in (*EVENTS, "e4"):
            events.add_revision(conn, name, event().latest, {})
        outcomes.unknown(conn, IDS, rows[0], attempt, "no answer", NOW)
        outcomes.absent(conn, IDS, rows[0], [attempts.one(conn, attempt.id)], NOW)

    await database.transact(lost)
    for name in ("e1", "e3"):
        [answered] = await database.transact(lambda conn, name=name: take_heard(conn, IDS, pressed(attempt, name)))
        assert (answered.reply.event_pk, answered.reply.person, answered.counted) == (name, "ana", True)
    with pytest.raises(Undecidable):
        await database.transact(lambda conn: take_heard(conn, IDS, pressed(attempt, "e4")))


def pressed(attempt, event_pk):
    return Heard(
        id=IDS.new(),
        channel="slack",
        answer=Answer.ACKNOWLEDGE,
        received_at=NOW,
        person="ana",
        revision=1,
        attempt_id=attempt.id,
        event_pk=event_pk,
        vendor_id="SM1",
    )


async def test_what_was_sent_at_the_second_try_gives_no_reason_of_the_first(database):
    rows, [attempt] = await claimed(database)
    first, *others = rows
    again = tries(first)
    later = NOW + timedelta(minutes=1)

    def work(conn):
        outcomes.unknown(conn, IDS, first, attempt, "no answer", NOW)
        outcomes.absent(conn, IDS, first, [attempts.one(conn, attempt.id)], NOW)
        claims.claim(conn, IDS, [Claim(notification=first, attempts=again, carried=others)], "me", later)
        outcomes.sent(conn, IDS, first, again[0], Sent(vendor_id="SM2"), later)
        return [(plans.one(conn, row.id).state, plans.one(conn, row.id).reason) for row in rows]

    assert await database.transact(work) == 3 * [(State.SENT, "")]


async def test_who_was_asked_and_has_not_answered_waits_for_nobody_elses_answer(database):
    """Most urgent first, whether it was told or waits to be told with others; by whomever else it was answered."""
    rows = [text("e1"), replace(text("e2"), lane=0), text("e3"), replace(text("e4"), person="ben")]
    later = replace(text("e5", hold=None), due_at=NOW + timedelta(minutes=2))
    await planned(database, [*rows, later])

    def work(conn):
        for name, person in (("e1", "ben"), ("e3", "ana")):
            said = {"answer": Answer.ACKNOWLEDGE, "channel": "api", "received_at": NOW, "revision": 1}
            replies.add(conn, Reply(id=IDS.new(), event_pk=name, person=person, **said))
        return [one.event_pk for one in asked.unanswered(conn, "ana", NOW)]

    assert await database.transact(work) == ["e2", "e1"]
