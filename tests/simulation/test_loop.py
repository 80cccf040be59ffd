"""The loop of the simulation: time jumps, nothing hides, and one order in every run."""

import asyncio
from datetime import timedelta

import pytest

from tests.simulation.chance import START, Fence, Killed, ProcessClock
from tests.simulation.loop import SimulatedLoop, Spinning, Stalled


@pytest.fixture
def loop():
    loop = SimulatedLoop(budget=1000)
    yield loop
    loop.close()


def test_an_hour_takes_no_time(loop: SimulatedLoop) -> None:
    async def sleep() -> None:
        async with asyncio.timeout(7200):
            await asyncio.sleep(3600)

    loop.run_until_complete(sleep())
    assert loop.time() == 3600


def test_what_can_never_end_is_an_error(loop: SimulatedLoop) -> None:
    with pytest.raises(Stalled):
        loop.run_until_complete(asyncio.Event().wait())


def test_what_spins_is_an_error(loop: SimulatedLoop) -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Spinning):
        loop.run_until_complete(spin())


def test_threads_are_an_error(loop: SimulatedLoop) -> None:
    with pytest.raises(RuntimeError, match="one thread"):
        loop.run_until_complete(asyncio.wait_for(_thread(), 1))


async def _thread() -> None:
    await asyncio.to_thread(print)


def test_a_process_has_its_own_idea_of_the_time(loop: SimulatedLoop) -> None:
    fence = Fence()
    clock = ProcessClock(loop, fence, offset=-2.0, drift=0.01)
    loop.run_until_complete(clock.sleep_until(START + timedelta(seconds=8)))
    assert loop.time() == pytest.approx(10 / 1.01)
    fence.dead = True
    with pytest.raises(Killed):
        loop.run_until_complete(clock.sleep_until(START))
