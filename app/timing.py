"""How long the parts of one answer took: the Server-Timing header (W3C Server Timing), in milliseconds."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from model.clock import stopwatch
from store.database import Connection, Database

T = TypeVar("T")


class Timing:
    """Of one request: what it waited for the database, and the whole."""

    __slots__ = ("begun", "database_seconds")

    def __init__(self) -> None:
        self.begun = stopwatch()
        self.database_seconds = 0.0

    def header(self) -> str:
        total = stopwatch() - self.begun
        return f"db;dur={self.database_seconds * 1000:.2f}, total;dur={total * 1000:.2f}"


timing: ContextVar[Timing | None] = ContextVar("timing", default=None)


class TimedDatabase:
    """The database as requests use it: what each waits for it is part of its answer's timing."""

    def __init__(self, database: Database) -> None:
        self.signals = database.signals
        self.at_once = database.at_once
        self._database = database

    async def transact(self, fn: Callable[[Connection], T]) -> T:
        begun = stopwatch()
        try:
            return await self._database.transact(fn)
        finally:
            _took(begun)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        begun = stopwatch()
        try:
            return await self._database.read(fn)
        finally:
            _took(begun)

    async def close(self) -> None:
        await self._database.close()


def _took(begun: float) -> None:
    if (request := timing.get()) is not None:
        request.database_seconds += stopwatch() - begun
