"""What happens every so often stands in one table; production and the stories' world run the same."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import ticks
from app.ticks import Tick
from model.clock import SystemClock
from tests.scenario.clock import ManualClock
from tests.scenario.world import World, open_world

START = datetime(2026, 1, 12, 18, tzinfo=UTC)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, START) as world:
        yield world


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_production_and_stories_run_the_same_table(world: World) -> None:
    """The world ticks the service's table as often as it says."""
    table = world.service.ticks()
    assert len({tick.name for tick in table}) == len(table)
    seconds = 120
    await world.advance(seconds=seconds)
    often = {tick.name: int(seconds / tick.every_seconds) for tick in table if tick.every_seconds <= seconds}
    assert len(often) > 3
    assert world.ticked == often


async def test_each_comes_as_often_as_it_says_and_never_twice_at_once() -> None:
    clock, came, goes_on = ManualClock(START), list[tuple[str, float]](), asyncio.Event()

    def note(name: str) -> None:
        came.append((name, (clock.now() - START).total_seconds()))

    async def quick() -> None:
        note("quick")

    async def slow() -> None:
        note("slow")
        await goes_on.wait()

    running = asyncio.create_task(ticks.run([Tick("quick", 2.0, quick), Tick("slow", 3.0, slow)], clock))
    for second in range(1, 11):
        await settled()
        clock.move_to(START + timedelta(seconds=second))
    await settled()
    assert came == [("quick", 2), ("slow", 3), ("quick", 4), ("quick", 6), ("quick", 8), ("quick", 10)]
    goes_on.set()
    await settled()
    assert came[-1] == ("slow", 10)  # one for those that were missed, at once
    clock.move_to(START + timedelta(seconds=12.5))
    await settled()
    assert came[-1] == ("quick", 12.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_wall_clock_moves_no_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour back, a year ahead: the next tick comes after its time all the same."""
    came = asyncio.Event()

    class Wall(datetime):
        offset = timedelta()

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + cls.offset

    async def tick() -> None:
        came.set()

    monkeypatch.setattr("model.clock.datetime", Wall)
    running = asyncio.create_task(ticks.run([Tick("one", 0.01, tick)], SystemClock()))
    for offset in (timedelta(), -timedelta(hours=1), timedelta(days=365)):
        Wall.offset = offset
        came.clear()
        await asyncio.wait_for(came.wait(), 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_first_error_ends_all_of_them() -> None:
    """In production it ends the process in order."""
    clock = ManualClock(START)

    async def breaks() -> None:
        raise ArithmeticError("on purpose")

    async def goes_on() -> None:
        pass

    running = asyncio.create_task(ticks.run([Tick("breaks", 1.0, breaks), Tick("goes on", 1.0, goes_on)], clock))
    await settled()
    clock.move_to(START + timedelta(seconds=1))
    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(running, 5)
    assert raised.group_contains(ArithmeticError, match="on purpose")
