"""Databases for tests: SQLite in memory, called inline; a SQLite file; PostgreSQL. All with the whole schema."""

from pathlib import Path

import pytest

from store import migrate
from store.database import Connection, Database, InlineDatabase, sqlite_engine
from store.places import Postgres, SqliteFile
from store.tables import metadata

POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.service("postgresql"))
ENGINES = ("inline", POSTGRESQL)


def in_memory() -> InlineDatabase:
    engine = sqlite_engine(":memory:")
    with engine.begin() as conn:
        migrate.upgrade(conn)
    return InlineDatabase(engine)


def open_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> Database:
    """`kind`: inline, file or postgresql (emptied)."""
    if kind == "inline":
        return in_memory()
    if kind == "file":
        place = SqliteFile(folder / "gridcall.db")
        place.upgrade()
        return place.open()
    return Postgres(request.getfixturevalue("postgres_url")).open()


def empty(conn: Connection) -> None:
    """Quicker than TRUNCATE where there are only a few rows."""
    for table in reversed(metadata.sorted_tables):
        conn.execute(table.delete())
