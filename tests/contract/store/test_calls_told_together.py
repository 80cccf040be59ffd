"""One call about several events, on both databases: one line, one ring, and each event has what came of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from model.attempt import Attempt, AttemptState, Receipt, ReceiptKind, Sent, Words
from model.errors import Refused
from model.event import EventStatus
from model.ids import SystemIds
from model.limits import CALLS
from model.plan import AgendaKind, AgendaState, CallEnd, ChannelName, Hold, Kind, Notification, State
from model.reply import Answer, Heard
from notifiers.receipts import take_receipt
from routing.heard import take_heard
from store import attempts, bundles, claims, cuts, events, lines, outcomes, plans, replies, tables, timeline
from store.claims import Call, Claim
from tests.unit.routing.house import NOW, event

IDS = SystemIds()
PHONE = "+13125550101"
EVENTS = ("e1", "e2", "e3")
NEEDS = Call(until=NOW + timedelta(minutes=3), lines=10, per_second=1e9, numbers=(PHONE,), limits=CALLS)
LATER = NOW + timedelta(seconds=30)


def call(name, **more):
    return Notification(
        id=IDS.new(),
        event_pk=name,
        revision=1,
        kind=Kind.ALERT,
        channel=ChannelName.VOICE,
        address=PHONE,
        person="ana",
        due_at=NOW,
        until=NOW + timedelta(minutes=10),
        lane=1,
        **more,
    )


def try_of(row, *others, now=NOW):
    return Attempt(
        id=IDS.new(),
        notification_id=row.id,
        event_pk=row.event_pk,
        channel=row.channel,
        address=row.address,
        words=Words(text="", template="t", payload={"told": [row.id, *(other.id for other in others)]}),
        started_at=now,
        bundle=bool(others),
    )


async def planned(database, rows):
    def work(conn):
        for row in rows:
            if events.find(conn, "miso", row.event_pk) is None:
                events.save(conn, replace(event(), pk=row.event_pk, event_id=row.event_pk))
                events.add_revision(conn, row.event_pk, event().latest, {})
        plans.add_notifications(conn, rows)

    await database.transact(work)


async def claimed(database, *names):
    """The rows of those events, told by the call of the first."""
    rows = [call(name) for name in names]
    await planned(database, rows)
    attempt = try_of(*rows)
    claim = Claim(notification=rows[0], attempts=[attempt], carried=rows[1:], call=NEEDS)
    assert await database.transact(lambda conn: claims.claim(conn, IDS, [claim], "me", NOW)) == {rows[0].id}
    return rows, attempt


async def ringing(database, *names):
    rows, attempt = await claimed(database, *names)
    await database.transact(lambda conn: outcomes.sent(conn, IDS, rows[0], attempt, Sent(vendor_id="CA1"), NOW))
    return rows, attempt


async def told(database, attempt, *kinds, **more):
    for n, kind in enumerate(kinds):
        receipt = Receipt(kind=kind, vendor_id="CA1", sequence=n, **more)
        await database.transact(lambda conn, one=receipt: take_receipt(conn, IDS, attempt.id, one, LATER))


async def now_are(database, rows):
    return await database.read(lambda conn: [plans.one(conn, row.id) for row in rows])


def replaced(conn, name):
    events.add_revision(conn, name, replace(event().latest, number=2), {})
    events.save(conn, replace(events.load(conn, [name])[name], answer_revision=2))


def pressed(attempt, answer=Answer.ACKNOWLEDGE):
    key = "1" if answer is Answer.ACKNOWLEDGE else "2"
    return Heard(
        id=IDS.new(),
        channel="voice",
        answer=answer,
        received_at=LATER,
        attempt_id=attempt.id,
        vendor_id="CA1",
        said=key,
    )


async def asked_to_look(database):
    wishes = select(tables.agenda.c.event_pk).where(
        tables.agenda.c.kind == AgendaKind.REVISE, tables.agenda.c.state == AgendaState.PENDING
    )
    return set(await database.read(lambda conn: list(conn.scalars(wishes))))


async def test_it_takes_one_line_and_is_one_ring_of_each_event(database):
    await claimed(database, *EVENTS)
    assert await database.read(lines.in_use) == 1
    [ring] = await database.read(lambda conn: attempts.rings(conn, [PHONE], NOW - timedelta(hours=1)))
    assert (ring.at, {ring.event_pk, *ring.others}) == (NOW, set(EVENTS))
    assert ring.about("e3")


async def test_what_waits_for_the_phone_and_a_redial_go_along(database):
    first = call("e1")
    busy = call("e2", hold=Hold.NUMBER_BUSY)
    held = replace(call("e3", hold=Hold.PERSON_LIMIT), due_at=LATER)
    again = replace(call("e4"), follows=call("e4").id)
    to_come, too_late = replace(call("e5"), due_at=LATER), replace(call("e6"), until=NOW - timedelta(seconds=1))
    await planned(database, [first, busy, held, again, to_come, too_late])
    found = await database.read(lambda conn: bundles.companions(conn, first, NOW, 10))
    assert {row.id for row in found} == {busy.id, held.id, again.id}


async def test_the_line_is_free_again_when_something_of_it_was_stopped_a_moment_ago(database):
    rows = [call(name) for name in EVENTS]
    await planned(database, rows)

    def work(conn):
        plans.supersede(conn, [rows[2].id], "answered")
        claim = Claim(notification=rows[0], attempts=[try_of(*rows)], carried=rows[1:], call=NEEDS)
        assert claims.claim(conn, IDS, [claim], "me", NOW) == set()
        return lines.in_use(conn)

    assert await database.transact(work) == 0
    assert [row.state for row in await now_are(database, rows)] == [State.PENDING, State.PENDING, State.SUPERSEDED]


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ([ReceiptKind.RINGING, ReceiptKind.NO_ANSWER], CallEnd.NO_ANSWER),
        ([ReceiptKind.BUSY], CallEnd.BUSY),
        ([ReceiptKind.ANSWERED, ReceiptKind.COMPLETED], CallEnd.NO_KEY),
        ([ReceiptKind.MACHINE, ReceiptKind.COMPLETED], CallEnd.VOICEMAIL),
        ([ReceiptKind.ANSWERED, ReceiptKind.COMPLETED, ReceiptKind.MACHINE], CallEnd.VOICEMAIL),  # said late
    ],
)
async def test_in_vain_it_was_in_vain_for_each(database, ends, reason):
    rows, attempt = await ringing(database, *EVENTS)
    await told(database, attempt, *ends)
    assert {(row.state, row.reason) for row in await now_are(database, rows)} == {(State.FAILED, reason)}
    assert await asked_to_look(database) == set(EVENTS)
    assert await database.read(lines.in_use) == 0
    kinds = [entry.kind for entry in await database.read(lambda conn: timeline.of_event(conn, "e3"))]
    assert kinds == ["attempt_started", "attempt_accepted", *len(ends) * ["receipt"]]


async def test_a_key_is_an_answer_for_each(database):
    rows, attempt = await ringing(database, *EVENTS)
    heard = pressed(attempt)
    taken = await database.transact(lambda conn: take_heard(conn, IDS, heard))
    assert [(one.event.pk, one.counted) for one in taken] == [(name, True) for name in EVENTS]
    await database.transact(lambda conn: take_heard(conn, IDS, heard))  # it came by the queue too
    kept = await database.read(lambda conn: replies.of_events(conn, EVENTS))
    assert [(one.event_pk, one.person, one.attempt_id) for one in sorted(kept, key=lambda one: one.event_pk)] == [
        (name, "ana", attempt.id) for name in EVENTS
    ]
    await told(database, attempt, ReceiptKind.COMPLETED)
    assert {row.state for row in await now_are(database, rows)} == {State.ACKNOWLEDGED}


async def test_a_2_is_one_for_each_too(database):
    rows, attempt = await ringing(database, *EVENTS)
    await database.transact(lambda conn: take_heard(conn, IDS, pressed(attempt, Answer.CANNOT_COMPLY)))
    assert {row.state for row in await now_are(database, rows)} == {State.DECLINED}
    assert await asked_to_look(database) == set(EVENTS)


async def test_a_key_counts_for_what_is_open_and_is_refused_by_what_was_replaced(database):
    rows, attempt = await ringing(database, *EVENTS)

    def change(conn):
        replaced(conn, "e1")
        events.save(conn, replace(events.load(conn, ["e2"])["e2"], status=EventStatus.CANCELLED))

    await database.transact(change)
    taken = await database.transact(lambda conn: take_heard(conn, IDS, pressed(attempt)))
    assert [(one.event.pk, one.counted) for one in taken] == [("e2", False), ("e3", True)]
    assert (await now_are(database, rows))[0].state is State.SENT


async def test_a_key_that_everything_refuses_is_refused(database):
    _, attempt = await ringing(database, "e1", "e2")

    def change(conn):
        for name in ("e1", "e2"):
            replaced(conn, name)

    await database.transact(change)
    with pytest.raises(Refused):
        await database.transact(lambda conn: take_heard(conn, IDS, pressed(attempt)))


async def test_a_call_that_was_thought_lost_is_answered_for_all_that_it_named(database):
    """What it told waits again by then, or rings in another call: who pressed has heard of it."""
    rows, attempt = await claimed(database, *EVENTS)

    def lose(conn):
        outcomes.unknown(conn, IDS, rows[0], attempt, "no answer", NOW)
        outcomes.absent(conn, IDS, rows[0], [attempt], NOW)
        return [plans.one(conn, row.id).state for row in rows], lines.in_use(conn)

    assert await database.transact(lose) == (3 * [State.PENDING], 0)
    await database.transact(lambda conn: take_heard(conn, IDS, pressed(attempt)))
    kept = await database.read(lambda conn: replies.answered(conn, EVENTS))
    assert {event_pk for event_pk, _, _ in kept} == set(EVENTS)
    again = Claim(notification=rows[0], attempts=[try_of(*rows)], carried=rows[1:], call=NEEDS)
    assert await database.transact(lambda conn: claims.claim(conn, IDS, [again], "me", LATER)) == set()


async def test_it_is_cut_when_all_that_it_tells_is(database):
    rows, attempt = await ringing(database, *EVENTS)

    def stop(conn, *some):
        plans.request_cut(conn, [row.id for row in some], f"{some[0].event_pk} is over", NOW)
        return cuts.to_cut(conn)

    assert await database.transact(lambda conn: stop(conn, *rows[:2])) == []
    [cut] = await database.transact(lambda conn: stop(conn, rows[2]))
    assert (cut.notification.id, cut.attempt.vendor_id) == (rows[0].id, "CA1")
    assert {row.reason for row in cut.rows} == {"e1 is over", "e3 is over"}
    await database.transact(lambda conn: cuts.cut_done(conn, IDS, cut.rows, NOW))
    assert await database.read(cuts.to_cut) == []
    await told(database, attempt, ReceiptKind.CANCELED)
    assert {row.state for row in await now_are(database, rows)} == {State.SUPERSEDED}


async def test_who_listens_hears_of_the_rest(database):
    rows, attempt = await ringing(database, *EVENTS)
    await told(database, attempt, ReceiptKind.ANSWERED)

    def stop(conn, row):
        plans.request_cut(conn, [row.id], "the event was cancelled", NOW)
        return cuts.to_cut(conn)

    [change] = await database.transact(lambda conn: stop(conn, rows[0]))
    assert ([row.id for row in change.rows], set(change.still)) == ([rows[0].id], {rows[1].id, rows[2].id})
    await database.transact(lambda conn: cuts.cut_done(conn, IDS, change.rows, NOW))
    assert await database.read(cuts.to_cut) == []
    [change] = await database.transact(lambda conn: stop(conn, rows[2]))
    assert change.still == (rows[1].id,)
    [end] = await database.transact(lambda conn: stop(conn, rows[1]))
    assert (end.still, len(end.rows)) == ((), 3)


async def test_a_call_in_which_somebody_has_answered_is_not_cut(database):
    rows, _ = await ringing(database, "e1", "e2")

    def work(conn):
        plans.request_cut(conn, [rows[0].id], "replaced", NOW)
        plans.move(conn, rows[1].id, State.ACKNOWLEDGED, NOW)
        return cuts.to_cut(conn)

    assert await database.transact(work) == []


async def test_when_it_is_tried_again_all_wait_and_the_line_is_free(database):
    rows, attempt = await claimed(database, *EVENTS)
    await database.transact(lambda conn: outcomes.failed(conn, IDS, rows[0], attempt, "503", LATER, NOW))
    waiting = {(row.state, row.hold, row.due_at, row.carried_by) for row in await now_are(database, rows)}
    assert waiting == {(State.PENDING, Hold.BUNDLE, LATER, None)}
    assert await database.read(lines.in_use) == 0
    [kept] = await database.read(lambda conn: attempts.of_notification(conn, rows[0].id))
    assert kept.state is AttemptState.FAILED


async def test_a_row_knows_whether_others_were_told_with_it(database):
    rows, _ = await ringing(database, "e1", "e2")
    alone = call("e9")
    await planned(database, [alone])
    several = await database.read(lambda conn: [bundles.told_several(conn, row.id) for row in (*rows, alone)])
    assert several == [True, True, False]
