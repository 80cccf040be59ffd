"""How often one person may be rung, on both databases: counted over both phones and all events, kept at the claim."""

from dataclasses import replace
from datetime import timedelta

from model.attempt import Attempt, AttemptState, Words
from model.ids import SystemIds
from model.limits import CALLS
from model.plan import ChannelName, Hold, Kind, Notification, State
from store import attempts, claims, events, lines, plans
from store.claims import Call, Claim
from tests.unit.routing.house import NOW, event

IDS = SystemIds()
PHONES = ("+13125550101", "+18725550101")


def call(name, *, kind=Kind.ALERT, lane=1, phone=PHONES[0], minutes=30):
    return Notification(
        id=IDS.new(),
        event_pk=name,
        revision=1,
        kind=kind,
        channel=ChannelName.VOICE,
        address=phone,
        person="ana",
        due_at=NOW,
        until=NOW + timedelta(minutes=minutes),
        lane=lane,
    )


async def claim(database, row, at):
    """Ask for the call, at so many seconds; the row as it is then."""
    now = NOW + timedelta(seconds=at)
    words = Words(text="cut 12.5 MW", template="t")
    attempt = Attempt.of(row, IDS.new(), words, now)
    needs = Call(until=now + timedelta(minutes=3), lines=10, per_second=1e9, numbers=PHONES, limits=CALLS)

    def work(conn):
        events.save(conn, replace(event(), pk=row.event_pk, event_id=row.event_pk))
        plans.add_notifications(conn, [row])
        claims.claim(conn, IDS, [Claim(notification=row, attempts=[attempt], call=needs)], "me", now)
        return plans.one(conn, row.id)

    return attempt, await database.transact(work)


async def over(database, attempt, at, state=AttemptState.ACCEPTED):
    def work(conn):
        attempts.record(conn, attempt.id, state, NOW + timedelta(seconds=at))
        lines.release(conn, attempt.id, NOW + timedelta(seconds=at))

    await database.transact(work)


async def rung(database, count):
    for n in range(count):
        attempt, row = await claim(database, call(f"e{n}", phone=PHONES[n % 2]), 60 * n)
        assert row.state is State.SENDING
        await over(database, attempt, 60 * n + 30)


async def test_the_fifth_call_in_ten_minutes_waits_until_the_first_is_ten_minutes_ago(database):
    await rung(database, 4)
    _, row = await claim(database, call("late"), 240)
    assert (row.state, row.hold, row.due_at) == (State.PENDING, Hold.PERSON_LIMIT, NOW + timedelta(minutes=10))


async def test_one_that_would_come_too_late_ends_at_once_with_its_reason(database):
    await rung(database, 4)
    _, row = await claim(database, call("late", minutes=9), 240)
    assert (row.state, row.reason) == (State.EXPIRED, "held back by person_limit until too late")


async def test_a_new_critical_event_and_the_end_of_one_ring_all_the_same(database):
    await rung(database, 4)
    attempt, row = await claim(database, call("critical", lane=0), 240)
    assert row.state is State.SENDING
    await over(database, attempt, 250)
    assert (await claim(database, call("critical too", lane=0), 260))[1].hold is Hold.PERSON_LIMIT
    assert (await claim(database, call("over", kind=Kind.STAND_DOWN), 270))[1].state is State.SENDING


async def test_a_new_critical_event_does_not_wait_with_one_that_must(database):
    """Both are due together, the older one is asked about first. When nobody breaks the limit any more both wait."""
    await rung(database, 4)
    new, other = (call(name, lane=0, minutes=31) for name in ("e-new", "e-other"))

    def due(conn):
        for row in (new, other):
            events.save(conn, replace(event(), pk=row.event_pk, event_id=row.event_pk))
        plans.add_notifications(conn, [new, other])

    await database.transact(due)
    _, old = await claim(database, replace(call("e1", lane=0), step=1), 200)
    assert old.hold is Hold.PERSON_LIMIT
    found = [await database.read(lambda conn, row=row: plans.one(conn, row.id)) for row in (new, other)]
    assert [row.hold for row in found] == [None, None]
    attempt, told = await claim(database, new, 200)
    assert told.state is State.SENDING
    await over(database, attempt, 210)
    _, late = await claim(database, replace(call("e2", lane=0), step=1), 220)
    waits = await database.read(lambda conn: plans.one(conn, other.id))
    assert late.hold is waits.hold is Hold.PERSON_LIMIT


async def test_what_never_rang_does_not_count(database):
    await rung(database, 3)
    attempt, _ = await claim(database, call("refused"), 180)
    await over(database, attempt, 181, AttemptState.FAILED)
    assert (await claim(database, call("e5"), 240))[1].state is State.SENDING


async def test_one_call_at_a_time_on_whichever_phone(database):
    await claim(database, call("first"), 0)
    _, row = await claim(database, call("second", lane=0, phone=PHONES[1]), 10)
    assert (row.state, row.hold) == (State.PENDING, Hold.NUMBER_BUSY)
