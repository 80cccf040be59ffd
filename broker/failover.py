"""RabbitMQ, else the spool: an event is accepted as long as either takes it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import islice

import structlog

from broker.base import Durability, Handle, Message
from broker.embedded import EmbeddedHandle
from broker.rabbitmq import RabbitBroker
from broker.recent import KEPT, Recent
from broker.spool import Spool
from model.clock import Clock, wake_or
from model.errors import QueueFull, Unavailable
from model.ports import Undecided

log = structlog.get_logger(__name__)

PROBE_SECONDS = 0.1
# A link that was lost again within this time is tried less and less often: each try costs somebody a second.
STEADY = timedelta(seconds=10)
LONGEST_HOLD_SECONDS = 5.0
RESCUE_SECONDS = 1.0
RESCUE_BATCH = 500
DRAIN_BATCH = 64
DRAIN_SECONDS = 0.5
ADOPT_SECONDS = 10.0


class FailoverBroker:
    """Publishes to RabbitMQ while its link is up. After the first missed confirm everything goes to the spool at once,
    until a probe is confirmed; then the spool drains.

    Consumers get what is in RabbitMQ; what is in `spool` is for a router of this process, so that people are told
    meanwhile. `undecided` is asked, when the link is lost, which of the last messages nobody has decided about yet:
    those are spooled too, in case RabbitMQ does not come back with what it confirmed.
    """

    def __init__(self, rabbit: RabbitBroker, spool: Spool, clock: Clock, undecided: Undecided) -> None:
        self._rabbit = rabbit
        self.spool = spool
        self._clock = clock
        self._undecided = undecided
        self._recent = Recent()
        self._lost = asyncio.Event()
        self.link_up = False

    @property
    def queue_up(self) -> bool:
        """RabbitMQ takes messages, as far as is known: who has nothing to publish knows by the connection alone."""
        return self.link_up and self._rabbit.connected

    async def publish(self, message: Message) -> Durability:
        """Raises QueueFull when RabbitMQ, or the spool while it is needed, takes no more."""
        if self.link_up:
            try:
                durable = await self._rabbit.publish(message)
            except Unavailable as error:
                self._lose(error)
            else:
                self._recent.keep(message, self._clock.now())
                return durable
        return await self.spool.publish(message)

    def _lose(self, error: Exception) -> None:
        if self.link_up:
            self.link_up = False
            self._lost.set()
            log.warning("RabbitMQ does not confirm, events go to the spool", error=str(error))

    def consume(self) -> AsyncIterator[Handle]:
        return self._rabbit.consume()

    def let_go(self) -> None:
        self._rabbit.let_go()

    def take_again(self) -> None:
        self._rabbit.take_again()

    def depth(self) -> int:
        return self._rabbit.depth() + self.spool.depth()

    def fullness(self) -> float:
        return max(self._rabbit.fullness(), self.spool.fullness())

    async def refresh(self) -> None:
        await self._rabbit.refresh()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rabbit.run())
            group.create_task(self.spool.run())
            group.create_task(self._watch())
            group.create_task(self._adopt())

    async def _watch(self) -> None:
        """Down, up, down, up, for ever."""
        hold = PROBE_SECONDS
        while True:
            async with asyncio.TaskGroup() as group:
                rescue = group.create_task(self._rescue())
                await self._pause(hold)
                while not await self._rabbit.probe():
                    await self._pause(PROBE_SECONDS)
                rescue.cancel()  # it is back with all it had
            since = self._clock.now()
            self._lost.clear()
            self.link_up = True
            log.info("RabbitMQ confirms", spooled=self.spool.depth())
            await self._drain()
            steady = self._clock.now() - since > STEADY
            hold = PROBE_SECONDS if steady else min(hold * 2, LONGEST_HOLD_SECONDS)

    async def _pause(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=seconds))

    async def _rescue(self) -> None:
        """Spool what RabbitMQ confirmed lately and nobody has decided about, once the connection is gone: while it is
        only slow, what is decided here and there costs twice, and who is behind would be further behind.
        """
        while self._rabbit.connected:
            await self._pause(PROBE_SECONDS)
        # Members are decided in order: a message whose last one is, is done with.
        at_risk = {m.deliveries[-1]: m for m in self._recent.since(self._clock.now() - KEPT)}
        waiting = iter(list(at_risk))
        while batch := list(islice(waiting, RESCUE_BATCH)):
            for delivery in await self._ask(batch):
                try:
                    await self.spool.publish(at_risk[delivery])
                except (QueueFull, Unavailable) as error:
                    log.error("message is in RabbitMQ only, the spool does not take it", error=str(error))

    async def _ask(self, deliveries: list[str]) -> set[str]:
        while True:
            try:
                return await self._undecided(deliveries)
            except Unavailable:
                await self._pause(RESCUE_SECONDS)

    async def _drain(self) -> None:
        """Until the link is lost: what waits in the spool, in nobody's hands or in such as let go, goes to RabbitMQ."""
        at_once = 1  # a RabbitMQ that is about to stop confirms probes and no message: it must not hold back many
        while self.link_up or at_once > 1:
            handles = [handle for _ in range(at_once) if (handle := self.spool.take()) is not None]
            handles += self.spool.lent()
            moved = await asyncio.gather(*map(self._move, handles))
            if at_once == 1 and handles and not any(moved) and not self.link_up:
                self._rabbit.give_up()  # probes are confirmed and no message: what it has may be stuck there as well
            # Who posts may have missed a confirm that was waited for here: one batch follows the first all the same.
            more = handles and all(moved) and (self.link_up or at_once == 1)
            at_once = DRAIN_BATCH if more else 1
            if not handles or not all(moved):
                connected = self._rabbit.connected
                until = self._clock.now() + timedelta(seconds=DRAIN_SECONDS)
                await wake_or(self._clock, self._lost, until)
                if not connected and not self._rabbit.connected:
                    self._lose(Unavailable("there is no connection"))  # also when nobody publishes and misses a confirm

    async def _move(self, handle: EmbeddedHandle) -> bool:
        try:
            await self._rabbit.publish(handle.message, patient=True)
        except QueueFull:
            handle.give_back()
            return False
        except Unavailable as error:
            handle.give_back()
            self._lose(error)
            return False
        except asyncio.CancelledError:
            handle.give_back()
            raise
        self._recent.keep(handle.message, self._clock.now())
        await handle.ack()
        return True

    async def _adopt(self) -> None:
        while True:
            try:
                await self.spool.take_over()
            except (QueueFull, Unavailable) as error:
                log.error("messages of a process that is gone wait", error=str(error))
            await self._pause(ADOPT_SECONDS)

    async def close(self) -> None:
        await self._rabbit.close()
        await self.spool.close()
