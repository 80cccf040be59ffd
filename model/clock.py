"""Time. The only module that may ask the machine what time it is or make anybody wait.

`now()` is always aware UTC and never goes back. Everything else in Gridcall is handed `now` as an argument.
"""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the loops need of time; tests hand in one that they move themselves."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""

    async def sleep_until(self, at: datetime) -> None:
        """Return at or after `at`; at once when it has passed."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Like `asyncio.timeout`: raises TimeoutError inside the block when `seconds` are over."""


class SystemClock:
    """The wall clock of the process's start, carried by the monotonic clock (design section 5)."""

    def __init__(self) -> None:
        self._started_at = datetime.now(UTC)
        self._started_monotonic = time.monotonic()

    def now(self) -> datetime:
        return self._started_at + timedelta(seconds=time.monotonic() - self._started_monotonic)

    async def sleep_until(self, at: datetime) -> None:
        # The monotonic clock and the loop's timers may differ by a hair: look again until it is true.
        while (left := (at - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - waiting for time itself
            await asyncio.sleep(left)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)

    def wall_error_seconds(self) -> float:
        """How far the machine's wall clock has drifted from ours since the start (positive: it is ahead)."""
        return (datetime.now(UTC) - self.now()).total_seconds()


async def wake_or(clock: Clock, wake: asyncio.Event, until: datetime | None) -> bool:
    """Wait for `wake`, at most until `until` (None: for ever). True when woken; the event is cleared then."""
    if until is None:
        await wake.wait()
    else:
        seconds = (until - clock.now()).total_seconds()
        if seconds > 0 and not wake.is_set():
            try:
                async with clock.timeout(seconds):
                    await wake.wait()
            except TimeoutError:
                return False
        elif not wake.is_set():
            return False
    wake.clear()
    return True
