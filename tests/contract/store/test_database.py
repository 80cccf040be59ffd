"""The database port: durable, grouped, and a failure spoils only its own member."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from model.errors import Unavailable
from store import migrate, partitions
from store.database import sqlite_engine
from store.places import Postgres, SqliteFile
from store.signals import Handover, hand_over, signal
from store.tables import metadata, placing_keys
from tests.databases import ENGINES
from tests.unit.routing.house import event


def put(key):
    return lambda conn: conn.execute(insert(placing_keys).values(source="s", key=key)).rowcount


def keys(conn):
    return sorted(conn.scalars(select(placing_keys.c.key)))


@pytest.mark.parametrize("engine", ENGINES)
def test_migrated_schema_is_the_tables(request, engine):
    if engine == "inline":
        made = sqlite_engine(":memory:")
        with made.begin() as conn:
            assert migrate.upgrade(conn)
            assert not migrate.upgrade(conn)
            assert differences(conn) == []
        made.dispose()
    else:
        place = Postgres(request.getfixturevalue("postgres_database"))
        assert not place.upgrade()
        assert place.look(differences) == []


def is_month(table):
    return any(table.startswith(f"{name}_") for name in partitions.TABLES)


def differences(conn):
    def ours(thing, name, kind, reflected, compare_to):
        """A month of a table is no table of its own; an index of one database is not missing on the other."""
        if kind == "foreign_key_constraint" and reflected:
            return not is_month(thing.elements[0].target_fullname.split(".")[0])
        if kind == "index" and conn.dialect.name == "sqlite":
            return name != "timeline_by_n"
        return not (kind == "table" and reflected and is_month(name))

    return compare_metadata(MigrationContext.configure(conn, opts={"include_object": ours}), metadata)


async def test_a_failing_member_spoils_only_itself(database):
    results = await asyncio.gather(*(database.transact(put(k)) for k in ("a", "b", "a", "c")), return_exceptions=True)
    assert [isinstance(r, IntegrityError) for r in results].count(True) == 1
    assert await database.read(keys) == ["a", "b", "c"]


async def test_concurrent_callers_share_commits(tmp_path):
    def version(conn):
        return conn.scalar(text("PRAGMA data_version"))

    place = SqliteFile(tmp_path / "gridcall.db")
    place.upgrade()
    database = place.open()
    before = await database.read(version)
    await asyncio.gather(*(database.transact(put(str(k))) for k in range(100)))
    assert len(await database.read(keys)) == 100
    assert await database.read(version) > before
    await database.close()


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


async def test_what_a_failed_transaction_granted_does_not_go_out_with_the_next(database):
    def fails(conn):
        hand_over(conn, Handover(event(), []))
        signal(conn, "topic")
        raise ValueError("no")

    with database.signals.handovers() as heard, database.signals.waiting("topic") as woken:
        with pytest.raises(ValueError, match="no"):
            await database.transact(fails)  # alone, without neighbours in its group
        await database.transact(put("x"))
        await asyncio.sleep(0)
        assert (heard.handovers, woken.is_set()) == ([], False)


async def test_readers_cannot_write(database):
    with pytest.raises(Unavailable, match=r"read-?only"):
        await database.read(put("z"))
