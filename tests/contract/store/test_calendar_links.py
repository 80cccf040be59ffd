"""One secret address of each calendar, over each database."""

from datetime import UTC, datetime

from store import calendar_links
from store.calendar_links import Link, Of
from store.database import Database

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)


def link(sha256: str, kind: Of = Of.PERSON) -> Link:
    return Link(kind=kind, name="ana", sha256=sha256, made_at=NOW, made_by="key root")


async def test_a_new_one_takes_the_place_of_the_former(database: Database) -> None:
    found = [await database.transact(lambda c, s=s: calendar_links.put(c, link(s * 64))) for s in "12"]
    assert found == [False, True]
    await database.transact(lambda c: calendar_links.put(c, link("3" * 64, Of.ROTATION)))
    assert await database.read(calendar_links.every) == [link("2" * 64), link("3" * 64, Of.ROTATION)]
    known = [await database.read(lambda c, s=s: calendar_links.find(c, s * 64)) for s in "123"]
    assert known == [None, link("2" * 64), link("3" * 64, Of.ROTATION)]
    assert await database.read(lambda c: calendar_links.one(c, Of.PERSON, "ana")) == link("2" * 64)
    gone = [await database.transact(lambda c: calendar_links.remove(c, Of.PERSON, "ana")) for _ in range(2)]
    assert gone == [True, False]
    assert await database.read(lambda c: calendar_links.find(c, "2" * 64)) is None
