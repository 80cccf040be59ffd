"""What happens, as it happens: the timeline's new rows to whoever watches."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import structlog

from model.clock import Clock, wake_or
from model.errors import Unavailable
from store import timeline
from store.database import Database
from store.signals import TIMELINE
from store.timeline import Entry

log = structlog.get_logger(__name__)

QUEUE_LIMIT = 1000
BACKSTOP = timedelta(seconds=1)


class Gap(Exception):
    """The subscriber was too slow: entries after `n` were dropped and must be read from the timeline."""

    def __init__(self, n: int) -> None:
        super().__init__(f"gap, read from {n}")
        self.n = n


class Subscription:
    """A bounded queue of entries for one watcher."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._woken = asyncio.Event()
        self._gap_after: int | None = None
        self._last = 0

    def put(self, entry: Entry) -> None:
        if len(self._entries) >= QUEUE_LIMIT and self._gap_after is None:
            self._gap_after = self._last
        if self._gap_after is None:
            self._entries.append(entry)
        self._woken.set()

    async def entries(self) -> AsyncIterator[Entry]:
        """Entries as they come. Raises Gap when this watcher was too slow; it may go on afterwards."""
        while True:
            while self._entries:
                entry = self._entries.popleft()
                self._last = entry.n
                yield entry
            if self._gap_after is not None:
                gap, self._gap_after = self._last, None
                raise Gap(gap)
            self._woken.clear()
            await self._woken.wait()


class PubSub:
    """Hands every published entry to every subscriber; a slow one never holds up the others."""

    def __init__(self) -> None:
        self._subscribers: set[Subscription] = set()

    def publish(self, entry: Entry) -> None:
        for subscriber in self._subscribers:
            subscriber.put(entry)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        subscription = Subscription()
        self._subscribers.add(subscription)
        try:
            yield subscription
        finally:
            self._subscribers.discard(subscription)

    def __len__(self) -> int:
        return len(self._subscribers)


class Feeder:
    """The loop that reads new timeline rows and publishes them."""

    def __init__(self, database: Database, clock: Clock, pubsub: PubSub) -> None:
        self._database = database
        self._clock = clock
        self._pubsub = pubsub
        self.turned_at = clock.now()

    async def run(self) -> None:
        n = await self._database.read(timeline.last_n)
        with self._database.signals.waiting(TIMELINE) as wake:
            while True:
                self.turned_at = self._clock.now()
                n = await self._publish_after(n)
                await wake_or(self._clock, wake, self._clock.now() + BACKSTOP)

    async def _publish_after(self, n: int) -> int:
        try:
            if not len(self._pubsub):
                return await self._database.read(timeline.last_n)
            while entries := await self._database.read(partial(timeline.since, n=n)):
                for entry in entries:
                    self._pubsub.publish(entry)
                n = entries[-1].n
        except Unavailable as away:
            log.warning("database away, live feed waits", error=str(away))
        return n
