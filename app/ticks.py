"""What happens every so often: one table, each tick at its own pace by our clock (docs/decisions/0059)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import structlog

from model.clock import Clock

log = structlog.get_logger(__name__)

LATE = timedelta(seconds=30)  # worth a line: somebody waited for it


class Tick(NamedTuple):
    """A job that is harmless when it happens twice or late."""

    name: str
    every_seconds: float
    tick: Callable[[], Awaitable[object]]


async def run(ticks: Sequence[Tick], clock: Clock) -> None:
    """Each tick every so often, until cancelled; never two of a tick at once. The first error ends all of them.

    Raises ExceptionGroup.
    """
    async with asyncio.TaskGroup() as group:
        for tick in ticks:
            group.create_task(_run_each(tick, clock), name=f"tick {tick.name}")


async def _run_each(tick: Tick, clock: Clock) -> None:
    """What was missed while one took long, or while the machine slept, is not made up for."""
    every = timedelta(seconds=tick.every_seconds)
    at = clock.now() + every
    while True:
        await clock.sleep_until(at)
        if (late := clock.now() - at) > LATE:
            log.warning("tick late", tick=tick.name, seconds=round(late.total_seconds()))
        await tick.tick()
        at = max(at + every, clock.now())
