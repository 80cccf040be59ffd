"""The loop that feeds watchers: nothing to do while there are none, prompt as soon as there is one."""

import asyncio
from datetime import timedelta

from app.live import Feeder, PubSub
from model.clock import SystemClock
from store import events, timeline
from tests.databases import in_memory
from tests.unit.routing.house import NOW, CountingIds, event

IDS = CountingIds()


async def test_news_wait_while_nobody_watches_and_reach_the_first_who_does():
    database, pubsub, clock, reads = in_memory(), PubSub(), SystemClock(), []
    read = database.read

    async def counted(fn):
        reads.append(fn)
        return await read(fn)

    database.read = counted
    await database.transact(lambda conn: events.save(conn, event()))
    feeder = asyncio.create_task(Feeder(database, clock, pubsub).run())
    await asyncio.sleep(0)  # it begins
    at_first = len(reads)
    for _ in range(50):
        await database.transact(lambda conn: timeline.append(conn, IDS, "event-1", NOW, "told", {}))
        await asyncio.sleep(0)
    assert len(reads) == at_first
    with pubsub.subscribe() as mine:
        last = await read(timeline.last_n)
        while (entry := await mine.next(clock, clock.now() + timedelta(seconds=10))).n < last:
            pass
    assert entry.n == last
    feeder.cancel()
    await asyncio.gather(feeder, return_exceptions=True)
    await database.close()
