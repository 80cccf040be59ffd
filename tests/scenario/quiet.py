"""Who is at work: counters around everything that does not happen inside the loop itself, put on from outside.

The loop's own work shows in its ready queue. What leaves the loop is counted from before it leaves until it is back:
transactions (another thread), vendor requests (the network), requests at our door, messages in the queue, and what
the stand-ins report of themselves. Waiting for the clock is not work.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TypeVar

from model.attempt import Attempt, Sent
from model.clock import Clock
from model.ports import Channel, Found, Send
from store.database import Connection, Database
from tests.serving import lifespan

T = TypeVar("T")
App = Callable[[Any, Any, Any], Awaitable[None]]


LOOKS_AT_ONCE = 10
LOOKING = ContextVar("LOOKING", default=False)  # this is a tick that looks whether there is something to do


class Killed(BaseException):
    """The process is dead: nothing it still tries has an effect."""


class Work:
    """What is at work outside the loop, by name, and how often anything began. One for each life of the service.

    `stirred`: something began that was not a tick's look whether there is something to do.
    """

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self.begun = 0
        self.stirred = True
        self.dead = False

    def goes_on(self) -> None:
        if self.dead:
            raise Killed

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        self.goes_on()
        self.running[name] += 1
        self.begun += 1
        self.stirred = self.stirred or not LOOKING.get()
        try:
            yield
        finally:
            self.running[name] -= 1


class LifesClock:
    """The clock as one life of the service has it: who is dead waits for nothing any more."""

    def __init__(self, clock: Clock, work: Work) -> None:
        self._clock = clock
        self._work = work

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep_until(self, at: datetime) -> None:
        self._work.goes_on()
        await self._clock.sleep_until(at)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        self._work.goes_on()
        return self._clock.timeout(seconds)


class CountedDatabase:
    """The database port, counted."""

    def __init__(self, database: Database, work: Work) -> None:
        self.signals = database.signals
        self.at_once = database.at_once
        self._database = database
        self._work = work

    async def transact(self, fn: Callable[[Connection], T]) -> T:
        with self._work.on("transactions"):
            return await self._database.transact(fn)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        with self._work.on("reads"):
            return await self._database.read(fn)

    async def close(self) -> None:
        await self._database.close()


class CountedChannel:
    """A channel, counted."""

    def __init__(self, channel: Channel, work: Work) -> None:
        self.name = channel.name
        self.timeout_seconds = channel.timeout_seconds
        self.repeatable = channel.repeatable
        self._channel = channel
        self._work = work

    async def send(self, send: Send) -> Sent:
        with self._work.on("vendors"):
            return await self._channel.send(send)

    async def find(
        self, attempt: Attempt, known_ids: frozenset[str], since: datetime, thread: str | None = None
    ) -> Found | None:
        with self._work.on("vendors"):
            return await self._channel.find(attempt, known_ids, since, thread)

    async def cut(self, vendor_id: str, answered: bool, spoken: str) -> None:
        with self._work.on("vendors"):
            await self._channel.cut(vendor_id, answered, spoken)

    async def say_instead(self, attempt: Attempt, prompt: str) -> None:
        with self._work.on("vendors"):
            await self._channel.say_instead(attempt, prompt)

    async def close(self) -> None:
        await self._channel.close()


class Front:
    """The ASGI application that the server knows: it counts requests and hands them to the service of the moment."""

    def __init__(self) -> None:
        self.app: App | None = None
        self.running = 0
        self.deaf = False  # what the vendors call back does not reach us

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        if self.app is None or (self.deaf and scope["path"].startswith("/callbacks")):
            await _nobody_home(send)
            return
        watching = scope["path"].startswith("/v1/live")
        self.running += not watching
        try:
            await self.app(scope, receive, send)
        except Killed:
            await _nobody_home(send)
        finally:
            self.running -= not watching


async def _nobody_home(send: Any) -> None:
    await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def until_quiet(busy: Callable[[], dict[str, int]], begun: Callable[[], int], real_seconds: float) -> None:
    """Return when nobody is busy and the loop has nothing to do, twice in a row. Raises TimeoutError naming who is."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + real_seconds
    seen, calm, looks = -1, 0, 0
    while calm < 2:
        # While another thread is at work, looking all the time would only take its turn away.
        await asyncio.sleep(0 if looks < LOOKS_AT_ONCE else 0.001)
        ready = bool(loop._ready)  # type: ignore[attr-defined]
        idle = not ready and not busy()
        looks = 0 if ready or idle else looks + 1
        calm = calm + 1 if idle and begun() == seen else 0
        seen = begun()
        if loop.time() > limit:
            raise TimeoutError(f"still at work after {real_seconds:g} real seconds: {busy() or 'the loop itself'}")
