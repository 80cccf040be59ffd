"""One holder at a time; a lease that is not renewed runs out; what is given back is free at once."""

import asyncio
from datetime import UTC, datetime, timedelta

from store import leases
from store.database import Database

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
LATER = NOW + timedelta(seconds=15)


async def hold(database: Database, holder: str, now: datetime, until: datetime) -> bool:
    return await database.transact(lambda conn: leases.hold(conn, "heartbeat", holder, now, until))


async def test_one_holder_until_it_runs_out(database: Database) -> None:
    assert await hold(database, "a", NOW, LATER)
    assert not await hold(database, "b", NOW, LATER)
    assert await hold(database, "a", NOW, LATER)
    assert await hold(database, "b", LATER, LATER + timedelta(seconds=15))
    assert not await hold(database, "a", LATER, LATER)


async def test_of_many_at_once_one_gets_it(database: Database) -> None:
    won = await asyncio.gather(*(hold(database, f"p{n}", NOW, LATER) for n in range(12)))
    assert sum(won) == 1


async def test_who_lives(database: Database) -> None:
    """Processes whose lease has run out, or that gave it back, are dead; other leases say nothing of it."""

    def begin(conn) -> None:
        for holder, until in (("a", LATER), ("b", NOW), ("c", LATER)):
            leases.hold_process(conn, holder, NOW - timedelta(seconds=1), until)
        leases.hold(conn, "heartbeat", "d", NOW, LATER)
        leases.end(conn, "c")

    await database.transact(begin)
    assert await database.read(lambda conn: leases.living(conn, NOW)) == ["a"]
