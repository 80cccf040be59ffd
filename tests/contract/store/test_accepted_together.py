"""What vendors accepted is written many at once, and each as it would be alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from model.attempt import Attempt, Sent, Words
from model.ids import SystemIds
from model.plan import ChannelName, Hold, Kind, Notification, State
from store import accepted, attempts, bundles, claims, events, outcomes, plans, tables, threads
from store.accepted import Accepted
from store.claims import Claim
from store.signals import DISPATCH
from tests.unit.routing.house import NOW, event

IDS = SystemIds()
LATER = NOW + timedelta(seconds=3)


def row(name, channel=ChannelName.SMS, **more):
    address = {ChannelName.SLACK_CHANNEL: "C0OPS", ChannelName.SLACK_DM: "UANA"}.get(channel, "+13125550101")
    return Notification(
        id=IDS.new(),
        event_pk=name,
        revision=1,
        kind=Kind.ALERT,
        channel=channel,
        address=address,
        person=None if channel is ChannelName.SLACK_CHANNEL else "ana",
        due_at=NOW,
        until=NOW + timedelta(minutes=10),
        lane=1,
        **more,
    )


def claim(of, parts=1, with_it=()):
    tries = [
        Attempt(
            id=IDS.new(),
            notification_id=of.id,
            event_pk=of.event_pk,
            channel=of.channel,
            address=of.address,
            words=Words(text=f"part {part}", template="t"),
            started_at=NOW,
            part=part,
            parts=parts,
            bundle=bool(with_it),
        )
        for part in range(1, parts + 1)
    ]
    return Claim(notification=of, attempts=tries, carried=with_it)


async def claimed(database, claims_):
    rows = [row for one in claims_ for row in (one.notification, *one.carried)]

    def work(conn):
        for name in sorted({row.event_pk for row in rows}):
            events.save(conn, replace(event(), pk=name, event_id=name))
        plans.add_notifications(conn, rows)
        return claims.claim(conn, IDS, claims_, "me", NOW)

    assert await database.transact(work) == {one.notification.id for one in claims_}


def mixed(suffix):
    """One of each sort: a whole message, a first part, one that tells of two events, the event's own post."""
    told, leader = row(f"bundled-{suffix}", hold=Hold.BUNDLE), row(f"leads-{suffix}", hold=Hold.BUNDLE)
    return [
        claim(row(f"whole-{suffix}")),
        claim(row(f"part-{suffix}"), parts=2),
        claim(leader, with_it=(told,)),
        claim(row(f"post-{suffix}", ChannelName.SLACK_CHANNEL)),
    ]


def outcomes_of(claims_):
    return [
        Accepted(one.notification, one.attempts[0], Sent(vendor_id=f"V{n}", raw={"n": n}), NOW + timedelta(seconds=n))
        for n, one in enumerate(claims_, start=1)
    ]


def known(conn, claims_):
    """All that the database knows of them, without what differs by chance."""
    found = []
    for one in claims_:
        for told in (one.notification, *one.carried):
            now = plans.one(conn, told.id)
            tries = [(a.state, a.vendor_id, a.ended_at) for a in attempts.of_event(conn, told.event_pk)]
            entries = select(tables.timeline.c.kind, tables.timeline.c.at).where(
                tables.timeline.c.event_pk == told.event_pk
            )
            told_of = [tuple(entry) for entry in conn.execute(entries.order_by(tables.timeline.c.n))]
            thread = threads.find(conn, told.event_pk, told.address)
            found.append((told.event_pk.split("-")[0], now.state, now.sent_at, now.reason, tries, told_of, thread))
    return found


async def test_each_is_written_as_it_would_be_alone(database):
    alone, together = mixed("alone"), mixed("together")
    await claimed(database, alone)
    await claimed(database, together)
    for one in outcomes_of(alone):
        await database.transact(lambda conn, one=one: accepted.write(conn, IDS, [one]))
    await database.transact(lambda conn: accepted.write(conn, IDS, outcomes_of(together)))
    first, second = await database.read(lambda conn: (known(conn, alone), known(conn, together)))
    assert first == second
    states = {name: (state, sent_at) for name, state, sent_at, *_ in second}
    assert states == {
        "whole": (State.SENT, NOW + timedelta(seconds=1)),
        "part": (State.SENDING, NOW + timedelta(seconds=2)),
        "leads": (State.SENT, NOW + timedelta(seconds=3)),
        "bundled": (State.SENT, NOW + timedelta(seconds=3)),
        "post": (State.SENT, NOW + timedelta(seconds=4)),
    }
    assert second[-1][-1] == "V4"


async def test_what_a_callback_has_settled_stays_as_it_is(database):
    both = [claim(row("heard")), claim(row("silent"))]
    await claimed(database, both)
    told = outcomes_of(both)
    await database.transact(
        lambda conn: plans.move(conn, both[0].notification.id, State.DELIVERED, NOW, reason="", lease_owner=None)
    )
    await database.transact(lambda conn: accepted.write(conn, IDS, told))
    rows = await database.read(lambda conn: [plans.one(conn, one.notification.id) for one in both])
    assert [row.state for row in rows] == [State.DELIVERED, State.SENT]


async def test_why_a_call_is_to_be_stopped_is_kept_for_whoever_picks_up(database):
    """It was asked to stop while the vendor had not answered yet."""
    other = row("other", ChannelName.VOICE, hold=Hold.BUNDLE)
    one = claim(row("rings", ChannelName.VOICE), with_it=(other,))
    await claimed(database, [one])
    ids = [one.notification.id, other.id]
    await database.transact(lambda conn: plans.request_cut(conn, ids, "Ben has accepted", NOW))
    await database.transact(lambda conn: accepted.write(conn, IDS, outcomes_of([one])))
    rows = await database.read(lambda conn: [plans.one(conn, row_id) for row_id in ids])
    assert [(row.state, row.reason) for row in rows] == 2 * [(State.SENT, "Ben has accepted")]


@pytest.mark.parametrize("waits", [True, False])
async def test_whoever_waits_for_one_of_them_is_looked_at(database, waits):
    both = [claim(row("first")), claim(row("second"))]
    await claimed(database, both)
    follower = row("second", ChannelName.SLACK_DM, follows=both[1].notification.id)
    await database.transact(lambda conn: plans.add_notifications(conn, [follower] if waits else []))
    with database.signals.waiting(DISPATCH) as wake:
        wake.clear()
        await database.transact(lambda conn: accepted.write(conn, IDS, outcomes_of(both)))
        assert wake.is_set() is waits


async def test_what_a_message_tells_is_known_by_its_own_row(database):
    [one] = [claim(row("leader", hold=Hold.BUNDLE), with_it=(row("other", hold=Hold.BUNDLE),))]
    await claimed(database, [one])
    await database.transact(lambda conn: accepted.write(conn, IDS, outcomes_of([one])))
    carried = await database.read(lambda conn: bundles.carried(conn, one.notification.id))
    assert [(row.event_pk, row.state) for row in carried] == [("other", State.SENT)]


async def test_what_was_given_up_already_is_left_to_who_has_it_now(database):
    """The commit was done and its answer lost: by the second time another process has claimed the row."""
    first = claim(row("given-up"))
    await claimed(database, [first])
    told, second = first.notification, claim(first.notification)

    def give_up(conn):
        outcomes.give_up(conn, IDS, told, first.attempts, LATER)

    await database.transact(give_up)
    assert await database.transact(lambda conn: claims.claim(conn, IDS, [second], "other", LATER)) == {told.id}
    await database.transact(give_up)
    assert (await database.read(lambda conn: plans.one(conn, told.id))).state is State.SENDING
    await database.transact(lambda conn: accepted.write(conn, IDS, outcomes_of([second])))
    assert (await database.read(lambda conn: plans.one(conn, told.id))).state is State.SENT
