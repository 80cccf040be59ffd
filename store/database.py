"""The database port: `transact(fn)` runs a plain function of a Connection in one transaction.

A function given to `transact` uses its connection and nothing else: no waiting, no vendor call, no clock.
SQLite: one writer thread with group commit, one read-only thread beside it (WAL lets it run meanwhile).
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeGuard, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError, StatementError
from sqlalchemy.pool import StaticPool

from model.errors import Unavailable
from store import signals as signals_
from store.signals import Signalled, Signals

__all__ = [
    "ASK_AGAIN",
    "Connection",
    "Database",
    "InlineDatabase",
    "SqliteDatabase",
    "said_by_database",
    "sqlite_engine",
]

T = TypeVar("T")
GROUP_LIMIT = 64
# Decisions under way at a time. Each waits for all those before it, and so does whoever wants to tell of what is
# decided: with 64 a flood of messages was decided first and told of afterwards.
AT_ONCE = 4
ASK_AGAIN = timedelta(seconds=1)  # a database that is away is asked again so soon


class Database(Protocol):
    """`at_once`: how many transactions a loop should have under way; with more it only keeps others waiting."""

    signals: Signals
    at_once: int

    async def transact(self, fn: Callable[[Connection], T]) -> T:
        """Return what `fn` returned once its writes are durable. Raises Unavailable when the database is away."""

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` on a read-only connection: a snapshot of what was committed."""

    async def close(self) -> None:
        """Finish what was begun and let go of the file."""


def said_by_database(error: BaseException) -> str | None:
    """What the database found wrong, without statement and values; None: the error is not the database's."""
    if not isinstance(error, StatementError):
        return None
    return next(iter(str(error.orig).splitlines()), type(error).__name__)


def sqlite_engine(path: Path | str, *, read_only: bool = False) -> Engine:
    """An engine whose transactions begin with BEGIN IMMEDIATE (readers: BEGIN) and are durable at commit."""
    in_memory = str(path) == ":memory:"
    pool: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 10}, **pool)

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None  # we say BEGIN ourselves, else SELECT and SAVEPOINT run outside the transaction
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
            dbapi.execute(f"PRAGMA {pragma}")
        if read_only:
            dbapi.execute("PRAGMA query_only=ON")

    # Said by the dialect: a listener for "begin" would make every statement look for listeners.
    engine.dialect.do_begin = _begin if read_only else _begin_immediate  # type: ignore[method-assign]
    return engine


def _begin(dbapi_connection: Any) -> None:
    dbapi_connection.execute("BEGIN")


def _begin_immediate(dbapi_connection: Any) -> None:
    dbapi_connection.execute("BEGIN IMMEDIATE")


class _Job(NamedTuple):
    fn: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class _Outcome(NamedTuple):
    job: _Job
    value: Any
    error: BaseException | None


class _Worker(threading.Thread):
    """A thread that owns one connection and runs jobs on it, as many in one transaction as wait together."""

    def __init__(self, engine: Engine, make_known: Callable[[Signalled], None], name: str, group_limit: int) -> None:
        super().__init__(name=name, daemon=True)
        self._engine = engine
        self._make_known = make_known
        self._group_limit = group_limit
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False

    def submit(self, fn: Callable[[Connection], T]) -> asyncio.Future[T]:
        if self._closed:
            raise Unavailable("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(fn, future, loop))
        return future

    def stop(self) -> None:
        self._closed = True
        self._jobs.put(None)

    def run(self) -> None:
        while (job := self._jobs.get()) is not None:
            group = [job]
            while len(group) < self._group_limit and not self._jobs.empty():
                more = self._jobs.get()
                if more is None:
                    self._jobs.put(None)
                    break
                group.append(more)
            self._finish(*self._run_group(group))
        self._engine.dispose()

    def _run_group(self, group: list[_Job]) -> tuple[list[_Outcome], Signalled]:
        try:
            with self._engine.connect() as conn, conn.begin():
                signalled = Signalled()
                outcomes = [self._run_one(conn, job, signalled, alone=len(group) == 1) for job in group]
        except BaseException as error:
            # The commit (or the only member) failed: nothing of this group is in the database.
            return [_Outcome(job, None, error) for job in group], Signalled()
        return outcomes, signalled

    def _run_one(self, conn: Connection, job: _Job, signalled: Signalled, *, alone: bool) -> _Outcome:
        signals_.take(conn)  # what one before on this connection left behind when it failed
        if alone:
            value = job.fn(conn)
        else:
            # A savepoint each, so that a member that fails spoils only itself; said to the driver, which costs a
            # fraction of what the same costs through SQLAlchemy.
            _say(conn, "SAVEPOINT member")
            try:
                value = job.fn(conn)
            except Exception as error:
                if not _open(conn):
                    raise  # a full disk, say: SQLite has rolled back the whole group
                _say(conn, "ROLLBACK TO member")
                _say(conn, "RELEASE member")
                return _Outcome(job, None, error)
            _say(conn, "RELEASE member")
        signalled.add(signals_.take(conn))
        return _Outcome(job, value, None)

    def _finish(self, outcomes: list[_Outcome], signalled: Signalled) -> None:
        loop = outcomes[0].job.loop
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._resolve, outcomes, signalled)

    def _resolve(self, outcomes: list[_Outcome], signalled: Signalled) -> None:
        for job, value, error in outcomes:
            if job.future.cancelled():
                continue
            if _is_away(error):
                unavailable = Unavailable(str(error.orig))
                unavailable.__cause__ = error
                job.future.set_exception(unavailable)
            elif error is not None:
                job.future.set_exception(error)
            else:
                job.future.set_result(value)
        self._make_known(signalled)


def _say(conn: Connection, command: str) -> None:
    raw: Any = conn.connection.dbapi_connection
    raw.execute(command)


def _open(conn: Connection) -> bool:
    raw: Any = conn.connection.dbapi_connection
    return bool(raw.in_transaction)


def _is_away(error: BaseException | None) -> TypeGuard[OperationalError]:
    """The file cannot be used now: locked, full, I/O. A mistake in our SQL is SQLITE_ERROR, which is not that."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return isinstance(error, OperationalError) and code != sqlite3.SQLITE_ERROR


class SqliteDatabase:
    """One file, one process. Opened by the constructor; the schema must be there (store/migrate.py)."""

    at_once = AT_ONCE

    def __init__(self, path: Path) -> None:
        self.signals = Signals()
        self._writer = _Worker(sqlite_engine(path), self.signals.make_known, "gridcall-db-writer", GROUP_LIMIT)
        reading = sqlite_engine(path, read_only=True)
        self._reader = _Worker(reading, self.signals.make_known, "gridcall-db-reader", 1)
        self._writer.start()
        self._reader.start()

    async def transact(self, fn: Callable[[Connection], T]) -> T:
        return await self._writer.submit(fn)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await self._reader.submit(fn)

    async def close(self) -> None:
        for worker in (self._writer, self._reader):
            worker.stop()
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        for worker in (self._writer, self._reader):
            worker.join(timeout=5)


class InlineDatabase:
    """SQLite in memory, called in the loop's own thread: for tests of store functions and for the simulation."""

    at_once = AT_ONCE

    def __init__(self, engine: Engine) -> None:
        self.signals = Signals()
        self.engine = engine

    async def transact(self, fn: Callable[[Connection], T]) -> T:
        with self.engine.connect() as conn, conn.begin():
            signals_.take(conn)  # what one before on this connection left behind when it failed
            value = fn(conn)
            signalled = signals_.take(conn)
        self.signals.make_known(signalled)
        return value

    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await self.transact(fn)

    async def close(self) -> None:
        self.engine.dispose()
