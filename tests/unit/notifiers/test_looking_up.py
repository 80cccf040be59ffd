"""How what is unknown is looked up while its vendor cannot be asked: nothing else waits for that, or not for long."""

from datetime import timedelta

import pytest

from model.attempt import Attempt, Words
from model.errors import SendError
from model.ids import SystemIds
from model.plan import NEVER_KNOWN, AgendaKind, ChannelName, Kind, Notification, State
from model.ports import Found
from notifiers.reconciler import ASKED_FOR, SELDOM, Reconciler
from store import claims, events, lines, outcomes, plans
from store.claims import Call, Claim
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER, event

IDS = SystemIds()
VOICE, SMS, DM = ChannelName.VOICE, ChannelName.SMS, ChannelName.SLACK_DM
TIMEOUT = timedelta(seconds=5)


class Vendor:
    """`error`: why it cannot be asked, after `takes`. Else it has everything."""

    def __init__(self, clock, error=None, takes=TIMEOUT):
        self.clock, self.error, self.takes, self.asked = clock, error, takes, []

    async def find(self, attempt, known_ids, since, thread=None):
        self.asked.append(attempt.notification_id)
        if self.error is None:
            return Found(vendor_id=f"V-{attempt.id}")
        self.clock.move_to(self.clock.now() + self.takes)
        raise self.error


def hangs(**more):
    return SendError("no answer within 5 s", retryable=True, **more)


class House:
    def __init__(self):
        self.clock = ManualClock(NOW)
        self.database = in_memory()
        self.twilio, self.slack = Vendor(self.clock, hangs()), Vendor(self.clock)
        channels = {VOICE: self.twilio, SMS: self.twilio, DM: self.slack}
        self.reconciler = Reconciler(self.database, self.clock, IDS, lambda: ROSTER, channels)
        with self.database.engine.begin() as conn:
            events.save(conn, event())
            events.add_revision(conn, "event-1", event().latest, {})

    def lost(self, channel, number, *, lane=1):
        """A row whose outcome is unknown, to the phone that ends so."""
        row = Notification(
            id=IDS.new(),
            event_pk="event-1",
            revision=1,
            kind=Kind.ALERT,
            channel=channel,
            address=f"U{number}" if channel is DM else f"+13125550{number}",
            person=f"p{number}",
            due_at=NOW,
            until=NOW + timedelta(minutes=10),
            lane=lane,
        )
        attempt = Attempt.of(row, IDS.new(), Words(text="Reduce", template="t"), NOW)
        call = Call(until=NOW + TIMEOUT, lines=50, per_second=1) if channel is VOICE else None
        with self.database.engine.begin() as conn:
            plans.add_notifications(conn, [row])
            claims.claim(conn, IDS, [Claim(notification=row, attempts=[attempt], call=call)], "me", NOW)
            outcomes.unknown(conn, IDS, row, attempt, "no answer", NOW)
        return row

    def now_is(self, row):
        with self.database.engine.begin() as conn:
            return plans.one(conn, row.id)

    async def turn(self, at):
        self.clock.move_to(max(NOW + at, self.clock.now()))
        return await self.reconciler._turn()


@pytest.fixture
def house():
    made = House()
    yield made
    made.database.engine.dispose()


async def test_a_vendor_that_hangs_is_asked_once_in_a_turn(house):
    """And keeps nobody else waiting for longer than one time-out."""
    rows = [house.lost(SMS, number, lane=0) for number in range(101, 110)]
    direct = house.lost(DM, 199)
    await house.turn(TIMEOUT)
    assert house.twilio.asked == [rows[0].id]
    assert house.now_is(direct).state is State.SENT
    assert house.clock.now() == NOW + 2 * TIMEOUT


async def test_each_of_its_rows_has_its_turn(house):
    rows = [house.lost(SMS, number, lane=number - 101) for number in range(101, 104)]
    at = NOW + TIMEOUT
    while len(house.twilio.asked) < 8:
        at = await house.turn(at - NOW)
    assert {row.id for row in rows} == set(house.twilio.asked)


async def test_it_is_asked_the_seldomer_the_longer_it_hangs(house):
    row, asked_at = house.lost(SMS, 101), []
    house.twilio.takes = timedelta(0)
    for second in range(3, 300):
        asked = len(house.twilio.asked)
        await house.turn(timedelta(seconds=second))
        asked_at += [second] * (len(house.twilio.asked) - asked)
    assert asked_at == [3, 6, 9, 14, 21, 32, 48, 72, 108, 162, 222, 282]
    house.twilio.error = None
    await house.turn(timedelta(seconds=282) + SELDOM)
    assert house.now_is(row).state is State.SENT


@pytest.mark.parametrize("channel", [VOICE, SMS])
async def test_of_what_nobody_can_be_asked_about_nobody_knows_in_the_end(house, channel):
    row = house.lost(channel, 101)
    over = row.until - NOW + ASKED_FOR
    await house.turn(over - TIMEOUT)
    assert house.now_is(row).state is State.UNKNOWN
    await house.turn(over + SELDOM)
    kept = house.now_is(row)
    assert (kept.state, kept.reason) == (State.FAILED, f"{NEVER_KNOWN}: no answer within 5 s")
    with house.database.engine.begin() as conn:
        assert lines.in_use(conn) == 0
        assert any(a.kind is AgendaKind.REVISE for a in plans.agenda_of_event(conn, "event-1"))
    asked = len(house.twilio.asked)
    await house.turn(over + 3 * SELDOM)
    assert len(house.twilio.asked) == asked


async def test_an_address_that_does_not_work_says_nothing_of_the_others(house):
    rows = [house.lost(SMS, number) for number in (101, 102)]
    house.twilio.error = hangs(bad_address=True)
    await house.turn(TIMEOUT)
    assert set(house.twilio.asked) == {row.id for row in rows}


async def test_it_does_not_count_as_stuck_meanwhile(house, monkeypatch):
    """Were each asked: calls and texts, Slack hanging too, and lines whose calls must be over."""
    house.slack.error = house.twilio.error = hangs(bad_address=True)
    for number in range(101, 107):
        for channel in (VOICE, SMS, DM):
            house.lost(channel, number)
    pauses = []

    def move_to(at, move=house.clock.move_to):
        move(at)
        pauses.append(at - house.reconciler.turned_at)

    monkeypatch.setattr(house.clock, "move_to", move_to)
    await house.turn(TIMEOUT)
    assert len(pauses) > 20
    assert max(pauses) == TIMEOUT


async def test_calls_that_must_be_over_are_asked_for_one_in_a_turn_too(house):
    numbers = range(101, 105)
    for number in numbers:
        house.lost(VOICE, number)
    with house.database.engine.begin() as conn:
        assert len(lines.overdue(conn, NOW + TIMEOUT)) == len(numbers)
    await house.turn(TIMEOUT)
    assert len(house.twilio.asked) == 1


@pytest.mark.parametrize("channel", [VOICE, SMS])
async def test_a_channel_that_fails_by_our_own_mistake_is_given_up_in_the_end_too(house, channel):
    row = house.lost(channel, 101)
    house.twilio.error = KeyError("what nobody thought of")
    await house.turn(TIMEOUT)
    assert house.now_is(row).state is State.UNKNOWN
    await house.turn(row.until - NOW + ASKED_FOR + SELDOM)
    kept = house.now_is(row)
    assert (kept.state, kept.reason) == (State.FAILED, f"{NEVER_KNOWN}: our own mistake: KeyError")


async def test_what_cannot_be_settled_is_put_off_and_keeps_nothing_else_waiting(house, monkeypatch):
    bad, good = house.lost(DM, 101, lane=0), house.lost(DM, 102)
    sent, mended = outcomes.sent, False

    def stumbles(conn, ids, row, *more):
        if row.id == bad.id and not mended:
            raise KeyError("what nobody thought of")
        return sent(conn, ids, row, *more)

    monkeypatch.setattr(outcomes, "sent", stumbles)
    await house.turn(TIMEOUT)
    assert (house.now_is(bad).state, house.now_is(good).state) == (State.UNKNOWN, State.SENT)
    assert (house.reconciler.setbacks.count, house.reconciler.setbacks.open(house.clock.now())) == (1, 1)
    mended = True
    await house.turn(TIMEOUT + timedelta(seconds=1))
    assert house.now_is(bad).state is State.SENT
    assert house.reconciler.setbacks.open(house.clock.now()) == 0
