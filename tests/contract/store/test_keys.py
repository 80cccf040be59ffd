"""Keys and when they were used, over each database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from store import key_uses, rosters
from store.database import Database
from store.rosters import KeyRow
from store.tables import keys

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ONE = KeyRow(id="one", sha256="1" * 64, role="admin")
TWO = KeyRow(id="two", sha256="2" * 64, role="upstream", source="miso", expires_at=LATER)


async def put(database: Database, rows: list[KeyRow], now: datetime) -> bool:
    changed: bool = await database.transact(lambda conn: rosters.replace_keys(conn, rows, now))
    return changed


async def test_a_key_keeps_the_day_it_was_made(database: Database) -> None:
    assert await put(database, [ONE, TWO], NOW)
    renewed = replace(ONE, sha256=TWO.sha256, former_sha256=ONE.sha256, former_until=LATER)
    assert await put(database, [renewed, replace(TWO, sha256=ONE.sha256)], LATER)  # the secrets change places
    three = replace(ONE, id="three", sha256="3" * 64)
    assert await put(database, [renewed, three], LATER)
    assert not await put(database, [three, renewed], LATER)
    assert {row.id: row for row in await database.read(rosters.all_keys)} == {"one": renewed, "three": three}
    made = await database.read(lambda conn: conn.execute(select(keys.c.id, keys.c.created_at)).all())
    assert dict(tuple(row) for row in made) == {"one": NOW, "three": LATER}


async def test_the_latest_use_counts_and_secrets_that_are_gone_are_forgotten(database: Database) -> None:
    former = replace(ONE, former_sha256="0" * 64, former_until=LATER)
    await put(database, [former, TWO], NOW)
    uses = {ONE.sha256: LATER, "0" * 64: NOW, TWO.sha256: NOW, "f" * 64: NOW}
    await database.transact(lambda conn: key_uses.note(conn, uses))
    await database.transact(lambda conn: key_uses.note(conn, {ONE.sha256: NOW, TWO.sha256: LATER}))
    assert await database.read(key_uses.every) == {ONE.sha256: LATER, "0" * 64: NOW, TWO.sha256: LATER}
    await put(database, [ONE], LATER)
    await database.transact(lambda conn: key_uses.note(conn, {ONE.sha256: LATER}))
    assert await database.read(key_uses.every) == {ONE.sha256: LATER}
