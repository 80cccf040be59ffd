"""What every Broker must do, whatever is behind it."""

import asyncio
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.base import Durability, Message, MessageKind
from broker.embedded import EmbeddedBroker, _Writer
from broker.failover import FailoverBroker
from broker.rabbitmq import RabbitBroker
from broker.spool import Spool
from model.clock import SystemClock
from model.errors import QueueFull, SettingsError, Unavailable
from tests.rabbit_node import delete_queues

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
        trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


class Opened:
    """A broker at work, whatever it is."""

    def __init__(self, broker: Any, safe: Durability, waiting: Callable[[], int] | None = None) -> None:
        self.broker = broker
        self.safe = safe  # what a publish answers
        self._waiting = waiting
        self._messages = aiter(broker.consume())

    async def publish(self, *messages: Message) -> None:
        for published in await asyncio.gather(*map(self.broker.publish, messages)):
            assert published is self.safe

    async def take(self, count: int) -> list[Any]:
        async with asyncio.timeout(10):
            return [await anext(self._messages) for _ in range(count)]

    async def brought(self, count: int) -> None:
        """So many wait in the process to be taken: from then on their order is ours."""
        async with asyncio.timeout(10):
            while self._waiting is not None and self._waiting() < count:
                await asyncio.sleep(0.01)

    async def depth(self, expected: int) -> None:
        async with asyncio.timeout(10):
            while self.broker.depth() != expected:
                await self.broker.refresh()
                await asyncio.sleep(0.01)


async def nothing_is_undecided(deliveries):
    return set()


@asynccontextmanager
async def running(broker, up=lambda: True):
    loops = asyncio.create_task(broker.run())
    try:
        async with asyncio.timeout(10):
            while not up():
                await asyncio.sleep(0.01)
        yield
    finally:
        loops.cancel()
        await asyncio.gather(loops, return_exceptions=True)
        await broker.close()


@pytest.fixture(
    params=[
        "embedded",
        "spool",
        pytest.param("rabbitmq", marks=pytest.mark.service("rabbitmq")),
        pytest.param("failover", marks=pytest.mark.service("rabbitmq")),
    ]
)
async def opened(request, tmp_path):
    """Opens the same one again and again."""
    url = request.getfixturevalue("amqp_url") if request.param in ("rabbitmq", "failover") else ""
    prefix = f"gridcall-test-{uuid.uuid4().hex[:12]}."

    def rabbit(options):
        return RabbitBroker(url, SystemClock(), prefix=prefix, publish_seconds=10, **options)

    @asynccontextmanager
    async def open_(**options):
        match request.param:
            case "embedded":
                broker = EmbeddedBroker(tmp_path / "queue.db", **options)
                async with running(broker):
                    yield Opened(broker, Durability.BROKER)
            case "spool":
                broker = Spool(tmp_path / "spool", **options)
                async with running(broker):
                    yield Opened(broker, Durability.HOST)
            case "rabbitmq":
                broker = rabbit(options)
                async with running(broker):
                    yield Opened(broker, Durability.BROKER, lambda: len(broker._waiting))
            case "failover":
                within = rabbit(options)
                broker = FailoverBroker(within, Spool(tmp_path / "spool"), SystemClock(), nothing_is_undecided)
                async with running(broker, lambda: broker.link_up):
                    yield Opened(broker, Durability.BROKER, lambda: len(within._waiting))

    yield open_
    if url:
        await delete_queues(url, prefix)


async def test_a_message_comes_out_as_it_went_in(opened):
    async with opened() as at_work:
        await at_work.publish(message("a"))
        [handle] = await at_work.take(1)
        assert handle.message == message("a")
        assert not handle.redelivered
        assert not handle.thrown_out
        await handle.ack()
        await at_work.depth(0)


async def test_what_was_not_acked_comes_again_after_a_restart(opened):
    async with opened() as at_work:
        await at_work.publish(*(message(n) for n in "abc"))
        first, *others = await at_work.take(3)
        await first.ack()
        await at_work.depth(2)
        left = sorted(handle.message.id for handle in others)
    async with opened() as at_work:
        again = await at_work.take(2)
        assert sorted(handle.message.id for handle in again) == left
        assert all(handle.redelivered for handle in again)
        assert not any(handle.thrown_out for handle in again)


async def test_what_is_given_back_comes_again(opened):
    """As often as one likes: it never counts against the message."""
    async with opened() as at_work:
        await at_work.publish(message("a"))
        for _ in range(30):
            [handle] = await at_work.take(1)
            handle.give_back()
        [again] = await at_work.take(1)
        assert again.message.id == "a"
        assert again.redelivered
        assert not again.thrown_out
        await again.ack()
        await at_work.depth(0)


async def test_what_is_let_go_is_not_lost(opened):
    """What is in hands stays there and can be acked, what waits comes again."""
    async with opened() as at_work:
        await at_work.publish(*(message(n) for n in "abc"))
        [held] = await at_work.take(1)
        at_work.broker.let_go()
        at_work.broker.let_go()
        at_work.broker.take_again()
        assert sorted(handle.message.id for handle in [held, *await at_work.take(2)]) == ["a", "b", "c"]
        await held.ack()
        await at_work.depth(2)


async def test_replies_then_lane_0_go_first_and_starve_nobody(opened):
    async with opened() as at_work:
        await at_work.publish(message("late", lane=2))
        await at_work.publish(*(message(f"c{n}") for n in range(20)))
        first = await at_work.take(1)  # with this they begin to come
        await at_work.publish(replace(message("reply"), kind=MessageKind.REPLY))
        await at_work.brought(21)
        order = [handle.message.id for handle in first + await at_work.take(21)]
        assert order[1] == "reply" or order[0] == "late"
        assert order.index("reply") <= 1
        assert order.index("late") in (0, 9)


async def test_a_source_that_sends_much_keeps_no_other_one_waiting_in_its_lane(opened):
    async with opened() as at_work:
        await at_work.publish(*(message(f"c{n}") for n in range(100)))
        await at_work.publish(replace(message("quiet"), source="quiet"))
        first = await at_work.take(1)  # with this they begin to come
        await at_work.brought(100)
        order = [handle.message.id for handle in first + await at_work.take(100)]
        assert order.index("quiet") <= 2
        assert [id_ for id_ in order if id_ != "quiet"] == [f"c{n}" for n in range(100)]


async def test_large_messages_fill_it_too(tmp_path):
    """What waits is in memory: a start after an outage must not end for lack of it."""
    body = bytes(1_000)

    async def filled(broker):
        for n in range(3):
            await broker.publish(replace(message(f"m{n}"), body=body))
        assert broker.fullness() > 1
        with pytest.raises(QueueFull, match="3 messages of 4"):
            await broker.publish(message("one too many"))

    broker = EmbeddedBroker(tmp_path / "queue.db", bytes_limit=4_000)
    async with running(broker):
        await filled(broker)
    broker = EmbeddedBroker(tmp_path / "queue.db", bytes_limit=4_000)
    async with running(broker):
        assert broker.fullness() > 1
        messages = aiter(broker.consume())
        for _ in range(3):
            await (await anext(messages)).ack()
        assert broker.fullness() == 0
        await filled(broker)


async def test_a_full_queue_says_so_and_takes_again_when_emptied(opened):
    async with opened(depth_limit=2) as at_work:
        await at_work.publish(message("a"))
        await at_work.publish(message("b"))
        with pytest.raises(QueueFull):
            await at_work.publish(message("c"))
        for handle in await at_work.take(2):
            await handle.ack()
        await at_work.depth(0)
        await at_work.publish(message("c"))


async def test_one_file_one_process(tmp_path):
    broker = EmbeddedBroker(tmp_path / "queue.db")
    with pytest.raises(SettingsError, match="in use by another Gridcall"):
        EmbeddedBroker(tmp_path / "queue.db")
    await broker.close()


async def test_what_is_done_with_while_the_disk_is_full_is_forgotten_later(tmp_path, monkeypatch):
    """A full disk is no reason to end: who decided about a message goes on to the next, and that one is not lost."""

    def full(self, group):
        raise sqlite3.OperationalError("database or disk is full")

    broker = EmbeddedBroker(tmp_path / "queue.db")
    async with running(broker):
        for name in "abc":
            await broker.publish(message(name))
        with monkeypatch.context() as patched:
            patched.setattr(_Writer, "_write", full)
            await broker.take().ack()
            with pytest.raises(Unavailable):
                await broker.publish(message("d"))
        assert broker.depth() == 3
        await broker.take().ack()
        assert broker.depth() == 1
    async with running(again := EmbeddedBroker(tmp_path / "queue.db")):
        assert again.take().message.id == "c"
        assert again.take() is None


class Trouble:
    """A connection whose next statements fail: one for each of `errors`."""

    def __init__(self, connection, *errors):
        self._connection, self.errors = connection, list(errors)

    def execute(self, *statement):
        if self.errors:
            raise self.errors.pop(0)
        return self._connection.execute(*statement)

    def __getattr__(self, name):
        return getattr(self._connection, name)


@pytest.mark.parametrize(
    "error", [MemoryError(), OverflowError("too large"), sqlite3.OperationalError("disk I/O error")]
)
async def test_whatever_fails_in_the_file_is_heard_of_and_ends_nothing(tmp_path, error):
    broker = EmbeddedBroker(tmp_path / "queue.db")
    async with running(broker), asyncio.timeout(10):
        broker._writer._connection = Trouble(broker._writer._connection, error)
        with pytest.raises(Unavailable, match=str(error) or "MemoryError"):
            await broker.publish(message("a"))
        assert broker.depth() == 0
        await broker.publish(message("b"))
        assert broker.take().message.id == "b"


async def test_what_a_failed_group_left_open_is_rolled_back_before_anything_is_written(tmp_path):
    """Written into it, it would be taken for durable, and gone with the process."""
    broker = EmbeddedBroker(tmp_path / "queue.db")
    async with running(broker), asyncio.timeout(10):
        connection = broker._writer._connection
        connection.execute("BEGIN IMMEDIATE")
        broker._writer._connection = Trouble(connection, *[sqlite3.OperationalError("disk I/O error")] * 2)
        for _ in range(2):
            with pytest.raises(Unavailable, match="disk I/O error"):
                await broker.publish(message("a"))
        await broker.publish(message("b"))
        assert not connection.in_transaction
    async with running(again := EmbeddedBroker(tmp_path / "queue.db")):
        assert again.take().message.id == "b"
        assert again.take() is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_writer_that_dies_ends_the_process(tmp_path, monkeypatch):
    def dies(self, group):
        raise SystemExit

    monkeypatch.setattr(_Writer, "_commit", dies)
    broker = EmbeddedBroker(tmp_path / "queue.db")
    publishing = asyncio.create_task(broker.publish(message("a")))
    with pytest.raises(RuntimeError, match="has died"):
        async with asyncio.timeout(10):
            await broker.run()
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    await broker.close()
