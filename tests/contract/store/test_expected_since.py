"""Since when a source is expected to be heard, by the versions of the roster."""

from datetime import UTC, datetime, timedelta

from model.roster import Heartbeat, Roster, Source
from store import rosters
from store.database import Database

NOW = datetime(2026, 7, 14, 2, 14, 5, 250_000, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=100)


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def source(id_: str, *, on: bool) -> Source:
    return Source(id=id_, name=id_, heartbeat=Heartbeat() if on else None)


async def keep(database: Database, made_at: datetime, *sources: Source) -> int:
    roster = Roster(sources={one.id: one for one in sources})
    return (await database.transact(lambda conn: rosters.save(conn, roster, "test", made_at))).version


async def expected(database: Database, version: int, **unknown: datetime) -> dict[str, datetime]:
    return await database.read(lambda conn: rosters.expected_since(conn, version, unknown))


async def test_it_is_when_the_version_was_made_that_turned_it_on_last(database: Database) -> None:
    await keep(database, at(0), source("a", on=True), source("b", on=False))
    await keep(database, at(1), source("a", on=False), source("b", on=True), source("joins", on=False))
    third = await keep(database, at(2), source("a", on=True), source("b", on=True), source("joins", on=True))
    last = await keep(database, at(3), source("a", on=True), source("b", on=False), source("joins", on=True))
    ever = {"a": LONG_AGO, "b": LONG_AGO, "joins": LONG_AGO}
    assert await expected(database, third, **ever) == {"a": at(2), "b": at(1), "joins": at(2)}
    assert await expected(database, last, **ever) == {"a": at(2), "joins": at(2)}


async def test_who_was_heard_since_then_needs_none_and_who_always_was_has_none(database: Database) -> None:
    await keep(database, at(0), source("always", on=True), source("b", on=False))
    last = await keep(database, at(1), source("always", on=True), source("b", on=True))
    assert await expected(database, last, always=LONG_AGO, b=at(1)) == {}
    assert await expected(database, last, always=LONG_AGO, b=at(0)) == {"b": at(1)}
    assert await expected(database, 0, b=LONG_AGO) == {}


async def test_a_start_does_not_read_the_edits_of_years(database: Database, monkeypatch) -> None:
    monkeypatch.setattr(rosters, "_LOOKS_BACK", 2)
    await keep(database, at(0), source("a", on=False))
    on = await keep(database, at(1), source("a", on=True))
    later = await keep(database, at(2), source("a", on=True), source("b", on=True))
    assert await expected(database, on, a=LONG_AGO) == {"a": at(1)}
    assert await expected(database, later, a=LONG_AGO) == {}
