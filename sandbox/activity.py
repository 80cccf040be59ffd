"""Who is at work, who waits for the clock, and what failed: the bookkeeping behind `World.busy()`.

A virtual clock may be moved only when nobody is at work. So work counts from the moment it is created, stops counting
while it waits for the clock, and counts again from the moment its wait is over, even before its task has run.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.clock import Clock

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Nap:
    """One piece of work that waits: until `at`, or until `wake` is set."""

    at: datetime
    wake: asyncio.Event | None
    hanging: bool

    def over(self, now: datetime) -> bool:
        return self.at <= now or (self.wake is not None and self.wake.is_set())


class Activity:
    """Runs background work and counts it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.errors = 0
        self._awake = 0
        self._naps: dict[Nap, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def busy(self) -> int:
        """Return how much is at work now: requests, callbacks, calls that are not waiting for the clock."""
        now = self.clock.now()
        return self._awake + sum(nap.over(now) for nap in self._naps)

    def hanging(self) -> int:
        """Return how many requests are kept waiting on purpose."""
        return sum(nap.hanging for nap in self._naps)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count the block as work."""
        self._awake += 1
        try:
            yield
        finally:
            self._awake -= 1

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` in the background. If it fails, the failure is logged and counted in `errors`."""
        self._awake += 1
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def sleep_until(self, at: datetime) -> None:
        """Wait for `at`, not counted as work meanwhile."""
        with self._napping(Nap(at, None, hanging=False)):
            await self.clock.sleep_until(at)

    async def wait(self, at: datetime, wake: asyncio.Event, *, hanging: bool = False) -> None:
        """Return when `at` is reached or `wake` is set. Leaves `wake` set."""
        alarm = asyncio.get_running_loop().create_task(self._alarm(at, wake))
        try:
            with self._napping(Nap(at, wake, hanging)):
                await wake.wait()
        finally:
            alarm.cancel()
            failed = (await asyncio.gather(alarm, return_exceptions=True))[0]
        if isinstance(failed, Exception):
            raise failed

    async def stop(self) -> None:
        """Cancel everything that runs in the background, wait until it is gone, and let go of hanging requests."""
        for nap in self._naps:
            if nap.hanging and nap.wake is not None:
                nap.wake.set()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _alarm(self, at: datetime, wake: asyncio.Event) -> None:
        try:
            await self.clock.sleep_until(at)
        finally:
            wake.set()

    @contextmanager
    def _napping(self, nap: Nap) -> Iterator[None]:
        self._naps[nap] = None
        self._awake -= 1
        try:
            yield
        finally:
            self._awake += 1
            del self._naps[nap]

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._awake -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors += 1
            log.error("%s failed", task.get_name(), exc_info=error)
