"""Ids and clocks of one process in the simulation; everything else that is left to chance has a `Random` of its own."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from random import Random

from model.ids import CODE_LETTERS

START = datetime(2026, 1, 12, 18, 0, tzinfo=UTC)  # noon in Chicago


class Killed(BaseException):
    """The process is dead: nothing it still tries has an effect."""


class Fence:
    """Stands between a process and the world. Down: what the process still tries raises Killed."""

    def __init__(self) -> None:
        self.dead = False

    def goes_on(self) -> None:
        if self.dead:
            raise Killed


class ProcessClock:
    """A process's own idea of the time: the true one, off by `offset` seconds and `drift` seconds a second."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fence: Fence, offset: float = 0.0, drift: float = 0.0) -> None:
        self._loop = loop
        self._fence = fence
        self._offset = offset
        self._pace = 1.0 + drift

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() * self._pace + self._offset)

    async def sleep_until(self, at: datetime) -> None:
        self._fence.goes_on()
        while (left := (at - self.now()).total_seconds()) > 0:
            await asyncio.sleep(left / self._pace)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        self._fence.goes_on()
        return asyncio.timeout(seconds / self._pace)


class SeededIds:
    """UUIDv7 in form and order: the process's milliseconds, then a number that only grows."""

    def __init__(self, clock: ProcessClock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._n = 0

    def new(self) -> str:
        self._n += 1
        ms = int(self._clock.now().timestamp() * 1000)
        head, tail = f"{ms:012x}", f"{self._random.getrandbits(48):012x}"
        return f"{head[:8]}-{head[8:]}-7{self._n >> 12 & 0xFFF:03x}-8{self._n & 0xFFF:03x}-{tail}"

    def code(self, letters: int) -> str:
        return "".join(self._random.choice(CODE_LETTERS) for _ in range(letters))

    def salt(self) -> str:
        return f"{self._random.getrandbits(128):032x}"
