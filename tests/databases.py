"""Databases for tests: SQLite in memory, called inline; a SQLite file; PostgreSQL. All with the whole schema.

SQLite's is migrated once in a process, and copied.
"""

import sqlite3
from functools import cache
from pathlib import Path

import pytest

from store import migrate
from store.database import Connection, Database, InlineDatabase, sqlite_engine
from store.places import Postgres, SqliteFile
from store.tables import metadata

POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.service("postgresql"))
ENGINES = ("inline", POSTGRESQL)


@cache
def _migrated() -> bytes:
    """A SQLite database of this version, without a row."""
    engine = sqlite_engine(":memory:")
    with engine.begin() as conn:
        migrate.upgrade(conn)
    with engine.connect() as conn:
        return raw(conn).serialize()


def raw(connection: Connection) -> sqlite3.Connection:
    """What SQLAlchemy wraps."""
    found = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def put_migrated(path: Path) -> None:
    """A database of this version at `path`, unless there is one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_migrated())


def in_memory() -> InlineDatabase:
    engine = sqlite_engine(":memory:")
    with engine.connect() as conn:
        raw(conn).deserialize(_migrated())
    return InlineDatabase(engine)


def open_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> Database:
    """`kind`: inline, file or postgresql (emptied)."""
    if kind == "inline":
        return in_memory()
    if kind == "file":
        put_migrated(folder / "gridcall.db")
        return SqliteFile(folder / "gridcall.db").open()
    return Postgres(request.getfixturevalue("postgres_url")).open()


def empty(conn: Connection) -> None:
    """Quicker than TRUNCATE where there are only a few rows."""
    for table in reversed(metadata.sorted_tables):
        conn.execute(table.delete())
