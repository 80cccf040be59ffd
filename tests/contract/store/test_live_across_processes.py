"""The live feed over several writers: an entry whose transaction ends late is neither lost nor out of order."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from app import live
from app.live import Feeder, PubSub
from model.clock import SystemClock
from model.errors import Unavailable
from model.ids import SystemIds
from store import timeline
from store.postgres import PostgresDatabase
from tests.contract.store.statements import accept, statement
from tests.unit.routing.house import NOW

pytestmark = pytest.mark.service("postgresql")
IDS = SystemIds()
GATE = 7_041_776


@pytest.fixture
async def database(postgres_url):
    database = PostgresDatabase(postgres_url, pool_size=5)
    await database.listening()
    yield database
    await database.close()


async def an_event(database) -> str:
    return (await accept(database, statement())).event_pk


async def test_what_another_process_writes_comes_at_once(database, postgres_url, monkeypatch) -> None:
    """Its commit wakes the feed, which does not wait for its own next look. How soon: `python -m bench live`."""
    monkeypatch.setattr(live, "BACKSTOP", timedelta(minutes=10))
    event_pk = await an_event(database)
    pubsub, clock = PubSub(), SystemClock()
    feeder = asyncio.create_task(Feeder(database, clock, pubsub).run())
    other = PostgresDatabase(postgres_url, pool_size=1)
    with pubsub.subscribe() as mine:
        async with asyncio.timeout(20):
            while pubsub.published == 0:  # it knows where the timeline stands
                await asyncio.sleep(0.01)
            for n in range(5):
                await other.transact(lambda conn, n=n: timeline.append(conn, IDS, event_pk, NOW, "there", {"n": n}))
                entry = await mine.next(clock, clock.now() + timedelta(seconds=10))
                assert (entry.kind, entry.body) == ("there", {"n": n})
    feeder.cancel()
    await asyncio.gather(feeder, return_exceptions=True)
    await other.close()


@pytest.mark.parametrize("ends", ["committed", "rolled back"])
async def test_a_late_transaction_is_waited_for(database, ends) -> None:
    """What came after it waits until it has ended, either way; then everything comes in order."""
    event_pk = await an_event(database)
    pubsub = PubSub()
    feeder = asyncio.create_task(Feeder(database, SystemClock(), pubsub).run())

    def slow(conn):
        timeline.append(conn, IDS, event_pk, NOW, "slow", {})
        conn.execute(select(func.pg_advisory_xact_lock(GATE)))
        if ends == "rolled back":
            raise Unavailable("on purpose")

    def quick(conn):
        timeline.append(conn, IDS, event_pk, NOW, "quick", {})

    def waiting(conn):
        return conn.scalar(
            text(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )

    with pubsub.subscribe() as mine:
        async with asyncio.timeout(20), database._engine.connect() as gate:
            await gate.execute(select(func.pg_advisory_lock(GATE)))
            late = asyncio.create_task(database.transact(slow))
            while not await database.read(waiting):
                pass
            await database.transact(quick)
            numbers = await database.read(lambda conn: timeline.numbers(conn, 0))
            while pubsub.published < numbers[-2]:
                await asyncio.sleep(0.01)
            assert pubsub.published == numbers[-1] - 2  # the slow one's number is missing: the quick one waits
            await gate.execute(select(func.pg_advisory_unlock(GATE)))
            await asyncio.gather(late, return_exceptions=True)
        clock = SystemClock()
        kinds = []
        while "quick" not in kinds:
            entry = await mine.next(clock, clock.now() + timedelta(seconds=10))
            kinds.append(entry.kind)
    assert kinds[kinds.index("slow") :] == ["slow", "quick"] if ends == "committed" else "slow" not in kinds
    feeder.cancel()
    await asyncio.gather(feeder, return_exceptions=True)
