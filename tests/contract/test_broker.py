"""What every Broker must do, whatever is behind it."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from broker.base import Durability, Message, MessageKind
from broker.embedded import EmbeddedBroker
from model.errors import QueueFull, SettingsError

NOW = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)


def message(name: str, lane: int = 0) -> Message:
    return Message(
        id=name,
        kind=MessageKind.EVENT,
        source="miso",
        format="canonical",
        lane=lane,
        body=b'{"event_id": "\xff"}',
        received_at=NOW,
        deliveries=(f"{name}-1",),
        headers={"content-type": "application/json"},
        deadline_at=NOW,
    )


@pytest.fixture(params=["embedded"])
def opened(request, tmp_path):
    @asynccontextmanager
    async def open_(**options):
        broker = EmbeddedBroker(tmp_path / "queue.db", **options)
        try:
            yield broker
        finally:
            await broker.close()

    return open_


async def take(broker, count: int):
    async with asyncio.timeout(5):
        return [handle async for _, handle in azip(range(count), broker.consume())]


async def azip(numbers, handles):
    iterator = aiter(handles)
    for number in numbers:
        yield number, await anext(iterator)


async def test_a_message_comes_out_as_it_went_in(opened):
    async with opened() as broker:
        assert await broker.publish(message("a")) is Durability.BROKER
        [handle] = await take(broker, 1)
        assert handle.message == message("a")
        assert not handle.redelivered


async def test_what_was_not_acked_comes_again_after_a_restart(opened):
    async with opened() as broker:
        await asyncio.gather(*(broker.publish(message(n)) for n in "abc"))
        first, *_ = await take(broker, 3)
        await first.ack()
        assert broker.depth() == 2
    async with opened() as broker:
        again = await take(broker, 2)
        assert [h.message.id for h in again] == ["b", "c"]
        assert all(h.redelivered for h in again)


async def test_what_is_given_back_comes_again(opened):
    async with opened() as broker:
        await broker.publish(message("a"))
        [handle] = await take(broker, 1)
        handle.give_back()
        [again] = await take(broker, 1)
        assert again.message.id == "a"
        assert again.redelivered


async def test_lane_0_goes_first_and_starves_nobody(opened):
    async with opened() as broker:
        await broker.publish(message("late", lane=2))
        await asyncio.gather(*(broker.publish(message(f"c{n}")) for n in range(20)))
        order = [h.message.id for h in await take(broker, 21)]
        assert order[0].startswith("c")
        assert order.index("late") == 9


async def test_a_full_queue_says_so_and_takes_again_when_emptied(opened):
    async with opened(depth_limit=2) as broker:
        await broker.publish(message("a"))
        await broker.publish(message("b"))
        with pytest.raises(QueueFull):
            await broker.publish(message("c"))
        [first] = await take(broker, 1)
        await first.ack()
        await broker.publish(message("c"))


async def test_one_file_one_process(opened):
    async with opened():
        with pytest.raises(SettingsError, match="in use by another Gridcall"):
            async with opened():
                pass
