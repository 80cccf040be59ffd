"""What happens, as it happens: the timeline's new rows to whoever watches."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
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
HEARTBEAT = timedelta(seconds=15)


class Gap(Exception):
    """The subscriber was too slow: entries after `n` were dropped and must be read from the timeline."""

    def __init__(self, n: int) -> None:
        super().__init__(f"gap, read from {n}")
        self.n = n


class Closed(Exception):
    """The service stops: nothing more will come."""


class Subscription:
    """A bounded queue of entries for one watcher."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._woken = asyncio.Event()
        self._gap = False
        self._last = 0
        self.closed = False

    def put(self, entry: Entry) -> None:
        """Keep it, or note the gap: what comes until the watcher has heard of a gap is dropped."""
        self._gap = self._gap or len(self._entries) >= QUEUE_LIMIT
        if not self._gap:
            self._entries.append(entry)
        self._woken.set()

    def close(self) -> None:
        self.closed = True
        self._woken.set()

    async def next(self, clock: Clock, until: datetime) -> Entry | None:
        """The next entry, None when `until` came first.

        Raises Gap when this watcher was too slow (it may go on afterwards), Closed after the last entry.
        """
        while True:
            if self._entries:
                entry = self._entries.popleft()
                self._last = entry.n
                return entry
            if self._gap:
                self._gap = False
                raise Gap(self._last)
            if self.closed:
                raise Closed
            if not await wake_or(clock, self._woken, until):
                return None


class PubSub:
    """Hands every published entry to every subscriber; a slow one never holds up the others."""

    def __init__(self) -> None:
        self._subscribers: set[Subscription] = set()
        self._closed = False

    def publish(self, entry: Entry) -> None:
        for subscriber in self._subscribers:
            subscriber.put(entry)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        subscription = Subscription()
        subscription.closed = self._closed
        self._subscribers.add(subscription)
        try:
            yield subscription
        finally:
            self._subscribers.discard(subscription)

    def close(self) -> None:
        """The service stops: every watcher hears so, those who come now as well."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.close()

    def __len__(self) -> int:
        return len(self._subscribers)


async def follow(
    pubsub: PubSub, database: Database, clock: Clock, *, after: int | None, source: str | None
) -> AsyncIterator[Entry | Gap | None]:
    """What was after entry `after` (None: nothing of it), then what happens; of one source, or (None) of all.

    Every entry once and in order. A Gap stands where this watcher was too slow; None where nothing happened for a
    while. Ends when the service stops.
    """
    with pubsub.subscribe() as mine:  # before reading: what happens meanwhile waits in the queue
        last = 0
        if after is not None:
            last = min(after, await database.read(timeline.last_n))
            while not mine.closed and (earlier := await database.read(partial(timeline.since, n=last, source=source))):
                for entry in earlier:
                    yield entry
                last = earlier[-1].n
        beat_at = clock.now() + HEARTBEAT
        while True:
            found: Entry | Gap | None
            try:
                found = await mine.next(clock, beat_at)
            except Gap as gap:
                found, last = Gap(max(gap.n, last)), max(gap.n, last)
            except Closed:
                return
            if isinstance(found, Entry):
                if found.n <= last or source not in (None, found.source):
                    continue
                last = found.n
            beat_at = clock.now() + HEARTBEAT
            yield found


class Feeder:
    """The loop that reads new timeline rows and publishes them."""

    def __init__(self, database: Database, clock: Clock, pubsub: PubSub) -> None:
        self._database = database
        self._clock = clock
        self._pubsub = pubsub
        self.turned_at = clock.now()

    async def run(self) -> None:
        n: int | None = None
        with self._database.signals.waiting(TIMELINE) as wake:
            while True:
                self.turned_at = self._clock.now()
                n = await self._publish_after(n)
                await wake_or(self._clock, wake, self._clock.now() + BACKSTOP)

    async def _publish_after(self, n: int | None) -> int | None:
        """Publish what came after entry `n`. Returns the newest; None while nothing could be read yet."""
        try:
            if n is None or not len(self._pubsub):
                return await self._database.read(timeline.last_n)
            while entries := await self._database.read(partial(timeline.since, n=n)):
                for entry in entries:
                    self._pubsub.publish(entry)
                n = entries[-1].n
        except Unavailable as away:
            log.warning("database away, live feed waits", error=str(away))
        return n
