"""What happens every so often: one table. Production gives it to APScheduler, tests drive it from their clock."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC
from inspect import iscoroutinefunction
from typing import NamedTuple

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger(__name__)


class Tick(NamedTuple):
    """A job that is harmless when it happens twice or late."""

    name: str
    every_seconds: float
    tick: Callable[[], Awaitable[object]]


def schedule(ticks: Sequence[Tick], failed: Callable[[BaseException], None]) -> AsyncIOScheduler:
    """A scheduler, not started yet, that runs the table; the first error of a job goes to `failed`."""
    scheduler = AsyncIOScheduler(timezone=UTC)
    for tick in ticks:
        assert iscoroutinefunction(tick.tick), tick.name  # the scheduler awaits nothing else
        scheduler.add_job(
            tick.tick,
            "interval",
            seconds=tick.every_seconds,
            id=tick.name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=30,
        )

    def listen(event: JobExecutionEvent) -> None:
        if isinstance(event.exception, asyncio.CancelledError):
            log.info("tick cut short by the stop", tick=event.job_id)
        elif event.exception is not None:
            failed(event.exception)
        else:
            log.warning("tick missed", tick=event.job_id)

    scheduler.add_listener(listen, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
    return scheduler
