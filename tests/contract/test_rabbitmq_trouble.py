"""What RabbitMQ and the way to it may do to us: nothing that was confirmed is lost, and nobody waits for ever."""

import asyncio
import itertools
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta

import aio_pika
import httpx2
import pytest
from sqlalchemy import func, select

from broker.base import Durability
from broker.link import Lost, as_lost, new_connection
from broker.rabbitmq import LET_GO_LIMIT, RabbitBroker
from broker.topology import DELIVERY_LIMIT
from intake.examples import example
from model.clock import SystemClock
from model.errors import Unavailable
from model.reading import Reading
from routing import router as routing_router
from routing.router import Router
from store.tables import deliveries, unreadables
from tests import demo_process
from tests.contract.test_broker import message, running
from tests.databases import in_memory
from tests.rabbit_node import delete_queues
from tests.tcp_proxy import proxied
from tests.unit.routing.house import ROSTER, CountingIds, content


@pytest.fixture
def prefix():
    return f"gridcall-test-{uuid.uuid4().hex[:12]}."


@pytest.fixture
async def url(amqp_url, prefix):
    yield amqp_url
    await delete_queues(amqp_url, prefix)


@asynccontextmanager
async def opened(url, prefix, **options):
    broker = RabbitBroker(url, SystemClock(), prefix=prefix, **{"publish_seconds": 10} | options)
    async with running(broker):
        yield broker


async def ids_until(broker, wanted: set[str]) -> list[str]:
    """Everything that comes until all of `wanted` has come."""
    came = []
    async with asyncio.timeout(20):
        async for handle in broker.consume():
            came.append(handle.message.id)
            await handle.ack()
            if wanted <= set(came):
                return came
    return came


async def test_a_message_no_queue_takes_is_not_confirmed(url, prefix):
    """The queue was deleted: the sender hears it, and the next connection makes the queue again."""
    async with opened(url, prefix) as broker:
        await broker.publish(message("a"))
        await delete_queues(url, prefix)
        with pytest.raises(Unavailable, match=r"RabbitMQ has no queue .*events\.0"):
            await broker.publish(message("b"))
        assert await broker.publish(message("c")) is Durability.BROKER
        assert await ids_until(broker, {"c"}) == ["c"]


async def test_a_queue_deleted_under_who_takes_is_made_again(url, prefix):
    async with opened(url, prefix) as broker:
        messages = aiter(broker.consume())
        await broker.publish(message("a"))
        async with asyncio.timeout(10):
            await (await anext(messages)).ack()
            await delete_queues(url, prefix)
            while True:
                try:
                    await broker.publish(message("b"))
                    break
                except Unavailable:
                    continue
            assert (await anext(messages)).message.id == "b"


async def test_the_link_is_cut_while_many_publish(url, prefix):
    """Each publish ends well, and each message is there; some perhaps twice, which placing makes harmless."""
    async with proxied(url) as proxy, opened(proxy.url, prefix) as broker:
        await broker.publish(message("first"))
        names = [f"m{n}" for n in range(300)]
        publishing = [asyncio.ensure_future(broker.publish(message(name))) for name in names]
        for seen in (50, 150):
            async with asyncio.timeout(10):
                while sum(p.done() for p in publishing) < seen:
                    await asyncio.sleep(0)
            proxy.cut()
        assert set(await asyncio.gather(*publishing)) == {Durability.BROKER}
        assert proxy.taken >= 3
        assert set(await ids_until(broker, set(names))) >= set(names)


async def test_the_link_is_cut_under_who_takes(url, prefix):
    """What was in hands comes again, and is not handed out a second time while it still is in hands."""
    async with proxied(url) as proxy, opened(proxy.url, prefix) as broker:
        await broker.publish(message("a"))
        messages = aiter(broker.consume())
        async with asyncio.timeout(10):
            held = await anext(messages)
        proxy.cut()
        await broker.publish(message("b"))
        async with asyncio.timeout(10):
            other = await anext(messages)
        assert other.message.id == "b"
        async with asyncio.timeout(10):
            while len(held._copies) < 2:
                await asyncio.sleep(0.01)
        await held.ack()
        await other.ack()
        async with asyncio.timeout(10):
            while broker.depth():
                await broker.refresh()
                await asyncio.sleep(0.01)


async def test_what_one_lets_go_another_gets(url, prefix):
    """All of it, in hands or not, and nothing more comes here until it is wanted."""
    async with opened(url, prefix) as broker, opened(url, prefix) as other:
        await asyncio.gather(*(broker.publish(message(f"m{n}")) for n in range(200)))
        messages = aiter(broker.consume())
        async with asyncio.timeout(10):
            held = await anext(messages)
        broker.let_go()
        assert len(await ids_until(other, {f"m{n}" for n in range(200)})) == 200
        await broker.publish(message("later"))
        assert await ids_until(other, {"later"}) == ["later"]
        await held.ack()  # known as decided by whoever had it
        taking = asyncio.ensure_future(anext(messages))
        await other.refresh()
        assert other.depth() == 0
        broker.take_again()
        other.let_go()
        await broker.publish(message("last"))
        async with asyncio.timeout(10):
            assert (await taking).message.id == "last"


async def test_letting_go_never_uses_up_the_limit_of_deliveries(url, prefix):
    """However often the database goes: what has come back half as often as it may stays where it is."""
    async with opened(url, prefix) as broker:
        await broker.publish(message("a"))
        async with asyncio.timeout(20):
            held = await anext(aiter(broker.consume()))
            for brought in itertools.count(1):
                while len(held._copies) < brought:
                    await asyncio.sleep(0.01)
                broker.let_go()
                if broker._taking.wanted:
                    break
                broker.take_again()
        assert brought - 1 == LET_GO_LIMIT < DELIVERY_LIMIT
        await held.ack()


async def test_what_is_tried_alone_is_not_let_go(url, prefix):
    """It would be taken for what killed again whoever tried it, and not be decided any more."""
    async with opened(url, prefix) as broker:
        await broker.publish(message("poison"))
        await until_thrown_out(url, prefix)
        async with asyncio.timeout(10):
            handle = await anext(aiter(broker.consume()))
        broker.let_go()
        assert broker._taking.wanted
        await handle.ack()


class Away:
    """A database, or the way to it from here."""

    def __init__(self, database):
        self._database = database
        self.at_once = 4
        self.away = True

    async def transact(self, fn):
        if self.away:
            raise Unavailable("no route to host")
        return await self._database.transact(fn)


async def test_a_router_that_alone_has_lost_its_database_leaves_its_messages_to_another(url, prefix, monkeypatch):
    """Each is decided once, by the other router; and when the database answers again, the first one takes its share."""
    monkeypatch.setattr(routing_router, "LET_GO_AFTER", timedelta(seconds=0.2))
    monkeypatch.setattr(routing_router, "RETRY_SECONDS", 0.05)
    database = in_memory()
    lonely = Away(database)

    def read(message, roster):
        id_ = message.id
        return [Reading(event_id=id_, revision=1, content=content(), key="k", own_digest=f"d-{id_}", parsed={})]

    async def decided(count):
        count_of = select(func.count()).select_from(deliveries)
        async with asyncio.timeout(10):
            while await database.read(lambda conn: conn.scalar(count_of)) < count:
                await asyncio.sleep(0.01)

    async with opened(url, prefix) as first, opened(url, prefix) as second:
        await asyncio.gather(*(first.publish(message(f"m{n}")) for n in range(20)))
        ids = CountingIds()
        routing = [asyncio.create_task(Router(first, lonely, SystemClock(), ids, lambda: ROSTER, read).run())]
        async with asyncio.timeout(10):
            while len(first._handles) < 20:  # all are held by who cannot decide
                await asyncio.sleep(0.01)
        routing.append(asyncio.create_task(Router(second, database, SystemClock(), ids, lambda: ROSTER, read).run()))
        await decided(20)

        lonely.away = False
        async with asyncio.timeout(10):
            while first._handles or not first._taking.wanted:  # what it had in hands is known as decided
                await asyncio.sleep(0.01)
        second.let_go()
        await first.publish(message("again"))
        await decided(21)
        for task in routing:
            task.cancel()
        await asyncio.gather(*routing, return_exceptions=True)
    await database.close()


@pytest.mark.long
async def test_a_link_that_hangs_is_noticed(url, prefix):
    """Who publishes hears it after the publish time-out, who takes is connected again after missed heartbeats."""
    async with proxied(url) as proxy, opened(proxy.url, prefix, publish_seconds=0.5, heartbeat_seconds=1) as broker:
        await broker.publish(message("a"))
        messages = aiter(broker.consume())
        async with asyncio.timeout(20):
            await (await anext(messages)).ack()
            proxy.hang(new=False)
            with pytest.raises(Unavailable, match=r"did not confirm within 0\.5 s"):
                await broker.publish(message("b"))
            assert not await broker.probe()
            async with opened(url, prefix) as healthy:
                await healthy.publish(message("c"))
            while (await anext(messages)).message.id != "c":
                pass
        await broker.publish(message("d"))


async def test_a_slow_link_does_not_make_them_wait_for_each_other(url, prefix):
    """Confirms are pipelined: fifty at once take no longer than a few of them would one after another."""
    async with proxied(url) as proxy, opened(proxy.url, prefix) as broker:
        await broker.publish(message("first"))
        proxy.delay_seconds = 0.05
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(broker.publish(message(f"m{n}")) for n in range(50)))
        assert asyncio.get_running_loop().time() - began < 50 * 2 * 0.05 / 2


async def until_thrown_out(url, prefix) -> int:
    """Take the message and die over it, until it does not come back. Returns how often it came."""
    came = 0
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        queue = await channel.get_queue(f"{prefix}events.0")
        dead = await channel.get_queue(f"{prefix}events.dead")
        async with asyncio.timeout(20):
            while (await dead.channel.declare_queue(dead.name, passive=True)).declaration_result.message_count == 0:
                if (got := await queue.get(fail=False)) is not None:
                    came += 1
                    await got.reject(requeue=True)
    return came


async def test_poison_is_thrown_out_tried_alone_and_told_once(url, prefix):
    async with opened(url, prefix) as broker:
        await broker.publish(message("poison"))
        assert await until_thrown_out(url, prefix) == DELIVERY_LIMIT + 1

    # Alone: not while anything else is in hands, and nothing else while it is. Here it kills once more.
    async with opened(url, prefix) as broker:
        await broker.publish(message("other"))
        messages = aiter(broker.consume())
        async with asyncio.timeout(10):
            first = await anext(messages)
            if first.message.id == "poison":
                poison = first
            else:
                while not len(broker._waiting):
                    await asyncio.sleep(0.01)
                taking = asyncio.ensure_future(anext(messages))
                await asyncio.sleep(0.05)
                assert not taking.done()
                await first.ack()
                poison = await taking
        assert (poison.message.id, poison.thrown_out) == ("poison", False)

    database = in_memory()

    def never(message, roster):
        assert message.id != "poison", "it must not be decided again"
        return []

    async with opened(url, prefix) as broker:
        router = Router(broker, database, SystemClock(), CountingIds(), lambda: ROSTER, never)
        routing = asyncio.create_task(router.run())
        count = select(func.count()).select_from(unreadables)
        async with asyncio.timeout(10):
            while not await database.read(lambda conn: conn.scalar(count)) or broker.depth():
                await broker.refresh()
                await asyncio.sleep(0.01)
        routing.cancel()
        await asyncio.gather(routing, return_exceptions=True)
        assert await database.read(lambda conn: conn.scalar(count)) == 1
    await database.close()


async def test_what_somebody_else_put_into_our_queue_is_told(url, prefix):
    async with opened(url, prefix) as broker:
        await broker.publish(message("a"))
        async with await aio_pika.connect(url) as connection, connection.channel() as channel:
            await channel.default_exchange.publish(aio_pika.Message(b"hello?"), f"{prefix}events.1")
        messages = aiter(broker.consume())
        async with asyncio.timeout(10):
            found = {handle.thrown_out: handle for handle in [await anext(messages), await anext(messages)]}
        assert found[False].message.id == "a"
        assert found[True].message.body == b"hello?"


@pytest.mark.long
async def test_the_node_is_stopped_and_started(rabbit_node):
    """While twenty publish, one message after another: what is confirmed, before, during or after it, is there."""
    numbers = itertools.count()
    confirmed: list[str] = []
    over = asyncio.Event()

    async def publish(broker):
        while not over.is_set():
            number = next(numbers)
            name = f"m{number}"
            while True:
                try:
                    await broker.publish(message(name, lane=number % 3))
                    break
                except Unavailable:
                    continue
            confirmed.append(name)

    async def until_confirmed(more):
        wanted = len(confirmed) + more
        async with asyncio.timeout(20):
            while len(confirmed) < wanted:
                await asyncio.sleep(0.01)

    async with opened(rabbit_node.url, "", publish_seconds=2) as broker:
        async with asyncio.TaskGroup() as publishing:
            for _ in range(20):
                publishing.create_task(publish(broker))
            await until_confirmed(100)
            await asyncio.to_thread(rabbit_node.stop)
            await asyncio.to_thread(rabbit_node.start)
            await until_confirmed(100)
            over.set()
        assert set(await ids_until(broker, set(confirmed))) == set(confirmed)


def figures(demo) -> dict[str, float]:
    lines = httpx2.get(f"{demo.api}/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def post(demo, event_id) -> dict:
    bearer = {"authorization": "Bearer demo-upstream", "prefer": "wait=5"}
    event = example("edr", SystemClock().now(), event_id)
    answer = httpx2.post(f"{demo.api}/v1/events", json=event, headers=bearer, timeout=10)
    assert answer.status_code == 202, answer.text
    return answer.json()


def rung(demo) -> Counter:
    """How often each phone rang, by event."""
    calls = [m for m in demo.messages() if (m["channel"], m["event"]) == ("voice", "queued")]
    return Counter(m["to"] for m in calls)


def outcome(demo, event_id) -> str | None:
    bearer = {"authorization": "Bearer demo-operator"}
    found = httpx2.get(f"{demo.api}/v1/events/miso/{event_id}", headers=bearer).json()
    return (found.get("verdict") or {}).get("outcome")


def met(demo, event_id, durable) -> Counter:
    """Post it; a phone rings, its key counts, and nobody was called twice for it. Returns all calls so far."""
    before = rung(demo)
    answer = post(demo, event_id)
    assert (answer["durable"], answer["rings"]) == (durable, True)
    demo_process.until(f"{event_id} is accepted", 25, lambda: outcome(demo, event_id) == "met")
    calls = rung(demo) - before
    assert calls
    assert set(calls.values()) == {1}
    return rung(demo)


@pytest.mark.long
def test_gridcall_goes_on_while_rabbitmq_is_stopped(rabbit_node, tmp_path):
    """Stopped: 202 with `durable: host`, phones ring, the answer counts. Started: nothing left, nobody rung twice."""
    with demo_process.running(tmp_path, GRIDCALL_AMQP_URL=rabbit_node.url) as demo:
        demo_process.until("the link is up", 10, lambda: figures(demo)["gridcall_queue_up"])
        rabbit_node.stop()
        calls = met(demo, "E-1", "host")
        assert not figures(demo)["gridcall_queue_up"]
        ready = httpx2.get(f"{demo.api}/readyz")
        assert ready.status_code == 200
        assert "RabbitMQ does not confirm" in ready.json()["remarks"][0]
        rabbit_node.start()
        demo_process.until("the link is up", 10, lambda: figures(demo)["gridcall_queue_up"])
        demo_process.until("nothing waits", 5, lambda: not figures(demo)["gridcall_queue_depth"])
        assert rung(demo) == calls
        assert post(demo, "E-2")["durable"] == "broker"
        assert figures(demo)["gridcall_spool_depth"] == 0


async def test_the_clients_word_for_the_end_of_a_stream_is_a_lost_link():
    """A balancer without a RabbitMQ behind it takes connections and closes them before a word was said."""
    with pytest.raises(Lost), as_lost():
        raise StopAsyncIteration


async def test_a_connection_that_ended_before_its_first_channel_is_a_lost_link(amqp_url):
    """RabbitMQ was stopped in between: the client says that with a bare RuntimeError."""
    connection = new_connection(amqp_url, "test", 5)
    await connection.connect()
    await connection.transport.connection.close()
    with pytest.raises(Lost, match="closed"), as_lost():
        await connection.channel()
    with pytest.raises(RuntimeError, match="ours"), as_lost():
        raise RuntimeError("a mistake of ours")
    await connection.close()
