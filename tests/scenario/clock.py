"""A clock that stands still until somebody moves it. Everything else about the loop stays real."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from types import TracebackType


@dataclass(order=True, slots=True)
class _Alarm:
    """Something that happens at `at`; those of one instant in the order they were set."""

    at: datetime
    n: int
    ring: Callable[[], None] = field(compare=False)
    off: bool = field(default=False, compare=False)


class ManualClock:
    """Implements model.clock.Clock, and with it the stand-ins' Clock."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._alarms: list[_Alarm] = []
        self._numbers = count()

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, at: datetime) -> None:
        if at <= self._now:
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        alarm = self.at(at, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            alarm.off = True

    def timeout(self, seconds: float) -> "_Timeout":
        return _Timeout(self, seconds)

    def at(self, at: datetime, ring: Callable[[], None]) -> _Alarm:
        """Call `ring` when `at` is reached; switch it off by its `off`."""
        alarm = _Alarm(at, next(self._numbers), ring)
        heapq.heappush(self._alarms, alarm)
        return alarm

    def next_at(self) -> datetime | None:
        """The next instant at which something waits."""
        while self._alarms and self._alarms[0].off:
            heapq.heappop(self._alarms)
        return self._alarms[0].at if self._alarms else None

    def move_to(self, at: datetime) -> None:
        """Now it is `at`, and everything that waited for it is woken."""
        assert at >= self._now, "time does not go back"
        self._now = at
        while (due := self.next_at()) is not None and due <= at:
            heapq.heappop(self._alarms).ring()


class _Timeout:
    """asyncio.timeout, over when the clock says so."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._limit = asyncio.timeout(None)
        self._alarm: _Alarm | None = None

    async def __aenter__(self) -> "_Timeout":
        await self._limit.__aenter__()
        if self._seconds <= 0:
            self._over()
        else:
            self._alarm = self._clock.at(self._clock.now() + timedelta(seconds=self._seconds), self._over)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if self._alarm is not None:
            self._alarm.off = True
        return await self._limit.__aexit__(kind, error, trace)

    def _over(self) -> None:
        self._limit.reschedule(asyncio.get_running_loop().time())
