"""Time. The only module that may ask the machine what time it is or make anybody wait.

`now()` is always aware UTC and never goes back. Everything else in Gridcall is handed `now` as an argument.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

# Seconds, of which only the difference of two means anything: for telling how long something took, never for deciding.
stopwatch = time.perf_counter


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


async def breathe() -> None:
    """Let everybody else have a turn of the loop."""
    await asyncio.sleep(0)


SLEW = 0.1  # how much faster or slower time goes while it is corrected


class SlewedClock:
    """A time that is measured elsewhere now and then (the database's), carried by the monotonic clock in between.

    Corrections are slewed: time goes at most 10 % faster or slower until it is right, and never back once `begin` is
    over. Until then it is the wall clock of this machine; `monotonic` is for tests.
    """

    def __init__(self, start: datetime | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._at = start or datetime.now(UTC)
        self._counted = monotonic()
        self._behind = timedelta()  # still to be made up; negative: we are ahead

    def now(self) -> datetime:
        count = max(self.monotonic(), self._counted)
        passed = timedelta(seconds=count - self._counted)
        most = passed * SLEW
        made_up = max(-most, min(most, self._behind))
        self._at += passed + made_up
        self._behind -= made_up
        self._counted = count
        return self._at

    def begin(self, measured: datetime, at_count: float) -> timedelta:
        """As `correct`, at once and back too: only while nobody has decided anything by this clock or waits by it."""
        behind = self.correct(measured, at_count)
        self._at += behind
        self._behind = timedelta()
        return behind

    def correct(self, measured: datetime, at_count: float, *, at_once: bool = False) -> timedelta:
        """It was `measured` when the monotonic clock stood at `at_count`. Returns how far we were behind.

        `at_once` jumps forward: for the first measurement, if it comes when the start is over. Back it never jumps.
        """
        now = self.now()
        behind = measured + timedelta(seconds=self._counted - at_count) - now
        if at_once and behind > timedelta():
            self._at += behind
            self._behind = timedelta()
        else:
            self._behind = behind
        return behind

    async def sleep_until(self, at: datetime) -> None:
        # While time is slewed a second of it is not a second of the loop: look again until it is true.
        while (left := (at - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - waiting for time itself
            await asyncio.sleep(left)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)

    def wall_error_seconds(self) -> float:
        """How far this machine's wall clock is from the measured time (positive: it is ahead)."""
        return (datetime.now(UTC) - self.now() - self._behind).total_seconds()


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
