"""Answers that take long to work out and hold for a while: bounded in memory, and made anew before they end."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

import structlog

from app.metrics import Cached
from model.clock import Clock

log = structlog.get_logger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

AHEAD = timedelta(seconds=10)


class Made(NamedTuple, Generic[V]):
    """An answer, the instant before which it holds, and how many bytes of memory it takes."""

    value: V
    until: datetime
    size: int


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    """`source`: what it was made from."""

    source: object
    since: datetime
    made: Made[V]

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.made.until


class Cache(Generic[K, V]):
    """`make(key, at)` works out the answer that holds at an instant.

    `source(key)`: what it is worked out from. An answer made from something else is made anew; the same object, or an
    equal one, is the same source. Whoever asks for what is being made waits for it. Who asks within AHEAD of the end
    has the next answer made meanwhile. Over `max_bytes` the least recently used go. `stale` tells that sources cannot
    be looked up just now: the last ones stand.
    """

    def __init__(
        self,
        make: Callable[[K, datetime], Awaitable[Made[V]]],
        source: Callable[[K], object],
        clock: Clock,
        max_bytes: int,
        figures: Cached,
        stale: Callable[[], bool],
    ) -> None:
        self._make = make
        self._source = source
        self._clock = clock
        self._max_bytes = max_bytes
        self._figures = figures
        self._stale = stale
        self._kept: OrderedDict[K, tuple[_Kept[V], ...]] = OrderedDict()  # the present answer, the next one
        self._making: dict[tuple[K, datetime | None], tuple[object, asyncio.Task[V]]] = {}

    def known(self, key: K, at: datetime | None = None) -> V | None:
        """The answer that holds now, or at `at`, without waiting; None when it has to be made."""
        at = at or self._clock.now()
        source = self._source(key)
        kept = self._kept.get(key, ())
        found = next((k for k in kept if k.holds(at) and (k.source is source or k.source == source)), None)
        if found is None:
            return None
        self._kept.move_to_end(key)
        self._figures.count("stale" if self._stale() else "hit")
        if found is kept[-1] and found.made.until - AHEAD <= at:
            self._begin(key, source, found.made.until, "ahead").add_done_callback(_tell)
        return found.made.value

    async def get(self, key: K, at: datetime | None = None) -> V:
        """The answer that holds now, or at `at`. Raises what `make` raises."""
        if (value := self.known(key, at)) is not None:
            return value
        return await asyncio.shield(self._begin(key, self._source(key), at, "made"))

    def _begin(self, key: K, source: object, at: datetime | None, outcome: str) -> asyncio.Task[V]:
        """The making that is under way, else a new one."""
        before, task = self._making.get((key, at), (None, None))
        if task is None or before is not source:
            task = asyncio.create_task(self._work(key, source, at or self._clock.now()))
            self._making[key, at] = source, task
            task.add_done_callback(lambda done: self._made(key, at, done))
            self._figures.count(outcome)
        return task

    def _made(self, key: K, at: datetime | None, task: asyncio.Task[V]) -> None:
        if self._making.get((key, at), (None, None))[1] is task:
            del self._making[key, at]

    async def _work(self, key: K, source: object, at: datetime) -> V:
        made = await self._make(key, at)
        new, now, before = _Kept(source, at, made), self._clock.now(), self._kept.get(key, ())
        others = (k for k in before if k.source == source and k.made.until > now and not k.holds(at))
        self._kept[key] = after = tuple(sorted((*others, new), key=lambda k: k.since))[:2]
        self._kept.move_to_end(key)
        self._figures.bytes += _size(after) - _size(before)
        while self._figures.bytes > self._max_bytes and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._figures.bytes -= _size(gone)
            self._figures.count("evicted")
        return made.value


def _size(kept: tuple[_Kept[V], ...]) -> int:
    return sum(k.made.size for k in kept)


def _tell(task: asyncio.Task[V]) -> None:
    """Nobody waits for what is made ahead; who asks later hears of the same error."""
    if not task.cancelled() and (error := task.exception()):
        log.error("an answer could not be made ahead", error=repr(error))
