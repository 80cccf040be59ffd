"""Every entry once and in order, also where one with a lower number commits later."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.live import HOLE_PATIENCE, Feeder, PubSub, follow
from model.ids import SystemIds
from store import timeline
from tests.contract.store.test_concurrent import an_event
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW

IDS = SystemIds()


class Unordered:
    """A database whose numbers become visible when a test says so."""

    def __init__(self):
        self.visible = []

    async def read(self, fn):
        after = fn.keywords["n"]
        if fn.func is timeline.numbers:
            return [n for n in sorted(self.visible) if n > after]
        return [timeline.Entry(n, "miso", "E-1", NOW, "note", {}) for n in sorted(self.visible) if n > after]


@pytest.mark.parametrize("watched", [True, False])
async def test_a_hole_is_waited_for_and_given_up_in_the_end(watched):
    database, pubsub = Unordered(), PubSub()
    pubsub.n = 10
    feeder = Feeder(database, ManualClock(NOW), pubsub)

    async def after(visible, at):
        database.visible += visible
        while await feeder._publish_more(at):
            pass
        return pubsub.n

    with pubsub.subscribe() as mine:
        if not watched:
            pubsub._subscribers.clear()
        assert await after([11, 13], NOW) == 11
        assert await after([14], NOW + timedelta(seconds=1)) == 11
        assert await after([12, 16], NOW + timedelta(seconds=1)) == 14
        assert await after([], NOW + HOLE_PATIENCE) == 14
        assert await after([], NOW + timedelta(seconds=1) + HOLE_PATIENCE) == 16
        assert [entry.n for entry in mine._entries] == ([11, 12, 13, 14, 16] if watched else [])


async def test_a_watcher_sees_what_commits_late(database):
    """The slow transaction takes its number first and commits last."""
    event_pk = await an_event(database)
    pubsub, clock = PubSub(), ManualClock(NOW)
    feeding = asyncio.create_task(Feeder(database, clock, pubsub).run())
    while pubsub.n is None:
        await asyncio.sleep(0.001)
    first = pubsub.n

    def write(word, pause=0.0):
        def work(conn):
            timeline.append(conn, IDS, event_pk, NOW, "note", {"word": word})
            if pause and conn.dialect.name == "postgresql":
                conn.execute(text(f"SELECT pg_sleep({pause})"))

        return database.transact(work)

    slow = asyncio.create_task(write("slow", 0.3))
    await asyncio.sleep(0.1)
    await write("quick")
    seen = []
    async with asyncio.timeout(5):
        async for entry in follow(pubsub, database, clock, after=first, source=None):
            seen.append(entry.body["word"])
            if len(seen) == 2:
                break
    assert seen == ["slow", "quick"]
    await slow
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
