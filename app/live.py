"""What happens, as it happens: the timeline's new rows to whoever watches."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import structlog

from model.clock import Clock, wake_or
from model.errors import Unavailable
from store import timeline
from store.database import ASK_AGAIN, Connection, Database
from store.signals import TIMELINE
from store.timeline import Entry, Transactions

log = structlog.get_logger(__name__)

QUEUE_LIMIT = 1000
BACKSTOP = timedelta(seconds=1)
LOOK_AGAIN = timedelta(milliseconds=50)  # a transaction that was rolled back wakes nobody
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
        self.joined = asyncio.Event()  # somebody came
        self.published = 0  # everything up to this number was handed out, or is read from the timeline
        self._begun = False

    def begin(self, n: int) -> int:
        """What is handed out begins after entry `n`, unless it has begun already. Returns `published`."""
        if not self._begun:
            self._begun, self.published = True, n
        return self.published

    def publish(self, entry: Entry) -> None:
        self.published = entry.n
        for subscriber in self._subscribers:
            subscriber.put(entry)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        subscription = Subscription()
        subscription.closed = self._closed
        self._subscribers.add(subscription)
        self.joined.set()
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
) -> AsyncGenerator[Entry | Gap | None]:
    """What was after entry `after` (None: the last second at most), then what happens; of one source, or (None) all.

    Every entry once and in order. A Gap stands where this watcher was too slow; None where nothing happened for a
    while. Ends when the service stops.
    """
    with pubsub.subscribe() as mine:  # before reading: what happens meanwhile waits in the queue
        last = 0
        if after is not None:
            newest = await database.read(timeline.last_n)
            last = min(after, newest)
            # Whoever comes before the feed has begun says where it begins: it may have waited for the database.
            read = partial(timeline.since, upto=pubsub.begin(newest), source=source)
            while not mine.closed and (earlier := await database.read(partial(read, n=last))):
                for entry in earlier:
                    yield entry
                last = earlier[-1].n
        beat_at = clock.now() + HEARTBEAT
        while True:
            found: Entry | Gap | None
            try:
                found = await mine.next(clock, beat_at)
            except Gap as gap:
                found = Gap(max(gap.n, last))
            except Closed:
                return
            if isinstance(found, Entry):
                if found.n <= last:
                    continue  # it came with what was before
                last = 0  # what comes now is new, also where the numbers go on from fewer, as after a failover
                if source not in (None, found.source):
                    continue
            beat_at = clock.now() + HEARTBEAT
            yield found


class _Wait(NamedTuple):
    """A number that is missing after `n`. It will never come once every transaction before `ended_by` has ended."""

    n: int
    ended_by: int


def ready(numbers: Sequence[int], n: int, now: Transactions, wait: _Wait | None) -> tuple[int, _Wait | None]:
    """How many of the numbers after `n` follow it without one in between that may still come."""
    for count, number in enumerate(numbers):
        if number != n + 1:
            if wait is None or wait.n != n:
                wait = _Wait(n, now.following)
            if now.oldest < wait.ended_by:
                return count, wait
        n = number
    return len(numbers), None


class Feeder:
    """The loop that reads new timeline rows and publishes them, in the order of their numbers."""

    def __init__(self, database: Database, clock: Clock, pubsub: PubSub) -> None:
        self._database = database
        self._clock = clock
        self._pubsub = pubsub
        self._wait: _Wait | None = None
        self.turned_at = clock.now()

    async def run(self) -> None:
        self._pubsub.begin(await self._last())
        with self._database.signals.waiting(TIMELINE) as wake:
            while True:
                self.turned_at = self._clock.now()
                wait = await self._publish()
                watched = len(self._pubsub) > 0  # while nobody watches, news can wait
                pause = LOOK_AGAIN if wait and watched else BACKSTOP
                await wake_or(self._clock, wake if watched else self._pubsub.joined, self._clock.now() + pause)

    async def _last(self) -> int:
        """What was before this process is read from the timeline, when somebody asks for it."""
        while True:
            self.turned_at = self._clock.now()
            try:
                return await self._database.read(timeline.last_n)
            except Unavailable as away:
                log.warning("database away, live feed waits", error=str(away))
                await self._clock.sleep_until(self._clock.now() + ASK_AGAIN)

    async def _publish(self) -> _Wait | None:
        """Publish what is new. Returns the missing number that what comes after it waits for."""
        pubsub = self._pubsub

        def look(conn: Connection) -> tuple[int, list[int], list[Entry], Transactions]:
            """With a database that has lost its last rows, as after a failover, the numbers go on from fewer."""
            n = min(pubsub.published, timeline.last_n(conn))
            entries = timeline.since(conn, n) if watched else []
            numbers = [e.n for e in entries] if entries else timeline.numbers(conn, n)
            return n, numbers, entries, timeline.transactions(conn)

        try:
            while True:
                watched = len(pubsub) > 0
                pubsub.published, numbers, entries, now = await self._database.read(look)
                if len(pubsub) and not watched:
                    continue  # whoever came meanwhile has read only up to what was published before
                count, self._wait = ready(numbers, pubsub.published, now, self._wait)
                if not count:
                    return self._wait
                for entry in entries[:count]:
                    pubsub.publish(entry)
                pubsub.published = numbers[count - 1]
        except Unavailable as away:
            log.warning("database away, live feed waits", error=str(away))
        return self._wait
