"""RabbitMQ goes away and comes back: events are accepted all the time, and none is lost or left behind."""

import asyncio
import sqlite3
import uuid
from contextlib import asynccontextmanager, closing, suppress
from datetime import timedelta

import pytest

from broker.base import Durability
from broker.embedded import EmbeddedBroker, _Writer
from broker.failover import FailoverBroker
from broker.rabbitmq import RabbitBroker
from broker.recent import HEAD_BYTES, KEPT, Recent
from broker.spool import Spool, in_memory
from model.clock import SystemClock
from model.errors import QueueFull, SettingsError, Unavailable
from tests.contract.test_broker import NOW, message, running
from tests.rabbit_node import delete_queues
from tests.tcp_proxy import proxied


class House:
    """A failover with a wire to RabbitMQ that can be cut."""

    def __init__(self, proxy, broker):
        self.proxy = proxy
        self.broker = broker
        self.undecided = set()
        self.database_away = False

    async def ask(self, deliveries):
        if self.database_away:
            raise Unavailable("away")
        return self.undecided & set(deliveries)

    async def until(self, done, seconds=10):
        async with asyncio.timeout(seconds):
            while not done():
                await asyncio.sleep(0.005)

    async def seconds(self, publishing):
        """(durability, how long it took)"""
        began = asyncio.get_running_loop().time()
        return await publishing, asyncio.get_running_loop().time() - began


@pytest.fixture
async def house(amqp_url, tmp_path):
    prefix = f"gridcall-test-{uuid.uuid4().hex[:12]}."
    async with proxied(amqp_url) as proxy:
        clock = SystemClock()
        rabbit = RabbitBroker(proxy.url, clock, prefix=prefix)
        house = House(proxy, None)
        house.broker = FailoverBroker(rabbit, Spool(tmp_path / "spool", depth_limit=100), clock, house.ask)
        async with running(house.broker, lambda: house.broker.link_up):
            yield house
    await delete_queues(amqp_url, prefix)


async def took(messages, count):
    async with asyncio.timeout(10):
        handles = [await anext(messages) for _ in range(count)]
    for handle in handles:
        await handle.ack()
    return sorted(handle.message.id for handle in handles)


@pytest.mark.parametrize("how", ["cut", "hangs"])
async def test_after_the_first_missed_confirm_the_spool_is_used_at_once(house, how):
    """Then the link is back, and the spool drains by itself within a second."""
    broker = house.broker
    assert await broker.publish(message("a")) is Durability.BROKER
    if how == "cut":
        house.proxy.cut(refuse=True)
    else:
        house.proxy.hang(new=True)
    durable, seconds = await house.seconds(broker.publish(message("b")))
    assert durable is Durability.HOST
    assert seconds < 1.5
    assert not broker.link_up
    took_seconds = []
    for n in range(20):
        durable, seconds = await house.seconds(broker.publish(message(f"m{n}")))
        assert durable is Durability.HOST
        took_seconds.append(seconds)
    assert sorted(took_seconds)[10] < 0.010
    assert broker.spool.oldest_at() == NOW
    house.proxy.mend()
    await house.until(lambda: broker.link_up)
    await house.until(lambda: broker.spool.depth() == 0, 1.0)
    assert broker.spool.oldest_at() is None
    wanted = sorted(["a", "b", *(f"m{n}" for n in range(20))])
    messages = aiter(broker.consume())
    found = set()
    while found < set(wanted):
        found |= set(await took(messages, 1))
    assert sorted(found) == wanted
    assert await broker.publish(message("z")) is Durability.BROKER


async def test_what_a_router_has_in_hands_is_not_drained(house):
    broker = house.broker
    house.proxy.cut(refuse=True)
    await broker.publish(message("held"))
    held = await anext(aiter(broker.spool.consume()))
    await broker.publish(message("waits"))
    broker.spool.let_go()
    broker.spool.take_again()  # it can decide again
    house.proxy.mend()
    await house.until(lambda: broker.spool.depth() == 1)
    assert await took(aiter(broker.consume()), 1) == ["waits"]
    await held.ack()
    assert broker.spool.depth() == 0


async def test_what_a_router_without_a_database_has_in_hands_is_drained_all_the_same(house):
    """It goes on trying: what it decides or puts away later was another's meanwhile."""
    broker = house.broker
    house.proxy.cut(refuse=True)
    for name in ("one", "two"):
        await broker.publish(message(name))
    hands = aiter(broker.spool.consume())
    held = [await anext(hands) for _ in range(2)]
    broker.spool.let_go()
    [lent, _] = broker.spool.lent()
    lent.give_back()
    assert broker.spool.take() is None
    house.proxy.mend()
    await house.until(lambda: broker.spool.depth() == 0)
    assert await took(aiter(broker.consume()), 2) == ["one", "two"]
    for handle in held:
        await handle.ack()
    assert broker.spool.depth() == 0
    assert broker.spool.oldest_at() is None


async def test_what_was_confirmed_lately_and_not_decided_is_spooled(house):
    """RabbitMQ may not come back with what it had; the database says what is still to be done, when it can."""
    broker = house.broker
    for name in ("decided", "undecided"):
        assert await broker.publish(message(name)) is Durability.BROKER
    house.undecided = {"undecided-1", "spooled-1"}
    house.database_away = True
    house.proxy.cut(refuse=True)
    await broker.publish(message("spooled"))
    await asyncio.sleep(0.05)
    assert broker.spool.depth() == 1
    house.database_away = False
    await house.until(lambda: broker.spool.depth() == 2)
    assert await took(aiter(broker.spool.consume()), 2) == ["spooled", "undecided"]


async def test_a_confirm_that_comes_late_costs_no_connection_and_no_second_round(house):
    """Who is behind is not thrown further back: one event waits in the spool, what was confirmed stays where it is."""
    broker = house.broker
    assert await broker.publish(message("a")) is Durability.BROKER
    house.undecided = {"a-1"}
    connections = house.proxy.taken
    house.proxy.hang(new=True)
    assert await broker.publish(message("b")) is Durability.HOST
    assert not broker.link_up
    house.proxy.mend()
    await house.until(lambda: broker.link_up)
    await house.until(lambda: broker.spool.depth() == 0)
    await broker.publish(message("c"))
    messages, came = aiter(broker.consume()), []
    while "c" not in came:
        came += await took(messages, 1)
    assert came.count("a") == 1
    assert house.proxy.taken <= connections + 1  # who takes makes a connection of its own, when first asked


async def test_over_a_slow_link_the_spool_drains(house):
    """Slower than who posts an event would wait: others may have the hands that are lacking here."""
    house.proxy.delay_seconds = 0.6
    assert await house.broker.publish(message("a")) is Durability.HOST
    await house.until(lambda: house.broker.spool.depth() == 0)


async def test_the_spool_drains_although_who_posts_meanwhile_misses_a_confirm(house, monkeypatch):
    """Over and over: confirms are slower than somebody waits, and all that moves is confirmed."""
    broker, moved = house.broker, set()

    async def publish(published, *, patient=False):
        if not patient:
            raise Unavailable("RabbitMQ did not confirm in time")
        if broker.link_up:
            await broker.publish(message(f"posted while {published.id} moves"))
        moved.add(published.id)
        return Durability.BROKER

    monkeypatch.setattr(broker._rabbit, "publish", publish)
    names = {f"m{n}" for n in range(20)}
    for name in sorted(names):
        await broker.publish(message(name))
    await house.until(lambda: moved >= names, 2)


async def test_what_moves_to_rabbitmq_stays_when_the_connection_is_cut(house):
    """It is told from here then, and what was confirmed before is spooled at once: nobody waits for a confirm."""
    broker = house.broker
    await broker.publish(message("confirmed"))
    house.undecided = {"confirmed-1"}
    house.proxy.delay_seconds = 0.6
    assert await broker.publish(message("moves")) is Durability.HOST
    await house.until(lambda: broker.link_up)
    house.proxy.cut(refuse=True)
    await house.until(lambda: broker.spool.depth() == 2, 3)
    assert await took(aiter(broker.spool.consume()), 2) == ["confirmed", "moves"]


async def test_what_was_confirmed_is_spooled_although_nothing_more_comes(house):
    """The last event of the evening: nobody publishes after it, and so nobody misses a confirm."""
    await house.broker.publish(message("last"))
    house.undecided = {"last-1"}
    house.proxy.cut(refuse=True)
    await house.until(lambda: house.broker.spool.depth() == 1, 5)
    assert not house.broker.link_up
    assert await took(aiter(house.broker.spool.consume()), 1) == ["last"]


async def test_what_has_moved_to_rabbitmq_is_spooled_again_when_that_goes_away_again(house):
    """It was confirmed like any other, and may be where nobody gets at it."""
    broker = house.broker
    house.proxy.cut(refuse=True)
    assert await broker.publish(message("moved")) is Durability.HOST
    house.proxy.mend()
    await house.until(lambda: broker.link_up and broker.spool.depth() == 0)
    house.undecided = {"moved-1"}
    house.proxy.cut(refuse=True)
    assert await broker.publish(message("next")) is Durability.HOST
    await house.until(lambda: broker.spool.depth() == 2, 3)
    assert await took(aiter(broker.spool.consume()), 2) == ["moved", "next"]


async def test_what_was_confirmed_is_spooled_when_no_message_is_confirmed_any_more(house, monkeypatch):
    """The connection holds and probes are confirmed, but the queue has no majority: it gives nothing out either."""

    async def publish(published, *, patient=False):
        raise Unavailable("RabbitMQ did not confirm")

    broker = house.broker
    await broker.publish(message("confirmed"))
    house.undecided = {"confirmed-1"}
    monkeypatch.setattr(broker._rabbit, "publish", publish)
    assert await broker.publish(message("not confirmed")) is Durability.HOST
    await house.until(lambda: broker.spool.depth() == 2)


async def test_a_full_spool_says_so(house):
    house.proxy.cut(refuse=True)
    for n in range(100):
        await house.broker.publish(message(f"m{n}"))
    with pytest.raises(QueueFull):
        await house.broker.publish(message("one too many"))


@asynccontextmanager
async def spools(folder, count):
    opened = [Spool(folder) for _ in range(count)]
    yield opened
    for spool in opened:
        await spool.close()


async def test_each_process_has_a_file_and_takes_over_those_of_the_dead(tmp_path):
    async with spools(tmp_path, 3) as (living, dead, other):
        for name, spool in (("l", living), ("d", dead), ("o", other)):
            await spool.publish(message(name))
        await dead.close()
        await living.take_over()
        assert living.depth() == 2
        assert sorted(path.name for path in tmp_path.glob("*.db")) == ["0.db", "2.db"]
        assert await took(aiter(living.consume()), 2) == ["d", "l"]
        async with spools(tmp_path, 1) as [successor]:
            await successor.publish(message("s"))
            assert sorted(path.name for path in tmp_path.glob("*.db")) == ["0.db", "1.db", "2.db"]


def damaged(folder):
    (folder / "0.db").write_bytes(b"no database" * 1000)


def somebody_elses(folder):
    (folder / "0.db").touch()
    (folder / "0.lock").mkdir()  # for who may do everything a lock that cannot be opened


def of_another_program(folder):
    with closing(sqlite3.connect(folder / "0.db")) as other:
        other.execute("CREATE TABLE messages (n INTEGER, head BLOB, body BLOB)")
        other.execute("INSERT INTO messages VALUES (1, x'00', x'00')")
        other.commit()


@pytest.mark.parametrize("spoiled", [damaged, somebody_elses, of_another_program])
async def test_a_file_that_cannot_be_used_is_told_and_stops_nobody(tmp_path, spoiled):
    spoiled(tmp_path)
    async with spools(tmp_path, 2) as (first, second):
        await second.publish(message("s"))
        await second.close()
        assert list(first.unusable) == [tmp_path / "0.db"]
        await first.take_over()
        assert await took(aiter(first.consume()), 1) == ["s"]
        assert list(first.unusable) == [tmp_path / "0.db"]
        (tmp_path / "0.db").unlink()
        await first.take_over()
        assert first.unusable == {}


def test_a_folder_that_takes_no_file_is_no_spool(tmp_path, monkeypatch):
    def full(path):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("broker.embedded._open", full)
    with pytest.raises(SettingsError, match="takes no new file: disk I/O error"):
        Spool(tmp_path)


async def test_what_finds_no_room_in_the_spool_stays_where_it_was(tmp_path):
    left = EmbeddedBroker(tmp_path / "queue.db")
    for name in "abc":
        await left.publish(message(name))
    spool = Spool(tmp_path / "spool", depth_limit=1, left_behind=left)
    for _ in range(3):
        with pytest.raises(QueueFull):
            await spool.take_over()
    came = await took(aiter(spool.consume()), 1)
    for _ in range(2):
        with suppress(QueueFull):
            await spool.take_over()
        came += await took(aiter(spool.consume()), 1)
    assert sorted(came) == ["a", "b", "c"]
    assert left.depth() == 0
    await spool.close()


async def test_the_same_message_again_is_in_the_spool_once(tmp_path):
    async with spools(tmp_path, 1) as [spool]:
        for _ in range(2):
            assert await spool.publish(message("a")) is Durability.HOST
        assert spool.depth() == 1
    async with spools(tmp_path, 1) as [spool]:
        await spool.publish(message("a"))
        assert spool.depth() == 1


async def test_what_was_put_away_while_the_disk_was_full_is_given_out_when_it_comes_again(tmp_path, monkeypatch):
    """It moved to RabbitMQ, and that is gone: its row is in the file still, and is to stay there now."""

    def full(self, group):
        raise sqlite3.OperationalError("database or disk is full")

    async with spools(tmp_path, 1) as [spool]:
        await spool.publish(message("again"))
        with monkeypatch.context() as patched:
            patched.setattr(_Writer, "_write", full)
            await spool.take().ack()
        for _ in range(2):
            assert await spool.publish(message("again")) is Durability.HOST
        await spool.publish(message("other"))
        assert await took(aiter(spool.consume()), 2) == ["again", "other"]
        assert spool.depth() == 0
        assert spool.oldest_at() is None


def test_a_folder_in_memory_is_recognised(tmp_path):
    mounts = (
        "/dev/vda / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/vdb /run/data ext4 rw 0 0\ntmpfs /a\\040b tmpfs rw 0 0"
    )
    assert [in_memory(tmp_path.__class__(at), mounts) for at in ("/var/x", "/run/x", "/run/data/x", "/a b/c")] == [
        False,
        True,
        False,
        True,
    ]


def test_what_is_kept_in_memory_has_a_bound_in_time_and_room():
    recent = Recent(kept_bytes=3 * (HEAD_BYTES + 20))
    for n in range(5):
        recent.keep(message(f"m{n}"), NOW + n * timedelta(seconds=1))
    assert [m.id for m in recent.since(NOW)] == ["m2", "m3", "m4"]
    recent.keep(message("late"), NOW + KEPT + timedelta(seconds=4))
    assert [m.id for m in recent.since(NOW)] == ["m4", "late"]
