"""The loops when the database is away, slow, or keeps its answer to itself: nothing ends, nothing is sent too late."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from model.attempt import Attempt, AttemptState, Sent, Words
from model.errors import Unavailable
from model.ids import CODE_LETTERS, SystemIds
from model.plan import ChannelName, State
from notifiers.breaker import Breakers
from notifiers.context import House
from notifiers.dispatcher import AT_A_TURN, Dispatcher
from notifiers.jobs import Batch, Jobs
from notifiers.limits import Limits, Paces
from notifiers.looking import Looking
from notifiers.order import Told
from notifiers.places import Places
from notifiers.reconciler import Reconciler
from routing import planner
from store import attempts, claims, events, outbox, outcomes, plans
from store.database import InlineDatabase
from store.outbox import ID_CHARS, LEFT, Share
from store.replies import Codes
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER, CountingIds, case, event

IDS = CountingIds()


class Flaky(InlineDatabase):
    """`trouble(n)` says what happens to the n-th transaction: "away", "lost" (committed, and no answer), or a delay."""

    def __init__(self, engine, clock):
        super().__init__(engine)
        self.trouble, self.count, self.clock = {}, 0, clock

    async def transact(self, fn):
        self.count += 1
        trouble = self.trouble.pop(self.count, None)
        if trouble == "away":
            raise Unavailable("away")
        value = await super().transact(fn)
        if trouble == "lost":
            raise Unavailable("lost")
        if trouble:
            await trouble()
        return value

    async def read(self, fn):
        return await InlineDatabase.transact(self, fn)


class Vendor:
    timeout_seconds, repeatable = 5.0, False

    def __init__(self, name):
        self.name, self.sent, self.known = name, [], None

    async def send(self, send):
        self.sent.append(send.attempt)
        return Sent(vendor_id=f"V{len(self.sent)}")

    async def find(self, attempt, known_ids, since, thread=None):
        self.known = known_ids


@pytest.fixture
async def world():
    clock = ManualClock(NOW)
    engine = in_memory().engine
    database = Flaky(engine, clock)
    rows = [n for n in planner.plan(case()).notifications if (n.person, n.channel) == ("ana", ChannelName.SMS)]
    await database.read(lambda conn: events.save(conn, event()))
    await database.read(lambda conn: events.add_revision(conn, "event-1", event().latest, {}))
    await database.read(lambda conn: plans.add_notifications(conn, rows))
    yield clock, database, rows[0]
    engine.dispose()


async def settle(clock, seconds=0):
    for _ in range(100):
        await asyncio.sleep(0)
    for _ in range(seconds):
        clock.move_to(clock.now() + timedelta(seconds=1))
        for _ in range(100):
            await asyncio.sleep(0)


def dispatch(world, vendor):
    clock, database, _ = world
    channels = {ChannelName.SMS: vendor}
    return Dispatcher(database, clock, IDS, lambda: ROSTER, channels, owner="me", limits=Limits())


async def stop(task):
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def state(database, row):
    return (await database.read(lambda conn: plans.one(conn, row.id))).state


@pytest.mark.parametrize("trouble", ["away", "lost"])
async def test_what_was_sent_is_written_down_when_the_database_is_back(world, trouble):
    clock, database, row = world
    vendor = Vendor(ChannelName.SMS)
    running = asyncio.create_task(dispatch(world, vendor).run())
    database.trouble = {3: trouble}  # adopt, claim, then the outcome
    await settle(clock, seconds=3)
    assert not running.done()
    parts = len(vendor.sent)
    assert await state(database, row) is State.SENT
    assert len({a.part for a in vendor.sent}) == parts
    await stop(running)


async def test_a_claim_whose_answer_was_lost_is_sent_once(world):
    clock, database, row = world
    vendor = Vendor(ChannelName.SMS)
    running = asyncio.create_task(dispatch(world, vendor).run())
    database.trouble = {2: "lost"}
    await settle(clock, seconds=3)
    assert await state(database, row) is State.SENT
    assert len({a.part for a in vendor.sent}) == len(vendor.sent)
    await stop(running)


async def test_a_slow_claim_is_read_again_before_the_vendor_is_asked(world):
    """From the claim's commit on the row may be stopped, whenever we hear of the commit."""
    clock, database, row = world
    vendor = Vendor(ChannelName.SMS)

    async def stopped_meanwhile():
        await database.read(lambda conn: plans.request_cut(conn, [row.id], "cancelled", NOW))
        clock.move_to(clock.now() + timedelta(seconds=1))

    database.trouble = {2: stopped_meanwhile}
    running = asyncio.create_task(dispatch(world, vendor).run())
    await settle(clock, seconds=3)
    assert vendor.sent == []
    assert await state(database, row) is State.SUPERSEDED
    await stop(running)


async def test_fewer_are_claimed_together_where_they_begin_late(world, monkeypatch):
    """And nothing is claimed while something claimed is not under way yet."""
    clock, database, row = world
    more = [replace(row, id=f"row-{n:02}", person=f"p{n}", address=f"+1312555{n:04}") for n in range(70)]
    await database.read(lambda conn: plans.add_notifications(conn, more))
    turns, claim = Counter(), claims.claim

    def counted(conn, ids, wanted, *given):
        turns[database.count] += len(wanted)
        return claim(conn, ids, wanted, *given)

    async def stale():
        clock.move_to(clock.now() + timedelta(seconds=1))

    look = database.read

    async def slow(fn):
        clock.move_to(clock.now() + timedelta(milliseconds=10))
        return await look(fn)

    async def parts_are_under_way(send):
        await asyncio.sleep(0)
        return Sent(vendor_id=send.attempt.id)

    monkeypatch.setattr(claims, "claim", counted)
    monkeypatch.setattr("notifiers.places.AT_ONCE", {ChannelName.SMS: 1000})
    vendor = Vendor(ChannelName.SMS)
    vendor.send = parts_are_under_way
    ids = SystemIds()
    both = Dispatcher(database, clock, ids, lambda: ROSTER, {ChannelName.SMS: vendor}, owner="me", limits=Limits())
    database.trouble, database.read = {2: stale}, slow  # each of the first 20 is read again before it begins
    running = asyncio.create_task(both.run())
    await settle(clock)
    first, second, *_ = turns.values()
    assert (first, second) == (AT_A_TURN, AT_A_TURN // 2)
    await settle(clock, seconds=3)
    assert sum(turns.values()) == len(more) + 1
    await stop(running)


async def test_a_row_that_comes_while_a_claim_has_not_begun_is_not_forgotten(world):
    clock, database, row = world
    late = replace(row, id="late", person="late", address="+13125550199")

    async def another_row_comes():
        await InlineDatabase.transact(database, lambda conn: plans.add_notifications(conn, [late]))

    async def read_elsewhere(fn):
        value = await InlineDatabase.transact(database, fn)
        for _ in range(5):  # the loop goes on meanwhile
            await asyncio.sleep(0)
        return value

    database.trouble, database.read = {2: another_row_comes}, read_elsewhere
    running = asyncio.create_task(dispatch(world, Vendor(ChannelName.SMS)).run())
    await settle(clock)  # no time passes
    assert await state(database, late) is State.SENT
    await stop(running)


async def test_a_row_that_is_given_up_slowly_holds_up_nobody_else(world):
    """Somebody has locked its event; the others have nothing to do with that."""
    clock, database, row = world
    other = replace(row, id="other", person="other", address="+13125550198")
    unlocked = asyncio.Event()

    async def stopped_meanwhile():
        await database.read(lambda conn: plans.request_cut(conn, [row.id], "cancelled", NOW))
        clock.move_to(clock.now() + timedelta(seconds=1))

    database.trouble = {2: stopped_meanwhile, 3: unlocked.wait}
    running = asyncio.create_task(dispatch(world, Vendor(ChannelName.SMS)).run())
    await settle(clock)
    await InlineDatabase.transact(database, lambda conn: plans.add_notifications(conn, [other]))
    await settle(clock, seconds=5)
    assert await state(database, other) is State.SENT
    unlocked.set()
    await stop(running)


async def test_what_another_notifier_leaves_is_taken_after_a_quarter_of_a_second(world):
    clock, database, row = world
    notifier = dispatch(world, Vendor(ChannelName.SMS))
    running = asyncio.create_task(notifier.run())
    await settle(clock, seconds=1)
    notifier._share = Share(0, 2)
    theirs = replace(row, id="1".rjust(ID_CHARS, "0"), person="theirs", address="+13125550197", due_at=clock.now())
    await InlineDatabase.transact(database, lambda conn: plans.add_notifications(conn, [theirs]))
    await settle(clock)
    assert await state(database, theirs) is State.PENDING
    clock.move_to(clock.now() + LEFT)
    await settle(clock)
    assert await state(database, theirs) is State.SENT
    await stop(running)


async def test_lines_that_wait_for_their_turn_take_nobodys_place(world):
    """Posts about many events to one Slack channel are more urgent than a text: it is in the next turn all the same."""
    clock, database, row = world
    late = replace(row, id="late", person="late", address="+13125550196", until=row.until + timedelta(minutes=5))
    post = replace(row, channel=ChannelName.SLACK_CHANNEL, address="C1", person=None)

    def storm(conn):
        for pk in [f"storm-{n:02}" for n in range(2 * AT_A_TURN)]:
            events.save(conn, replace(event(), pk=pk, event_id=pk))
            events.add_revision(conn, pk, event().latest, {})
            plans.add_notifications(conn, [replace(post, id=f"post-{pk}", event_pk=pk)])
        plans.add_notifications(conn, [late])

    await database.read(storm)
    channels, limits, paces = [ChannelName.SMS, ChannelName.SLACK_CHANNEL], Limits(), Paces(Limits())
    places, breakers, told = Places(clock), Breakers(), Told()
    looking = Looking(channels, limits, paces, places, breakers, told, began_at=NOW, traced=False, canaries_=False)
    for _ in range(limits.slack_burst):
        paces.take(post, NOW)
    batch = await database.read(lambda conn: looking.look(conn, NOW, outbox.ALONE, AT_A_TURN))
    assert "late" in [due.notification.id for due in batch.due]


async def test_two_texts_of_one_look_have_two_codes(world):
    """CountingIds knows one code of each length only: the second text must take a longer one."""
    row = world[2]
    taken = set(CODE_LETTERS.replace("A", ""))
    batch = Batch(events={"event-1": event()}, codes={row.address: Codes([], taken)})
    making = Jobs(IDS, Limits(), Paces(Limits()), House())
    jobs = [making.job(outbox.Due(one, 0), batch, ROSTER, NOW) for one in (row, replace(row, id="other"))]
    assert [job.claim.codes[0].code for job in jobs] == ["A", "AA"]


async def test_a_text_that_is_out_in_part_goes_on_in_the_same_words(world):
    """Made anew it might have fewer parts, of which none is left to send."""
    row = replace(world[2], sent_at=NOW)
    texts = [Words(text=f"({part}/3) of the text", template="t") for part in (1, 2, 3)]
    first_try = [Attempt.of(row, f"a{n}", words, NOW, part=n, parts=3) for n, words in enumerate(texts, start=1)]
    for_nobody = Attempt.of(
        row, "a0", Words(text="(2/2) of an earlier one", template="t"), NOW - timedelta(seconds=9), part=2
    )
    states = (AttemptState.FAILED, AttemptState.ACCEPTED, AttemptState.FAILED, AttemptState.FAILED)
    earlier = [replace(one, state=state) for one, state in zip([for_nobody, *first_try], states, strict=True)]
    batch = Batch(events={"event-1": event()}, codes={row.address: Codes([], set())}, earlier={row.id: earlier})
    job = Jobs(IDS, Limits(), Paces(Limits()), House()).job(outbox.Due(row, 1), batch, ROSTER, NOW)
    assert [(one.part, one.parts, one.words) for one in job.claim.attempts] == [(2, 3, texts[1]), (3, 3, texts[2])]
    assert not job.claim.codes
    assert job.claim.pauses is None


async def test_a_call_of_an_earlier_attempt_is_known_to_the_look(world):
    """It was created after the look's beginning, by an attempt begun before: it is not ours."""
    clock, database, row = world

    def two(conn):
        for name, at, vendor_id in (("old", NOW - timedelta(seconds=8), "V1"), ("new", NOW, None)):
            attempt = Attempt.of(row, name, Words(text="same", template="t"), at)
            attempts.add(conn, [attempt])
            if vendor_id:
                outcomes.settled(conn, attempt, vendor_id, NOW)
        return attempt

    vendor = Vendor(ChannelName.SMS)
    look = Reconciler(database, clock, IDS, lambda: ROSTER, {ChannelName.SMS: vendor})
    await look._find(await database.read(two))
    assert vendor.known == {"V1"}
