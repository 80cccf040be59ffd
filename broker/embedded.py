"""The queue in a SQLite file of its own, for one process: durable at publish, group commit, leases in memory.

One process owns the file (an OS lock says so), so a lease need not be written down: when the process dies its
leases die with it, and what was not acked is delivered again.
"""

import asyncio
import fcntl
import queue
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing
from enum import Enum
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import structlog

from broker.base import LINES, Durability, Message, line
from broker.codec import Encoded, decode, encode
from broker.turns import Turns
from model.errors import QueueFull, SettingsError, Unavailable

log = structlog.get_logger(__name__)

GROUP_LIMIT = 256
# While replies or lane 0 wait, the other lanes get one slot in ten.
FAIRNESS = 10

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, lane INTEGER NOT NULL,
    head BLOB NOT NULL, body BLOB NOT NULL
)
"""


class _Kind(Enum):
    """A group's writes of one kind are one statement: the interpreter's lock is given up and taken back once."""

    INSERT = ("INSERT INTO messages (id, lane, head, body) VALUES ", "(?, ?, ?, ?)", "")
    DELETE = ("DELETE FROM messages WHERE id IN (", "?", ")")

    def statement(self, rows: int) -> str:
        head, row, tail = self.value
        return head + ", ".join([row] * rows) + tail


class _Write(NamedTuple):
    """`settled` is called in the loop with the error, or None when the write is durable; whoever waits may be gone."""

    kind: _Kind
    values: tuple[object, ...]
    future: asyncio.Future[None]
    settled: Callable[[Exception | None], None]


class _Writer(threading.Thread):
    """Owns the file. Writes that wait together share one commit. `died`: it has ended by itself, nothing is written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(name="gridcall-queue", daemon=True)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self.died = asyncio.Event()
        self._writes: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()

    def write(self, kind: _Kind, *values: object, settled: Callable[[Exception | None], None]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._writes.put(_Write(kind, values, future, settled))
        return future

    def stop(self) -> None:
        self._writes.put(None)

    def run(self) -> None:
        try:
            self._work()
        except BaseException:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self.died.set)
            raise
        finally:
            self._connection.close()

    def _work(self) -> None:
        while (first := self._writes.get()) is not None:
            group = [first]
            while len(group) < GROUP_LIMIT and not self._writes.empty():
                more = self._writes.get()
                if more is None:
                    self._writes.put(None)
                    break
                group.append(more)
            self._commit(group)

    def _commit(self, group: list[_Write]) -> None:
        error: Exception | None = None
        try:
            self._write(group)
        except Exception as failed:  # whoever waits hears of it, be it the disk or the memory that is full
            error = Unavailable(f"the queue's file cannot be written: {str(failed) or type(failed).__name__}")
            error.__cause__ = failed
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, group, error)

    def _write(self, group: list[_Write]) -> None:
        """Insertions before deletions; a group of one kind is one statement and so its own transaction."""
        if self._connection.in_transaction:  # what a group that failed has left: nothing may become part of it
            self._connection.execute("ROLLBACK")
        kinds = [kind for kind in _Kind if any(write.kind is kind for write in group)]
        if len(kinds) > 1:
            self._connection.execute("BEGIN IMMEDIATE")
        for kind in kinds:
            rows = [write.values for write in group if write.kind is kind]
            self._connection.execute(kind.statement(len(rows)), [value for row in rows for value in row])
        if len(kinds) > 1:
            self._connection.execute("COMMIT")


def _settle(group: list[_Write], error: Exception | None) -> None:
    for write in group:
        write.settled(error)
        if write.future.done():
            continue  # cancelled: whoever waited went away, what was written stays written
        if error is None:
            write.future.set_result(None)
        else:
            write.future.set_exception(error)


class EmbeddedHandle:
    """One delivery of one message."""

    def __init__(self, broker: "EmbeddedBroker", message: Message, redelivered: bool) -> None:
        self._broker = broker
        self.message = message
        self.redelivered = redelivered
        self.thrown_out = False

    async def ack(self) -> None:
        await self._broker.remove(self.message)

    def give_back(self) -> None:
        self._broker.offer(self.message, redelivered=True)


class EmbeddedBroker:
    """Open the file, deliver again what an earlier process left, take new messages up to `depth_limit` of them and
    `bytes_limit`: what waits is in memory too.

    Raises SettingsError when another process has the file, OSError, sqlite3.Error or ValueError when it is not usable.
    """

    def __init__(self, path: Path, depth_limit: int = 100_000, bytes_limit: int = 512_000_000) -> None:
        self._depth_limit = depth_limit
        self._bytes_limit = bytes_limit
        self._ready: list[Turns[EmbeddedHandle]] = [Turns() for _ in range(LINES)]
        self._wake = asyncio.Event()
        self._depth = 0
        self._bytes = 0
        self._sizes: dict[str, int] = {}  # in the file, by the message's id
        self._taken = 0
        self._kept: list[str] = []  # done with, but still in the file
        with ExitStack() as unless_opened:
            self._lock = unless_opened.enter_context(_lock(path))
            connection = unless_opened.enter_context(closing(_open(path)))
            self._adopt(connection)
            unless_opened.pop_all()
        self._writer = _Writer(connection)
        self._writer.start()

    def _adopt(self, connection: sqlite3.Connection) -> None:
        for head, body in connection.execute("SELECT head, body FROM messages ORDER BY n"):
            message = decode(Encoded(head, body))
            self._sizes[message.id] = len(head) + len(body)
            self._bytes += len(head) + len(body)
            self._depth += 1
            self.offer(message, redelivered=True)

    async def publish(self, message: Message) -> Durability:
        if self._depth >= self._depth_limit or self._bytes >= self._bytes_limit:
            raise QueueFull(self._depth, self._bytes)
        head, body = encode(message)
        size = len(head) + len(body)
        self._depth += 1
        self._bytes += size

        # The message is offered as soon as it is durable, whether or not its publisher still waits.
        def settled(error: Exception | None) -> None:
            if error is None:
                self._sizes[message.id] = size
                self.offer(message, redelivered=False)
            else:
                self._depth -= 1
                self._bytes -= size

        await self._writer.write(_Kind.INSERT, message.id, message.lane, head, body, settled=settled)
        return Durability.BROKER

    def offer(self, message: Message, *, redelivered: bool) -> None:
        """Put a durable message where consumers find it."""
        self._ready[line(message)].add(EmbeddedHandle(self, message, redelivered), message.source)
        self._wake.set()

    async def remove(self, message: Message) -> None:
        """Forget a message for good. While the disk is full it stays in the file, and goes with a later one."""
        ids, self._kept = [*self._kept, message.id], []
        writes = (self._writer.write(_Kind.DELETE, id_, settled=partial(self.forgotten, id_)) for id_ in ids)
        for error in await asyncio.gather(*writes, return_exceptions=True):
            if error is not None:
                log.warning("a message that is done with stays in its file for now", error=str(error))
                break

    def keep(self, message_id: str) -> bool:
        """Leave in the file what is done with and could not be put out of it. False: there is no such message."""
        if found := message_id in self._kept:
            self._kept = [id_ for id_ in self._kept if id_ != message_id]
        return found

    def forgotten(self, message_id: str, error: Exception | None) -> None:
        """It is out of the file, or could not be put out of it. What was lent is put out of it twice."""
        if error is not None:
            self._kept.append(message_id)
        elif (size := self._sizes.pop(message_id, None)) is not None:
            self._depth -= 1
            self._bytes -= size

    async def consume(self) -> AsyncIterator[EmbeddedHandle]:
        while True:
            if (handle := self.take()) is not None:
                yield handle
            else:
                self._wake.clear()
                await self._wake.wait()

    def take(self) -> EmbeddedHandle | None:
        """The next one, if one waits."""
        waiting = [lane for lane in self._ready if lane]
        if not waiting:
            return None
        self._taken += 1
        # Slot ten belongs to the lanes behind, so that a flood of critical events starves nobody for ever.
        return waiting[-1 if self._taken % FAIRNESS == 0 else 0].take()

    def let_go(self) -> None:
        """One process has the file: there is nobody else."""

    def take_again(self) -> None:
        """It never stopped."""

    def depth(self) -> int:
        return self._depth

    def fullness(self) -> float:
        return max(self._depth / self._depth_limit, self._bytes / self._bytes_limit)

    async def refresh(self) -> None:
        """It always knows."""

    async def run(self) -> None:
        """Nothing happens here by itself. Raises when nothing can be written any more: the process is to end."""
        await self._writer.died.wait()
        raise RuntimeError("the thread that writes the queue's file has died")

    async def close(self) -> None:
        self._writer.stop()
        await asyncio.to_thread(self._writer.join, 5)
        self._lock.close()


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(_SCHEMA)
    return connection


def _lock(path: Path) -> IO[str]:
    """The right to use the file. Raises SettingsError when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise SettingsError(f"{path} is in use by another Gridcall; give this one its own GRIDCALL_DATA_DIR") from None
    return lock
