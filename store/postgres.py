"""The database port on PostgreSQL: the same plain functions of a Connection, run by asyncpg under SQLAlchemy.

A function may be run again from its start when two transactions got in each other's way, so it must do nothing but
use its connection. Everything that means "away" is Unavailable; a mistake in our SQL is not.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from threading import Event, Thread
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import structlog
from sqlalchemy import Connection, bindparam, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from model.clock import Clock, SystemClock
from model.errors import Unavailable
from store import address
from store import signals as signals_
from store.servers import InTurn
from store.signals import Signalled, Signals

log = structlog.get_logger(__name__)

T = TypeVar("T")

POOL_SIZE = 10  # a server is best with some connections per core; callers beyond that wait their turn
POOL_SECONDS = 5.0  # ... for so long
CONNECT_SECONDS = 2.0  # callers learn quickly that it is away, and do something else meanwhile
CLOSE_SECONDS = 5.0
ANSWER_SECONDS = 15.0  # a server that says nothing at all for longer is gone
TRIES = 4  # of a transaction that another one got in the way of
CHANNEL = "gridcall"
NOTIFY_BYTES = 7_900  # PostgreSQL takes less than 8000 in one notification
LISTEN_CHECK = timedelta(seconds=10)  # a listening connection that died without a word is found after so long
LISTEN_AGAIN_SECONDS = (0.1, 5.0)  # shortest and longest wait before listening is tried again

# What the server does with a transaction of ours that takes too long, in milliseconds.
SERVER_SETTINGS = {
    "application_name": "gridcall",
    "statement_timeout": "10000",  # no statement of ours takes a second; a page over a huge table gives up
    "lock_timeout": "5000",  # who holds a row so long hangs: the caller tries again later instead of hanging too
    "idle_in_transaction_session_timeout": "15000",  # a process that stopped in mid-air must not keep its locks
    "jit": "off",  # our statements are short; compiling them takes longer than running them
    "max_parallel_workers_per_gather": "0",  # ... and so does starting helpers, more than 10 ms
    "timezone": "UTC",
}

# Two transactions in each other's way: run the function again on what is true by now. A unique row that somebody else
# has just written is of that kind too; if it was our own mistake, it fails again.
_AGAIN = {"40001", "40P01", "23505"}
# Classes and codes that mean "cannot be used now": connection, resources, restart, cancelled by time-out, standby, and
# what no statement of ours is to blame for: an error inside the server (XX), a plan or a prepared statement that a
# migration or a pooler took away, a commit of which nobody knows.
_AWAY_CLASSES = {"08", "28", "53", "57", "58", "XX"}
_AWAY = {"40001", "40P01", "40003", "55P03", "55000", "25P02", "25P03", "25006", "3D000", "26000", "0A000"}
_LOST = (asyncpg.PostgresError, asyncpg.InterfaceError)  # of a connection that we use without SQLAlchemy


def _engine(url: str, *, answer_seconds: float | None = ANSWER_SECONDS, **more: Any) -> AsyncEngine:
    arguments = {
        "timeout": CONNECT_SECONDS,
        "command_timeout": answer_seconds,
        "server_settings": SERVER_SETTINGS,
        "prepared_statement_cache_size": 500,
        "async_creator_fn": InTurn().connect,
        **address.read(url).for_asyncpg(),
    }
    engine = create_async_engine("postgresql+asyncpg://", connect_args=arguments, **more)
    event.listen(engine.sync_engine, "before_cursor_execute", _without_nul, retval=True)
    return engine


def _without_nul(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> Any:
    """PostgreSQL's text takes every character but NUL, and no message of anybody may stop us."""
    rows = many and isinstance(parameters[0], tuple)  # many rows that are asked back come as one long row
    return statement, [_clean(row) for row in parameters] if rows else _clean(parameters)


def _clean(values: Any) -> Any:
    if not any(isinstance(value, str) and "\0" in value for value in values):
        return values
    return tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in values)


def _state(error: BaseException) -> str:
    """PostgreSQL's code of what went wrong. SQLAlchemy leaves it out where it tells of a plan that is outdated."""
    said = getattr(error, "orig", None)
    return str(getattr(said, "sqlstate", None) or getattr(getattr(said, "__cause__", None), "sqlstate", None) or "")


def is_away(error: BaseException) -> bool:
    """The server cannot be used now: nothing is wrong with what was asked of it."""
    if isinstance(error, OSError | TimeoutError | PoolTimeout | ssl.SSLError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or _state(error)[:2] in _AWAY_CLASSES or _state(error) in _AWAY:
        return True
    lost = (
        asyncpg.TargetServerAttributeNotMatched,
        asyncpg.ConnectionDoesNotExistError,
        asyncpg.ConnectionFailureError,
    )
    return isinstance(getattr(error.orig, "__cause__", None), lost)


def _unavailable(error: BaseException) -> Unavailable:
    told = str(getattr(error, "orig", None) or error).splitlines() or [""]
    away = Unavailable(told[0] or type(error).__name__)
    away.__cause__ = error
    return away


class _Try:
    """One run of a function in a transaction. `connected`: until then nothing that goes wrong is the function's.

    `committing`: what came of it may be unknown from here on.
    """

    def __init__(self, fn: Callable[[Connection], Any], owner: str) -> None:
        self.connected = False
        self.committing = False
        self._fn = fn
        self._owner = owner

    def __call__(self, conn: Connection) -> tuple[Any, Signalled]:
        self.connected = True
        with conn.begin():
            signals_.take(conn)  # what a run before on this connection left behind when it failed
            value = self._fn(conn)
            signalled = signals_.take(conn)
            for payload in _payloads(self._owner, signalled.topics):
                conn.execute(_NOTIFY, {"payload": payload})
            self.committing = True
        return value, signalled


_NOTIFY = select(func.pg_notify(CHANNEL, bindparam("payload")))


def _payloads(owner: str, topics: Iterable[str]) -> Iterable[str]:
    """Who signals, then the topics; as many notifications as they need."""
    lines = [owner]
    size = len(owner)
    for topic in sorted(topics):
        if size + len(topic) + 1 > NOTIFY_BYTES:
            yield "\n".join(lines)
            lines, size = [owner], len(owner)
        lines.append(topic)
        size += len(topic) + 1
    if len(lines) > 1:
        yield "\n".join(lines)


class PostgresDatabase:
    """A pool, and one connection beside it that listens to the signals of other processes.

    Nothing is opened before the first use. The schema must be there (store/migrate.py).
    """

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE, clock: Clock | None = None) -> None:
        self.signals = Signals()
        self.at_once = max(1, pool_size // 2)
        self._clock = clock or SystemClock()
        self._name = uuid4().hex
        # The last one used is used next: what is not needed stays idle and is not kept warm for nothing.
        self._engine = _engine(
            url, pool_size=pool_size, max_overflow=0, pool_timeout=POOL_SECONDS, pool_use_lifo=True, pool_recycle=1800
        )
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._running: set[asyncio.Task[Any]] = set()
        self._listener = _Listener(url, self._name, self.signals, self._clock)
        self._closed = False

    async def transact(self, fn: Callable[[Connection], T]) -> T:
        # A cancelled caller does not undo its write: the transaction goes on without it.
        return await asyncio.shield(self._begin(self._retried(self._engine, fn)))

    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await self._begin(self._retried(self._reader, fn))

    async def listening(self) -> None:
        """Return once signals of other processes are heard."""
        self._listener.start()
        await self._listener.connected.wait()

    async def close(self) -> None:
        self._closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=5)
        await self._listener.close()
        try:
            async with self._clock.timeout(CLOSE_SECONDS):
                await self._engine.dispose()
        except TimeoutError:  # it says goodbye to each, and waits: a host that vanished never answers
            log.warning("the connections to the database did not close well")

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        if self._closed:
            work.close()
            raise Unavailable("the database is closed")
        self._listener.start()
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _retried(self, engine: AsyncEngine, fn: Callable[[Connection], T]) -> T:
        for left in reversed(range(TRIES)):
            attempt = _Try(fn, self._name)
            try:
                value, signalled = await _run(engine, attempt)
            except Exception as error:
                if left and _may_go_again(error, attempt):
                    continue
                if not attempt.connected or is_away(error):
                    raise _unavailable(error) from error
                raise
            self.signals.make_known(signalled)
            return value  # type: ignore[no-any-return]
        raise AssertionError("the last try returns or raises")


def _may_go_again(error: Exception, attempt: _Try) -> bool:
    """Rolled back for certain, and it may work now: in each other's way, or the pool's connection was a dead one."""
    if not isinstance(error, DBAPIError):
        return False
    return _state(error) in _AGAIN or (error.connection_invalidated and not attempt.committing)


async def _run(engine: AsyncEngine, attempt: _Try) -> tuple[Any, Signalled]:
    async with engine.connect() as conn:
        return await conn.run_sync(attempt)


class _Listener:
    """Fires the signals of other processes in this one.

    What was signalled while nobody listened is not known: after each (re)connect everybody who waits is woken.
    """

    def __init__(self, url: str, own_name: str, signals: Signals, clock: Clock) -> None:
        self._engine = _engine(url, poolclass=NullPool)
        self._own_name = own_name
        self._signals = signals
        self._clock = clock
        self.connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="gridcall-db-listener")

    async def close(self) -> None:
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._engine.dispose()

    async def _run(self) -> None:
        shortest, longest = LISTEN_AGAIN_SECONDS
        wait = shortest
        while True:
            try:
                async with self._engine.connect() as conn:
                    raw: Any = (await conn.get_raw_connection()).driver_connection
                    gone = await self._listen(raw)
                    wait = shortest
                    await self._until(gone, raw)
            except Exception as error:
                if is_away(error) or isinstance(error, _LOST):
                    log.warning("not listening to other processes now", error=str(_unavailable(error)))
                else:  # a mistake of ours: said loudly, and no reason to stay deaf
                    log.exception("listening to other processes failed")
            # Not all processes at once, after a server has come back.
            seconds = wait * random.uniform(0.5, 1.0)  # noqa: S311 - chance here is no secret
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=seconds))
            wait = min(wait * 2, longest)

    async def _listen(self, raw: Any) -> asyncio.Event:
        """Hear what is signalled on asyncpg's connection. The event: it is gone."""
        gone = asyncio.Event()
        raw.add_termination_listener(lambda _: gone.set())
        await raw.add_listener(CHANNEL, self._heard)
        self.connected.set()
        self._signals.fire_all()
        return gone

    async def _until(self, gone: asyncio.Event, raw: Any) -> None:
        """A connection may die without a word: it is asked now and then, which fails when it has."""
        while not gone.is_set():
            try:
                async with self._clock.timeout(LISTEN_CHECK.total_seconds()):
                    await gone.wait()
            except TimeoutError:
                await raw.execute("SELECT 1")

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        who, *topics = str(payload).split("\n")
        if who != self._own_name:  # our own were fired at the commit
            self._signals.heard(topics)


def at_once(url: str, fn: Callable[[Connection], T], *, read_only: bool = False, patient: bool = False) -> T:
    """Run `fn` in one transaction and wait for it: for commands and for the start, wherever they run.

    `patient`: for as long as the server lets it take. Raises Unavailable when the server cannot be reached.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    connected = Event()

    async def work() -> None:
        engine = _engine(url, answer_seconds=None if patient else ANSWER_SECONDS, poolclass=NullPool)
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        chosen = engine.execution_options(**snapshot) if read_only else engine
        try:
            async with chosen.begin() as conn:
                connected.set()
                results.append(await conn.run_sync(fn))
        finally:
            await engine.dispose()

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run, name="gridcall-db-at-once")  # the caller's own loop may be running
    thread.start()
    thread.join()
    if errors:
        if is_away(errors[0]) or (isinstance(errors[0], Exception) and not connected.is_set()):
            raise _unavailable(errors[0]) from errors[0]
        raise errors[0]
    return results[0]
