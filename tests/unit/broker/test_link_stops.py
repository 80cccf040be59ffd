"""Who is asked to stop while the client opens a connection stops, whatever the client makes of it."""

import asyncio
from collections.abc import Callable

import pytest

from broker.link import Lost, as_lost, new_connection


async def client(swallows: Callable[[], None], begun: asyncio.Event) -> None:
    """As aio-pika does now and then: it is cancelled and goes on, or says something else."""
    begun.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        swallows()


def nothing() -> None:
    pass


def gone() -> None:
    raise ConnectionError("reader exited")


@pytest.mark.parametrize("swallows", [nothing, gone])
async def test_a_cancellation_that_the_client_swallows_is_one_all_the_same(swallows):
    begun = asyncio.Event()

    async def connects() -> str:
        try:
            with as_lost():
                await client(swallows, begun)
        except Lost:
            return "it would connect again, for ever"
        return "it would wait, for ever"

    task = asyncio.create_task(connects())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("swallows", [nothing, gone])
async def test_a_time_out_that_the_client_swallows_is_one_all_the_same(swallows):
    async def in_time() -> None:
        async with asyncio.timeout(0.001):
            with as_lost():
                await client(swallows, asyncio.Event())

    with pytest.raises(TimeoutError):
        await in_time()


async def test_who_cleans_up_after_being_cancelled_is_not_cancelled_again():
    begun = asyncio.Event()

    async def ends() -> str:
        try:
            await client(gone, begun)
        except ConnectionError:
            with as_lost():
                await asyncio.sleep(0)
        return "cleaned up"

    task = asyncio.create_task(ends())
    await begun.wait()
    task.cancel()
    assert await task == "cleaned up"


async def test_a_channel_of_a_connection_that_has_lost_its_transport_is_lost():
    """Asked for by a look at the depth at the moment at which RabbitMQ goes: that must not end the process."""
    gone = new_connection("amqp://127.0.0.1:1/", "test", 5)
    with pytest.raises(Lost, match="was not opened"), as_lost():
        gone.channel()
