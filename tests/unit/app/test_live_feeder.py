"""The loop that feeds watchers: nothing to do while there are none, prompt as soon as there is one."""

import asyncio
from datetime import timedelta

from sqlalchemy import delete

from app.live import Feeder, PubSub, follow
from model.clock import SystemClock
from store import events, timeline
from store.tables import timeline as timeline_table
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


async def test_who_comes_back_before_the_feed_has_begun_misses_nothing():
    """It waits for the database with pauses, and may be the last to see it again."""
    database, pubsub, clock = in_memory(), PubSub(), SystemClock()

    async def tell():
        await database.transact(lambda conn: timeline.append(conn, IDS, "event-1", NOW, "told", {}))

    await database.transact(lambda conn: events.save(conn, event()))
    for _ in range(3):
        await tell()
    entries = follow(pubsub, database, clock, after=1, source=None)
    heard = [(await anext(entries)).n]
    await tell()
    feeder = asyncio.create_task(Feeder(database, clock, pubsub).run())
    heard += [(await anext(entries)).n for _ in range(2)]
    assert heard == [2, 3, 4]
    feeder.cancel()
    await asyncio.gather(feeder, return_exceptions=True)
    await entries.aclose()
    await database.close()


async def test_who_comes_back_while_the_feed_looks_misses_nothing():
    """It looked for nobody, so it read numbers alone: these are entries to whoever came in the meantime."""
    database, pubsub, clock = in_memory(), PubSub(), SystemClock()
    read, feeder, looked, go = database.read, Feeder(database, clock, pubsub), asyncio.Event(), asyncio.Event()

    async def tell():
        await database.transact(lambda conn: timeline.append(conn, IDS, "event-1", NOW, "told", {}))

    async def slow(fn):
        found = await read(fn)
        looked.set()
        await go.wait()
        return found

    await database.transact(lambda conn: events.save(conn, event()))
    await tell()
    await tell()
    pubsub.begin(1)
    database.read = slow
    looking = asyncio.create_task(feeder._publish())
    await looked.wait()
    database.read = read
    entries = follow(pubsub, database, clock, after=1, source=None)
    coming = asyncio.ensure_future(anext(entries))
    for _ in range(3):  # it has joined, and read what was before
        await read(timeline.last_n)
    go.set()
    await looking
    await tell()
    await feeder._publish()
    assert [(await coming).n, (await anext(entries)).n] == [2, 3]
    await entries.aclose()
    await database.close()


async def test_a_database_that_lost_its_last_rows_is_followed_on():
    """After a failover the numbers go on from fewer: who watches hears what happens from then on."""
    database, pubsub, clock = in_memory(), PubSub(), SystemClock()
    await database.transact(lambda conn: events.save(conn, event()))
    for _ in range(5):
        await database.transact(lambda conn: timeline.append(conn, IDS, "event-1", NOW, "told", {}))
    feeder = asyncio.create_task(Feeder(database, clock, pubsub).run())
    with pubsub.subscribe() as mine:
        while pubsub.published < await database.read(timeline.last_n):
            await asyncio.sleep(0)
        await database.transact(lambda conn: conn.execute(delete(timeline_table).where(timeline_table.c.n > 2)))
        for last in (3, 4):  # by the first it is noticed
            await database.transact(lambda conn: timeline.append(conn, IDS, "event-1", NOW, "told", {}))
            async with asyncio.timeout(10):
                while pubsub.published != last:
                    await asyncio.sleep(0.001)
        entry = await mine.next(clock, clock.now())
    assert entry.n == 4
    feeder.cancel()
    await asyncio.gather(feeder, return_exceptions=True)
    await database.close()


async def test_who_came_before_the_database_lost_its_last_rows_hears_what_happens_then():
    """The numbers that it had heard are given out again."""
    database, pubsub, clock = in_memory(), PubSub(), SystemClock()
    await database.transact(lambda conn: events.save(conn, event()))
    for _ in range(4):
        await database.transact(lambda conn: timeline.append(conn, IDS, "event-1", NOW, "told", {}))
    pubsub.begin(4)
    told = await database.read(lambda conn: timeline.since(conn, 0))
    entries = follow(pubsub, database, clock, after=1, source=None)
    heard = [(await anext(entries)).n]  # the others are handed out meanwhile, and come once all the same
    for entry in (*told[1:], told[3]._replace(n=5)):
        pubsub.publish(entry)
    heard += [(await anext(entries)).n for _ in range(3)]
    pubsub.publish(told[2]._replace(kind="told after the failover"))
    pubsub.publish(told[3])
    after = [await anext(entries), await anext(entries)]
    assert heard == [2, 3, 4, 5]
    assert [(entry.n, entry.kind) for entry in after] == [(3, "told after the failover"), (4, "told")]
    await entries.aclose()
    await database.close()
