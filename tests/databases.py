"""Databases for tests: SQLite in memory, called inline; a SQLite file; PostgreSQL. All with the whole schema.

SQLite's is migrated once in a process, and copied.
"""

import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.util import LRUCache

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


def share_compiled() -> None:
    """Statements are compiled once in a process, not once for each database: half of a small test's time.

    SQLAlchemy keeps what it compiled beside each engine and under its dialect; here all dialects of a class are one.
    """
    if getattr(Engine, "shares_compiled", False):
        return
    compiled: LRUCache[Any, Any] = LRUCache(5000)
    alone = Engine.__init__

    def together(engine: Engine, *args: Any, **more: Any) -> None:
        alone(engine, *args, **more)
        engine._compiled_cache = compiled

    Engine.__init__ = together  # type: ignore[method-assign]
    Engine.shares_compiled = True  # type: ignore[attr-defined]
    for dialect in (SQLiteDialect, PGDialect):
        dialect.__hash__ = lambda dialect: hash(type(dialect))  # type: ignore[method-assign, assignment]
        dialect.__eq__ = lambda one, other: type(one) is type(other)  # type: ignore[method-assign, assignment]


# Quicker than TRUNCATE where there are only a few rows.
EMPTIES = "; ".join(f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables))
"""SQL that takes every row of ours."""
