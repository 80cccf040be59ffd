"""A source that was never heard is told of once, after an hour."""

import json
from datetime import timedelta

import pytest

from heartbeat.hearing import Hearing
from heartbeat.newcomers import Newcomers
from intake.read import read
from model.ids import SystemIds
from model.monitor import Listening
from model.reading import Feed, Reading
from store import monitors
from tests.databases import in_memory
from tests.unit.heartbeat.test_sweeper import ROSTER, START, ManualClock, Published

HOUR = timedelta(hours=1)


@pytest.fixture
async def database():
    database = in_memory()
    yield database
    await database.close()


class World:
    def __init__(self, database):
        self.database, self.clock, self.queue, self.heard = database, ManualClock(), Published(), {}
        self.start()

    def start(self):
        begun = self.clock.now()
        self.hearing = Hearing(
            self.database,
            self.clock,
            lambda: ROSTER,
            last_seen=lambda: self.heard,
            own=lambda: Listening(process="p", since=begun, until=self.clock.now()),
        )
        self.newcomers = Newcomers(self.database, self.queue, self.clock, SystemIds(), lambda: ROSTER, self.hearing)

    async def after(self, time):
        self.clock.at += time
        await self.hearing.listen()
        await self.newcomers.tick()
        return [event for event, _ in self.queue.said()]


@pytest.fixture
def world(database):
    return World(database)


async def test_told_after_an_hour_and_once(world):
    world.heard = {"quick": START}
    assert await world.after(HOUR - timedelta(seconds=1)) == []
    assert await world.after(timedelta(seconds=1)) == ["never-heard/miso"]
    assert await world.after(HOUR) == ["never-heard/miso"]
    message = world.queue.messages[0]
    (found,) = read(message.body, message.headers, Feed(source="gridcall"), message.received_at)
    assert isinstance(found, Reading)
    assert json.loads(message.body)["severity"] == "notice"


async def test_what_another_process_heard_counts(world):
    await world.database.transact(lambda conn: monitors.note_seen(conn, {"miso": START, "quick": START}, START))
    assert await world.after(HOUR) == []


async def test_after_a_restart_it_takes_an_hour_again_and_the_words_are_the_same(world):
    world.heard = {"quick": START}
    world.clock.at += timedelta(minutes=2)
    await world.after(HOUR)
    world.start()
    assert await world.after(HOUR - timedelta(seconds=1)) == ["never-heard/miso"]
