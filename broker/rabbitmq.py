"""The queue in RabbitMQ: quorum queues by lane, pipelined confirms, and nothing ever requeued.

Publishing and consuming have a connection each: RabbitMQ holds back who publishes when it is short of memory, and must
not hold back who empties it. A publish whose confirm was lost is repeated and may arrive twice; placing makes that
harmless. A message that is waited with (the database is away) stays un-acked here; none is sent back by itself, since
each return counts against it. Who can decide nothing for seconds lets go of all it holds, by ending the connection.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from uuid import NAMESPACE_OID, uuid5

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError, PublishError
from aiormq import spec

from broker.base import Durability, Message, MessageKind, line
from broker.codec import pack, unpack
from broker.link import Link, Lost, as_lost, new_connection
from broker.topology import DELIVERY_LIMIT, Topology
from broker.waiting import Waiting
from model.clock import Clock
from model.errors import QueueFull, Unavailable

if TYPE_CHECKING:
    from aiormq.channel import Channel as LowerChannel

log = structlog.get_logger(__name__)

PUBLISH_SECONDS = 1.0  # somebody waits
PATIENT_SECONDS = 5.0  # nobody does
LOOK_SECONDS = 2.0
PERSISTENT = 2
HEARTBEAT_SECONDS = 5
# More than one router has hands for, so that it never waits for the network.
PREFETCH = 128
# A message that came back so often is let go no more: the rest of the limit is for what kills whoever takes it.
LET_GO_LIMIT = DELIVERY_LIMIT // 2


@dataclass(frozen=True, slots=True)
class _Sender:
    """A connection that is up, and the lower half of its channel: without the upper one's cost per message."""

    connection: AbstractConnection
    channel: "LowerChannel"


class RabbitHandle:
    """One message, in however many copies RabbitMQ brought it: a lost connection brings it again."""

    def __init__(self, broker: "RabbitBroker", message: Message, copy: AbstractIncomingMessage, *, dead: bool) -> None:
        self._broker = broker
        self._copies = [copy]
        self.message = message
        self.redelivered = bool(copy.redelivered)
        self.alone = dead
        self.thrown_out = dead and self.redelivered

    def also(self, copy: AbstractIncomingMessage) -> None:
        self._copies.append(copy)

    def may_go(self) -> bool:
        """It can come back to RabbitMQ without harm: thrown out it is tried once, and was tried when it comes back."""
        return not self.alone and max(map(_returns, self._copies)) < LET_GO_LIMIT

    async def ack(self) -> None:
        """A copy whose connection is gone comes again, and is recognised then."""
        self._broker.forget(self)
        for copy in self._copies:
            try:
                with as_lost():
                    await copy.ack()
            except Lost as error:
                log.debug("ack lost", message=self.message.id, error=str(error))

    def give_back(self) -> None:
        """To ourselves: RabbitMQ would count it as a failed delivery."""
        self._broker.offer_again(self)


def _returns(copy: AbstractIncomingMessage) -> int:
    """How often RabbitMQ has had it back from somebody."""
    count = copy.headers.get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


async def server_at(url: str, clock: Clock) -> str:
    """ "RabbitMQ 3.10.8". Raises Unavailable with what is wrong."""
    connection = new_connection(url, "gridcall doctor", HEARTBEAT_SECONDS)
    try:
        async with clock.timeout(LOOK_SECONDS):
            with as_lost():
                await connection.connect()
            assert connection.transport is not None
            about = connection.transport.connection.server_properties
            named = [about.get(name, b"") for name in ("product", "version")]
            return " ".join(part.decode() if isinstance(part, bytes) else str(part) for part in named)
    except Lost as error:
        raise Unavailable(str(error)) from error
    except TimeoutError:
        raise Unavailable(f"no answer within {LOOK_SECONDS:g} s") from None
    finally:
        await connection.close()


class RabbitBroker:
    """`run` connects and stays connected. Until then, and while it is away, publishing waits and gives up in time."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        prefix: str = "",
        depth_limit: int = 100_000,
        publish_seconds: float = PUBLISH_SECONDS,
        heartbeat_seconds: int = HEARTBEAT_SECONDS,
    ) -> None:
        self._clock = clock
        self._topology = Topology(prefix, depth_limit)
        self._depth_limit = depth_limit
        self._publish_seconds = publish_seconds
        self._sending = Link(url, "gridcall sends", clock, self._can_send, heartbeat_seconds=heartbeat_seconds)
        self._taking = Link(url, "gridcall takes", clock, self._can_take, heartbeat_seconds=heartbeat_seconds)
        self._sender: _Sender | None = None
        self._up = asyncio.Event()
        self._waiting: Waiting[RabbitHandle] = Waiting()
        self._handles: dict[str, RabbitHandle] = {}
        self._counts: dict[str, int] = {}

    async def run(self) -> None:
        try:
            self._sending.want()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sending.run())
                group.create_task(self._taking.run())
        finally:
            self._up.clear()

    @property
    def connected(self) -> bool:
        """There is a link on which messages can be sent."""
        return self._up.is_set()

    # --- sending ----------------------------------------------------------------------------------------------------

    async def _can_send(self, connection: AbstractConnection) -> None:
        await self._topology.declare(connection)
        # Without the second word a message that no queue takes would count as confirmed.
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        sender = _Sender(connection, cast("LowerChannel", await channel.get_underlay_channel()))
        for callbacks in (channel.close_callbacks, connection.close_callbacks):
            callbacks.add(lambda *_: self._cannot_send(sender))
        self._sender = sender
        self._up.set()

    def _cannot_send(self, sender: _Sender) -> None:
        if self._sender is sender:
            self._sender = None
            self._up.clear()
            self._sending.drop(sender.connection)

    async def publish(self, message: Message, *, patient: bool = False) -> Durability:
        """Raises QueueFull, or Unavailable: then it is not known whether RabbitMQ has it. A confirm that does not
        come in time may come later: whether the link is any good is for `probe` to find out.
        """
        queue, body = self._topology.queue_of(message), pack(message)
        seconds = PATIENT_SECONDS if patient else self._publish_seconds
        properties = spec.Basic.Properties(
            delivery_mode=PERSISTENT, message_id=message.id, message_type=str(message.kind)
        )
        try:
            async with self._clock.timeout(seconds):
                while True:
                    if patient and not self.connected:
                        raise Unavailable("RabbitMQ is away")  # what is moved can stay where it is
                    await self._up.wait()
                    if (sender := self._sender) is None:
                        continue  # it was up when we were woken
                    try:
                        with as_lost():
                            # `wait` would let each one wait until the one before is written.
                            await sender.channel.basic_publish(
                                body, routing_key=queue, properties=properties, mandatory=True, wait=False
                            )
                        return Durability.BROKER
                    except Lost as error:
                        await self._refused(error, queue, sender)
        except TimeoutError:
            raise Unavailable(f"RabbitMQ did not confirm within {seconds:g} s") from None

    async def _refused(self, error: Lost, queue: str, sender: _Sender) -> None:
        """Returns when it is worth another try: the link was cut, and the first publish after that always fails."""
        if isinstance(error.__cause__, PublishError):
            self._cannot_send(sender)  # the next connection makes the queue again
            raise Unavailable(f"RabbitMQ has no queue {queue}") from error
        if isinstance(error.__cause__, DeliveryError):
            await self.refresh()
            if self._counts.get(queue, 0) * 2 > self._depth_limit:
                raise QueueFull(self._counts[queue]) from error
            raise Unavailable(f"RabbitMQ refused a message for {queue}") from error
        self._cannot_send(sender)

    async def probe(self) -> bool:
        """Does it confirm? Asked with a message that goes nowhere. A link on which no answer comes is given up, but not
        soon: it may be our own process that is slow.
        """
        sender = self._sender
        if sender is None:
            return False
        try:
            async with self._clock.timeout(PATIENT_SECONDS):
                with as_lost():
                    await sender.channel.basic_publish(b"", routing_key=f"{self._topology.dead}.nowhere", wait=False)
        except (Lost, TimeoutError):
            self._cannot_send(sender)
            return False
        return True

    def give_up(self) -> None:
        """The link is no good, whatever its probes say: make another one."""
        if self._sender is not None:
            self._cannot_send(self._sender)

    # --- taking -----------------------------------------------------------------------------------------------------

    async def _can_take(self, connection: AbstractConnection) -> None:
        self._forget_waiting()
        await self._topology.declare(connection)
        channel = await connection.channel()
        channel.close_callbacks.add(lambda *_: self._taking.drop(connection))
        # A queue that is deleted ends its consumer and nothing else: the next connection makes both again.
        lower = cast("LowerChannel", await channel.get_underlay_channel())
        lower.on_consumer_cancel_callbacks.add(lambda _: self._taking.drop(connection))
        for name in self._topology.names:
            await self._take_from(channel, name, dead=name == self._topology.dead)

    def _forget_waiting(self) -> None:
        """Their connection is gone; they come again."""
        for handle in self._waiting.clear():
            self._handles.pop(handle.message.id, None)

    async def _take_from(self, channel: AbstractChannel, name: str, *, dead: bool) -> None:
        async def arrived(copy: AbstractIncomingMessage) -> None:
            self._arrived(copy, dead=dead)

        await channel.set_qos(prefetch_count=1 if dead else PREFETCH)  # for the consumer that begins next
        queue = await channel.get_queue(name, ensure=False)
        await queue.consume(arrived)

    def _arrived(self, copy: AbstractIncomingMessage, *, dead: bool) -> None:
        if not self._taking.wanted:
            return  # its connection is about to end
        try:
            message, foreign = unpack(copy.body), False
        except ValueError as error:
            log.warning("a message in our queue is none of ours", queue=copy.routing_key, error=str(error))
            message, foreign = self._foreign(copy), True
        if (known := self._handles.get(message.id)) is not None:
            known.also(copy)
            return
        handle = self._handles[message.id] = RabbitHandle(self, message, copy, dead=dead)
        handle.thrown_out |= foreign
        self._wait(handle)

    def _foreign(self, copy: AbstractIncomingMessage) -> Message:
        """What nobody can unpack, as a message of ours that people are told about; the same bytes get the same id."""
        name = str(uuid5(NAMESPACE_OID, hashlib.sha256(copy.body).hexdigest()))
        return Message(
            id=name,
            kind=MessageKind.UNREADABLE,
            source="rabbitmq",
            format="unknown",
            lane=0,
            body=copy.body,
            received_at=self._clock.now(),
            deliveries=(name,),
            signature="none: it was put into the queue by somebody else",
        )

    def _wait(self, handle: RabbitHandle) -> None:
        if handle.alone:
            self._waiting.add_alone(handle)
        else:
            self._waiting.add(handle, line(handle.message), handle.message.source)

    async def consume(self) -> AsyncIterator[RabbitHandle]:
        self._taking.want()
        while True:
            yield await self._waiting.take()

    def let_go(self) -> None:
        """With one message in it that must not go, all stay."""
        if self._taking.wanted and all(handle.may_go() for handle in self._handles.values()):
            log.warning("what we hold goes back to RabbitMQ, for other routers", messages=len(self._handles))
            self._taking.rest()
            self._forget_waiting()

    def take_again(self) -> None:
        self._taking.want()

    def forget(self, handle: RabbitHandle) -> None:
        """Nobody has it in hands any more."""
        del self._handles[handle.message.id]
        self._waiting.put_down()

    def offer_again(self, handle: RabbitHandle) -> None:
        handle.redelivered = True
        self._wait(handle)
        self._waiting.put_down()

    # --- looking ----------------------------------------------------------------------------------------------------

    def depth(self) -> int:
        """What RabbitMQ has for anybody, as of the last look, and what it has given to us."""
        return sum(self._counts.values()) + len(self._handles)

    def fullness(self) -> float:
        return self.depth() / self._depth_limit

    async def refresh(self) -> None:
        if self._sender is None:
            return
        try:
            async with self._clock.timeout(LOOK_SECONDS):
                with as_lost():
                    await self._count(self._sender.connection)
        except (Lost, TimeoutError) as error:
            log.debug("the queues cannot be counted now", error=str(error))

    async def _count(self, connection: AbstractConnection) -> None:
        async with connection.channel() as channel:
            for name in self._topology.names:
                found = await channel.declare_queue(name, passive=True)
                self._counts[name] = found.declaration_result.message_count or 0

    async def close(self) -> None:
        await self._sending.close()
        await self._taking.close()
