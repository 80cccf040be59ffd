"""First parts of all people go before any second part."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from model.attempt import Sent
from model.ids import SystemIds
from model.plan import ChannelName, State
from notifiers.context import House
from notifiers.dispatcher import Dispatcher
from notifiers.limits import AT_ONCE
from notifiers.places import AT_MOST, PATIENCE, Places
from routing import planner
from store import events, plans
from store.database import InlineDatabase
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER, case, event

SMS = ChannelName.SMS
HOUSE = House(callback_number="+15550100", page=lambda event_pk, person: f"https://gridcall.example/e/{35 * 'A'}")


class Vendor:
    """Answers a moment later; `at_once`: the most that it was asked at the same time."""

    name, timeout_seconds, repeatable = SMS, 5.0, False

    def __init__(self, clock, seconds=0.1):
        self.clock, self.seconds = clock, seconds
        self.asked, self.now, self.at_once = [], 0, 0

    async def send(self, send):
        self.asked.append((send.attempt.address, send.attempt.part, send.attempt.parts, self.clock.now()))
        self.now += 1
        self.at_once = max(self.at_once, self.now)
        await self.clock.sleep_until(self.clock.now() + timedelta(seconds=self.seconds))
        self.now -= 1
        return Sent(vendor_id=f"V{len(self.asked)}")

    async def find(self, attempt, known_ids, since, thread=None):
        return None


async def texted(people, seconds=0.1, run_seconds=20.0):
    """So many people get a text of several parts at once; the vendor, and the states of the rows."""
    clock, database = ManualClock(NOW), InlineDatabase(in_memory().engine)
    [row] = [n for n in planner.plan(case()).notifications if (n.person, n.channel) == ("ana", SMS)]
    ids = SystemIds()
    rows = [replace(row, id=ids.new(), address=f"+1555010{n:04}", person=f"p{n}") for n in range(people)]

    def work(conn):
        events.save(conn, event())
        events.add_revision(conn, "event-1", event().latest, {})
        plans.add_notifications(conn, rows)

    await database.transact(work)
    vendor = Vendor(clock, seconds)
    dispatcher = Dispatcher(database, clock, ids, lambda: ROSTER, {SMS: vendor}, owner="me", house=HOUSE)
    running = asyncio.create_task(dispatcher.run())
    for _ in range(int(run_seconds / 0.05)):
        for _ in range(60):
            await asyncio.sleep(0)
        clock.move_to(clock.now() + timedelta(seconds=0.05))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    states = await database.read(lambda conn: [plans.one(conn, one.id).state for one in rows])
    return vendor, states


async def test_45_people_have_a_first_part_before_anybody_has_a_second():
    vendor, states = await texted(45)
    parts = [part for _, part, _, _ in vendor.asked]
    assert {count for _, _, count, _ in vendor.asked} == {2}
    assert parts == 45 * [1] + 45 * [2]
    assert len({(address, part) for address, part, _, _ in vendor.asked}) == 90
    assert states == 45 * [State.SENT]
    assert vendor.at_once == AT_ONCE[SMS]


async def test_one_reader_waits_for_nobody():
    vendor, _ = await texted(1, run_seconds=2.0)
    [first, second] = [at for *_, at in vendor.asked]
    assert second - first <= timedelta(seconds=0.15)


async def test_with_a_slow_vendor_nobody_waits_for_the_rest_much_longer_than_patience():
    """No more is asked at once than before; each text still ends."""
    vendor, states = await texted(45, seconds=2.5, run_seconds=40.0)
    assert states == 45 * [State.SENT]
    assert vendor.at_once == AT_ONCE[SMS]
    begun = {address: at for address, part, _, at in vendor.asked if part == 1}
    waits = [at - begun[address] for address, part, _, at in vendor.asked if part == 2]
    assert max(waits) <= PATIENCE + timedelta(seconds=4 * 2.5)


@pytest.fixture
def places():
    return Places(ManualClock(NOW))


async def waiting(places, count=1):
    tasks = [asyncio.create_task(places.wait_for_first_parts(SMS)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_it_goes_when_the_last_look_left_nobody_behind(places):
    places.looked({SMS})
    [task] = await waiting(places)
    places.looked((), {SMS})  # a look that had no room saw nothing new
    await asyncio.sleep(0)
    assert not task.done()
    places.looked(())
    await task
    assert places.taken == 1


async def test_at_the_end_nobody_waits(places):
    places.looked({SMS})
    tasks = await waiting(places, 3)
    assert places.gives_way(SMS)
    places.end()
    await asyncio.gather(*tasks)
    assert not places.gives_way(SMS)


async def test_so_many_wait_at_most(places):
    places.looked({SMS})
    tasks = await waiting(places, AT_MOST)
    assert not places.gives_way(SMS)
    places.end()
    for _ in tasks:
        await asyncio.sleep(0)
        places.leave(SMS, "")
    await asyncio.gather(*tasks)
