"""A call that ended without a key and of which nobody said who picked up: where it counts, Twilio is asked, once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from model.attempt import Attempt, Receipt, ReceiptKind, Sent, Words
from model.errors import SendError
from model.plan import AgendaKind, AgendaState, CallEnd, ChannelName, State
from model.ports import Found
from model.roster import Level
from notifiers.receipts import ASK_WHO_AFTER, take_receipt
from notifiers.reconciler import ASK_WHO_FOR, Reconciler
from routing import planner
from store import attempts, claims, events, outcomes, pick_ups, plans, tables
from store.claims import Call, Claim
from store.codec import canonical
from store.database import InlineDatabase
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, POLICY, ROSTER, CountingIds, case, event

IDS = CountingIds()
REACHED = replace(ROSTER, policies={"default": replace(POLICY, level=Level.REACHED)})
ATTEMPT = "attempt-1"


def over(by_machine=None, sequence=4):
    return Receipt(kind=ReceiptKind.COMPLETED, vendor_id="CA1", sequence=sequence, by_machine=by_machine)


class Twilio:
    """`found`: what its list says of the call, or why it cannot be asked."""

    def __init__(self, found):
        self.found, self.asked = found, 0

    async def find(self, attempt, known_ids, since, thread=None):
        self.asked += 1
        if isinstance(self.found, SendError):
            raise self.found
        return self.found


class House:
    """One call to Ana, which has ended as `end` says."""

    def __init__(self, roster=REACHED, found=None):
        self.clock = ManualClock(NOW)
        self.engine = in_memory().engine
        self.database = InlineDatabase(self.engine)
        self.twilio = Twilio(found)
        self.reconciler = Reconciler(self.database, self.clock, IDS, lambda: roster, {ChannelName.VOICE: self.twilio})

    def call(self, *receipts):
        with self.engine.begin() as conn:
            events.save(conn, event())
            events.add_revision(conn, "event-1", event().latest, {})
            plans.add_notifications(conn, planner.plan(case()).notifications)
            row = next(n for n in plans.of_event(conn, "event-1") if (n.person, n.channel) == ("ana", "voice"))
            attempt = Attempt.of(row, ATTEMPT, Words(text="Reduce", template="t"), NOW)
            call = Call(until=NOW + timedelta(minutes=3), lines=5, per_second=1)
            assert claims.claim(conn, IDS, [Claim(notification=row, attempts=[attempt], call=call)], "me", NOW)
            outcomes.sent(conn, IDS, row, attempt, Sent(vendor_id="CA1"), NOW)
            for receipt in receipts:
                take_receipt(conn, IDS, ATTEMPT, receipt, NOW)
        self.row_id = row.id

    def row(self):
        with self.engine.begin() as conn:
            return plans.one(conn, self.row_id)

    def waits(self):
        with self.engine.begin() as conn:
            return pick_ups.next_at(conn)

    def asked_to_revise(self):
        """Since it was looked at last, and looks at it."""
        with self.engine.begin() as conn:
            asked = [a for a in plans.agenda_of_event(conn, "event-1") if a.kind is AgendaKind.REVISE]
            asked = [a for a in asked if a.state is AgendaState.PENDING]
            plans.finish_agenda(conn, [a.id for a in asked], AgendaState.DONE, self.clock.now())
            return [a.cause for a in asked]

    async def turn(self, after=ASK_WHO_AFTER):
        self.clock.move_to(self.clock.now() + after)
        return await self.reconciler._turn()


def found(**changes):
    return Found(vendor_id="CA1", receipt=replace(over(sequence=-1), **changes))


@pytest.fixture
def house(request):
    made = House(*getattr(request, "param", ()))
    yield made
    made.engine.dispose()


async def test_a_machine_that_nobody_told_of_is_asked_for(house):
    house.twilio.found = found(by_machine=True)
    house.call(over())
    assert house.row().reason == CallEnd.NO_KEY
    assert house.asked_to_revise() == ["ana: hung up without a key"]
    assert await house.turn(timedelta(0)) == NOW + timedelta(seconds=1)  # the backstop is sooner
    assert house.twilio.asked == 0
    await house.turn()
    assert (house.row().state, house.row().reason) == (State.FAILED, CallEnd.VOICEMAIL)
    assert house.asked_to_revise() == ["ana: voicemail, heard late"]
    await house.turn()
    assert (house.twilio.asked, house.waits()) == (1, None)


@pytest.mark.parametrize("said", [found(by_machine=False), found(by_machine=None), found(by_machine=True), None])
async def test_it_is_asked_once_whatever_it_says(house, said):
    house.twilio.found = said
    house.call(over())
    for _ in range(3):
        await house.turn()
    assert (house.twilio.asked, house.waits()) == (1, None)
    machine = said is not None and said.receipt.by_machine
    assert house.row().reason == (CallEnd.VOICEMAIL if machine else CallEnd.NO_KEY)


async def test_another_call_to_the_number_says_nothing_of_this_one(house):
    house.twilio.found = replace(found(by_machine=True), vendor_id="CA2")
    house.call(over())
    await house.turn()
    assert (house.twilio.asked, house.row().reason) == (1, CallEnd.NO_KEY)


async def test_it_is_asked_where_it_counts_for_any_event_of_the_call():
    house = House(replace(ROSTER, policies={"default": POLICY, "reached": REACHED.policies["default"]}))
    house.twilio.found = found(by_machine=True)
    house.call()
    with house.engine.begin() as conn:
        events.save(conn, replace(event(), pk="event-2", event_id="E-2", policy="reached"))
        events.add_revision(conn, "event-2", event().latest, {})
        along = replace(plans.one(conn, house.row_id), id="row-2", event_pk="event-2", carried_by=house.row_id)
        plans.add_notifications(conn, [along])
        told = canonical({"told": [house.row_id, along.id]})
        conn.execute(update(tables.attempts).values(bundle=True, payload=told))
        take_receipt(conn, IDS, ATTEMPT, over(), NOW)
    await house.turn()
    with house.engine.begin() as conn:
        reasons = {plans.one(conn, row_id).reason for row_id in (house.row_id, along.id)}
    assert (house.twilio.asked, reasons) == (1, {CallEnd.VOICEMAIL})
    house.engine.dispose()


@pytest.mark.parametrize("kind", [ReceiptKind.ANSWERED, ReceiptKind.MACHINE])
@pytest.mark.parametrize("late", [False, True])
async def test_whose_callback_came_is_not_asked_for(house, kind, late):
    told = Receipt(kind=kind, vendor_id="CA1", by_machine=kind is ReceiptKind.MACHINE)
    house.call(*((over(), told) if late else (told, over())))
    await house.turn()
    assert (house.twilio.asked, house.waits()) == (0, None)


@pytest.mark.parametrize(
    "end",
    [
        over(by_machine=False),
        Receipt(kind=ReceiptKind.NO_ANSWER, vendor_id="CA1"),
        Receipt(kind=ReceiptKind.BUSY, vendor_id="CA1"),
    ],
)
async def test_what_is_known_is_not_asked_for(house, end):
    house.call(end)
    assert house.waits() is None


@pytest.mark.parametrize("house", [(ROSTER,)], indirect=True)
async def test_where_only_a_key_counts_nobody_is_asked(house):
    house.call(over())
    await house.turn()
    assert (house.twilio.asked, house.waits()) == (0, None)


async def test_where_there_are_no_calls_any_more_nobody_is_asked(house):
    """Twilio was taken out of the settings meanwhile."""
    house.call(over())
    house.reconciler._channels.clear()
    await house.turn()
    assert house.waits() is None


async def test_while_twilio_cannot_be_asked_it_is_tried_again_but_not_for_ever(house):
    house.twilio.found = SendError("no connection", retryable=True)
    house.call(over())
    await house.turn()
    await house.turn(timedelta(seconds=2))
    assert house.twilio.asked == 1
    await house.turn(timedelta(seconds=1))
    assert house.twilio.asked == 2
    await house.turn(ASK_WHO_FOR)
    assert (house.twilio.asked, house.waits()) == (2, None)


async def test_two_processes_ask_once(house):
    house.twilio.found = found(by_machine=True)
    house.call(over())
    other = Reconciler(house.database, house.clock, IDS, lambda: REACHED, {ChannelName.VOICE: house.twilio})
    house.clock.move_to(NOW + ASK_WHO_AFTER)
    with house.engine.begin() as conn:
        calls = pick_ups.due(conn, house.clock.now())
    await asyncio.gather(*(one._ask_who_picked_up(calls) for one in (house.reconciler, other)))
    assert house.twilio.asked == 1


async def test_a_process_that_died_asking_is_followed_by_another(house):
    house.twilio.found = found(by_machine=True)
    house.call(over())
    house.clock.move_to(NOW + ASK_WHO_AFTER)
    with house.engine.begin() as conn:
        attempt, now = attempts.one(conn, ATTEMPT), house.clock.now()
        assert pick_ups.put_off(conn, attempt.id, now, now + timedelta(seconds=15))
    await house.turn(timedelta(seconds=14))
    assert house.twilio.asked == 0
    await house.turn(timedelta(seconds=1))
    assert (house.twilio.asked, house.row().reason) == (1, CallEnd.VOICEMAIL)
