"""Where a database is, before anybody opens it for good: what commands and the start do with it.

SqliteFile    one file, one process
Postgres      a server, any number of processes
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import func, select

from store import migrate, partitions, postgres
from store.database import Connection, Database, SqliteDatabase, sqlite_engine

T = TypeVar("T")


class Place(Protocol):
    def exists(self) -> bool:
        """There is something to look at; it need not be ours."""

    def look(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn`, which only reads, and wait for it. Raises Unavailable."""

    def upgrade(self) -> bool:
        """Bring it to the schema of this version. True when there was something to do. Raises Unavailable."""

    def open(self) -> Database:
        """For a service; the schema must be there."""


class SqliteFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        return self.path.is_file()

    def look(self, fn: Callable[[Connection], T]) -> T:
        engine = sqlite_engine(self.path, read_only=True)
        try:
            with engine.connect() as conn:
                return fn(conn)
        finally:
            engine.dispose()

    def upgrade(self) -> bool:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        engine = sqlite_engine(self.path)
        try:
            with engine.begin() as conn:
                return migrate.upgrade(conn)
        finally:
            engine.dispose()

    def open(self) -> Database:
        return SqliteDatabase(self.path)


class Postgres:
    """`str()` of it is for people: without the password."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __str__(self) -> str:
        return postgres.shown(self._url)

    def exists(self) -> bool:
        return True

    def look(self, fn: Callable[[Connection], T]) -> T:
        return postgres.at_once(self._url, fn, read_only=True)

    def upgrade(self) -> bool:
        """Makes the partitions of the coming months too: those of the migration are of the day it ran."""

        def work(conn: Connection) -> bool:
            changed = migrate.upgrade(conn)
            partitions.make(conn, conn.execute(select(func.now())).scalar_one())
            return changed

        return postgres.at_once(self._url, work)

    def open(self) -> Database:
        return postgres.PostgresDatabase(self._url)
