"""What happens every so often stands in one table; production and the stories' world run the same."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.ticks import Tick, schedule
from tests.scenario.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, datetime(2026, 1, 12, 18, tzinfo=UTC)) as world:
        yield world


async def test_production_and_stories_run_the_same_table(world: World) -> None:
    """Each tick of the service is a job of the scheduler, as often as the world ticks it."""
    table = world.service.ticks()
    jobs = schedule(table, failed=lambda error: None).get_jobs()
    assert {(job.id, job.trigger.interval.total_seconds()) for job in jobs} == {
        (tick.name, tick.every_seconds) for tick in table
    }
    assert [job.func for job in jobs] == [tick.tick for tick in table]
    seconds = 120
    await world.advance(seconds=seconds)
    expected = {tick.name: int(seconds / tick.every_seconds) for tick in table}
    assert world.ticked == {name: count for name, count in expected.items() if count}


async def test_a_job_that_fails_is_reported() -> None:
    """Its first error reaches `failed`, which ends the process in production."""
    failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def breaks() -> None:
        raise ArithmeticError("on purpose")

    def report(error: BaseException) -> None:
        if not failed.done():
            failed.set_result(error)

    scheduler = schedule([Tick("breaks", 0.01, breaks)], report)
    scheduler.start()
    try:
        assert isinstance(await asyncio.wait_for(failed, 5), ArithmeticError)
    finally:
        scheduler.shutdown(wait=False)


async def test_a_stop_in_the_middle_of_a_tick_is_no_failure() -> None:
    """What is cut short is done again or harmless to lose; the process has ended well."""
    begun, failed = asyncio.Event(), []

    async def slow() -> None:
        begun.set()
        await asyncio.sleep(60)

    scheduler = schedule([Tick("slow", 0.01, slow)], failed.append)
    scheduler.start()
    await asyncio.wait_for(begun.wait(), 5)
    scheduler.shutdown(wait=False)
    await asyncio.sleep(0.05)
    assert failed == []
