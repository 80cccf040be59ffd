"""Who may take a line, on both databases: first rings before re-dials, and the reserve is for lane 0 alone."""

from datetime import timedelta

import pytest

from model.attempt import Attempt, Words
from model.ids import SystemIds
from model.plan import ChannelName, Hold, Kind, Notification
from store import claims, events, lines, outbox, plans
from store.claims import Call, Claim
from store.postgres import PostgresDatabase
from tests.unit.routing.house import NOW, event

IDS = SystemIds()
LINES = 10


def call(person, *, lane=0, follows=None, minutes=8):
    return Notification(
        id=IDS.new(),
        event_pk="event-1",
        revision=1,
        kind=Kind.ALERT,
        channel=ChannelName.VOICE,
        address=f"+1312555{person:04}",
        person=f"p{person}",
        follows=follows,
        due_at=NOW,
        until=NOW + timedelta(minutes=minutes),
        lane=lane,
        try_no=2 if follows else 1,
    )


async def add(database, *rows):
    def work(conn):
        events.save(conn, event())
        plans.add_notifications(conn, rows)

    await database.transact(work)


async def use(database, count):
    """So many lines are in use by others."""
    until = NOW + timedelta(minutes=3)
    await database.transact(
        lambda conn: [lines.take(conn, f"+1773555{n:04}", IDS.new(), NOW, until) for n in range(count)]
    )


async def test_somebody_not_yet_rung_comes_before_a_redial(database):
    """Within a lane, whatever time is left; lanes stay stronger."""
    first, again = call(1), call(2, follows="an earlier call", minutes=1)
    warning = call(3, lane=1, minutes=1)
    await add(database, again, warning, first)
    found = await database.read(lambda conn: outbox.due(conn, {ChannelName.VOICE: 5}, NOW))
    assert [due.notification for due in found[ChannelName.VOICE]] == [first, again, warning]
    one = await database.read(lambda conn: outbox.due(conn, {ChannelName.VOICE: 1}, NOW))
    assert [due.notification for due in one[ChannelName.VOICE]] == [first]


@pytest.mark.parametrize(("in_use", "critical", "others"), [(7, True, True), (8, True, False), (10, False, False)])
async def test_the_reserve_is_for_the_first_ring_of_lane_0(database, in_use, critical, others):
    await use(database, in_use)

    def free(conn):
        rows = (call(1), call(2, lane=1), call(3, lane=2), call(4, follows="an earlier call"))
        return [not lines.full(conn, row, LINES) for row in rows]

    assert await database.read(free) == [critical, others, others, others]


@pytest.mark.service("postgresql")
async def test_a_claim_keeps_the_reserve_too(postgres_url):
    """Another process may have taken the last line that was open since we looked."""
    database = PostgresDatabase(postgres_url, pool_size=2)
    await database.listening()
    critical, warning = call(1), call(2, lane=1)
    await add(database, critical, warning)
    await use(database, 8)

    def claim(row):
        words = Words(text="cut 12.5 MW", template="t")
        attempt = Attempt.of(row, IDS.new(), words, NOW)
        needs = Call(until=NOW + timedelta(minutes=3), lines=LINES, per_second=1e9)
        return Claim(notification=row, attempts=[attempt], call=needs)

    won = await database.transact(lambda conn: claims.claim(conn, IDS, [claim(warning), claim(critical)], "me", NOW))
    assert won == {critical.id}
    kept = await database.read(lambda conn: plans.one(conn, warning.id))
    assert kept.hold is Hold.LINES
    await database.close()
