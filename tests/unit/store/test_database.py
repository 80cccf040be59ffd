"""The database port: durable, grouped, and a failure spoils only its own member."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from model.errors import Unavailable
from store import migrate
from store.database import SqliteDatabase, sqlite_engine
from store.signals import signal
from store.tables import metadata, placing_keys


@pytest.fixture
async def database(tmp_path):
    path = tmp_path / "gridcall.db"
    engine = sqlite_engine(path)
    migrate.upgrade(engine)
    engine.dispose()
    database = SqliteDatabase(path)
    yield database
    await database.close()


def put(key):
    return lambda conn: conn.execute(insert(placing_keys).values(source="s", key=key)).rowcount


def keys(conn):
    return sorted(conn.scalars(select(placing_keys.c.key)))


def test_migrated_schema_is_the_tables(tmp_path):
    engine = sqlite_engine(tmp_path / "a.db")
    assert migrate.upgrade(engine)
    assert not migrate.upgrade(engine)
    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
    engine.dispose()


async def test_a_failing_member_spoils_only_itself(database):
    results = await asyncio.gather(*(database.transact(put(k)) for k in ("a", "b", "a", "c")), return_exceptions=True)
    assert [isinstance(r, IntegrityError) for r in results] == [False, False, True, False]
    assert await database.read(keys) == ["a", "b", "c"]


async def test_concurrent_callers_share_commits(database):
    def version(conn):
        return conn.scalar(text("PRAGMA data_version"))

    before = await database.read(version)
    await asyncio.gather(*(database.transact(put(str(k))) for k in range(100)))
    assert len(await database.read(keys)) == 100
    assert await database.read(version) > before


async def test_a_signal_goes_out_only_with_its_commit(database):
    def fails(conn):
        signal(conn, "topic")
        raise ValueError("no")

    def works(conn):
        signal(conn, "topic")

    with database.signals.waiting("topic") as woken:
        await asyncio.gather(database.transact(fails), database.transact(put("x")), return_exceptions=True)
        assert not woken.is_set()
        await database.transact(works)
        assert woken.is_set()


async def test_readers_cannot_write(database):
    with pytest.raises(Unavailable, match="readonly"):
        await database.read(put("z"))
