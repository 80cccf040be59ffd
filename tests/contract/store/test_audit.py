"""What changed of the roster: told newest first, in pages that later changes do not move."""

import asyncio
from datetime import UTC, datetime
from random import Random

import pytest

from store import audit
from store.audit import Changed, Who
from store.database import Database

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
ANA = Who(actor="key root", key_id="root", person="ana")


def changed(n: int) -> Changed:
    return Changed(what=f"people/p{n}", change="changed", text=f"change {n}", before={"n": n, "é": None}, after=None)


async def write(database: Database, *numbers: int) -> None:
    rows = [changed(n) for n in numbers]
    await database.transact(lambda conn: audit.record(conn, rows, ANA, "because", 7, NOW))


async def test_what_is_written_is_read(database: Database) -> None:
    await write(database, 1)
    [entry] = await database.read(lambda conn: audit.newest(conn, 10))
    assert (entry.changed, entry.who, entry.reason, entry.roster_version, entry.at) == (
        changed(1),
        ANA,
        "because",
        7,
        NOW,
    )


async def test_nothing_changed_is_no_row(database: Database) -> None:
    await write(database)
    assert await database.read(lambda conn: audit.newest(conn, 10)) == []


@pytest.mark.parametrize("seed", range(5))
async def test_pages_are_whole_whatever_is_written_between_them(database: Database, seed: int) -> None:
    """Each row that was there at the first page is told once, in order."""
    random = Random(seed)
    await write(database, *range(random.randint(5, 30)))
    first = await database.read(lambda conn: audit.newest(conn, 1000))
    told, before = list[int](), None
    while True:
        limit = random.randint(1, 7)
        rows = await database.read(lambda conn, limit=limit, before=before: audit.newest(conn, limit, before))
        if not rows:
            break
        told += [row.n for row in rows]
        before = rows[-1].n
        await asyncio.gather(*(write(database, 100 + n, 200 + n) for n in range(random.randint(0, 3))))
    assert told == [row.n for row in first]


async def test_the_newest_about_something_is_found(database: Database) -> None:
    first, second = (Changed(what="file", change="loaded", text="", before=None, after=d) for d in "ab")
    for rows in ([first], [changed(1)], [second], [changed(2)]):
        await database.transact(lambda conn, rows=rows: audit.record(conn, rows, ANA, "", 1, NOW))
    assert await database.read(lambda conn: audit.last_after(conn, "file")) == "b"
    assert await database.read(lambda conn: audit.last_after(conn, "roster")) is None
