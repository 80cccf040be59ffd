"""Where a database is, before anybody opens it for good: what commands and the start do with it.

SqliteFile    one file, one process
Postgres      a server, any number of processes
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from model.errors import Unavailable
from store import address, backup, migrate, partitions, postgres
from store.database import Connection, Database, SqliteDatabase, sqlite_engine

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Place(Protocol):
    def exists(self) -> bool:
        """There is something to look at; it need not be ours."""

    def look(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn`, which only reads, and wait for it. Raises Unavailable."""

    def upgrade(self) -> bool:
        """Bring it to the schema of this version. True when there was something to do. Raises Unavailable."""

    def change(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in one transaction and wait for it, also beside a service that runs. Raises Unavailable."""

    def back_up(self, target: Path) -> None:
        """Copy it as it is now to a new file. Raises SettingsError."""

    def open(self) -> Database:
        """For a service; the schema must be there."""


class SqliteFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path.absolute())

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

    def change(self, fn: Callable[[Connection], T]) -> T:
        engine = sqlite_engine(self.path)
        try:
            with engine.begin() as conn:
                return fn(conn)
        except OperationalError as error:
            raise Unavailable(str(error.orig)) from error
        finally:
            engine.dispose()

    def back_up(self, target: Path) -> None:
        backup.copy_sqlite(self.path, target)

    def open(self) -> Database:
        return SqliteDatabase(self.path)


class Postgres:
    """`str()` of it is for people: without the password."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __str__(self) -> str:
        return str(address.read(self._url))

    def exists(self) -> bool:
        return True

    def look(self, fn: Callable[[Connection], T]) -> T:
        return postgres.at_once(self._url, fn, read_only=True)

    def upgrade(self) -> bool:
        """Makes the partitions of the coming months too: those of the migration are of the day it ran."""

        def work(conn: Connection) -> tuple[bool, partitions.Months]:
            changed = migrate.upgrade(conn)
            return changed, partitions.make(conn, conn.execute(select(func.now())).scalar_one())

        changed, months = postgres.at_once(self._url, work, patient=True)
        if months.barred:
            log.error(partitions.BARRED, names=months.barred)
        return changed

    def change(self, fn: Callable[[Connection], T]) -> T:
        return postgres.at_once(self._url, fn)

    def back_up(self, target: Path) -> None:
        backup.dump_postgres(address.read(self._url), target)

    def open(self) -> Database:
        return postgres.PostgresDatabase(self._url)
