"""Calls that try whether somebody is reached are kept for a month, on every database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from store import rings
from store.rings import Ring

NOW = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)


def ring(name: str, at: datetime = NOW) -> Ring:
    return Ring(id=name, person="ana", started_at=at, by="root")


async def test_the_newest_is_told_and_old_ones_are_forgotten(database):
    old, new = ring("r1", NOW - rings.KEPT - timedelta(seconds=1)), ring("r2")
    await database.transact(lambda c: rings.add(c, old))
    assert (await database.read(lambda c: rings.newest(c, "ana"))).id == "r1"
    await database.transact(lambda c: rings.add(c, new))
    changed = await database.transact(lambda c: rings.change(c, "r2", lambda r: replace(r, rang_at=NOW)))
    assert await database.read(lambda c: rings.newest(c, "ana")) == changed == replace(new, rang_at=NOW)
    assert await database.transact(lambda c: rings.change(c, "r1", lambda r: r)) is None
    assert await database.read(lambda c: rings.newest(c, "ben")) is None
