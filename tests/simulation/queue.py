"""The queue of the simulation: durable at publish, at least once, in lane order; it outlives the processes."""

import asyncio
from collections import deque
from random import Random

from broker.base import Durability, Message
from model.errors import Unavailable
from tests.simulation.chance import Fence
from tests.simulation.faults import Faults
from tests.simulation.mix import Mix

LANES = 3


class Stored:
    """What is durable: it outlives the processes."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}


class SimulatedHandle:
    def __init__(self, queue: "SimulatedQueue", message: Message, redelivered: bool) -> None:
        self._queue = queue
        self.message = message
        self.redelivered = redelivered
        self.thrown_out = False

    async def ack(self) -> None:
        await self._queue.forget(self.message)

    def give_back(self) -> None:
        self._queue.offer(self.message, redelivered=True)


class SimulatedQueue:
    """The Broker port as one process has it; a new process finds everything that was not acked."""

    def __init__(self, stored: Stored, fence: Fence, mix: Mix, random: Random, faults: Faults) -> None:
        self._stored = stored
        self._fence = fence
        self._mix = mix
        self._random = random
        self._faults = faults
        self._ready: list[deque[SimulatedHandle]] = [deque() for _ in range(LANES)]
        self._wake = asyncio.Event()
        for message in stored.messages.values():
            self.offer(message, redelivered=True)

    async def publish(self, message: Message) -> Durability:
        await self._wait()
        if self._strikes(self._mix.queue_before, "queue: away"):
            raise Unavailable("simulated: the queue is away")
        self._faults.may_crash("before a publish")
        self._stored.messages[message.id] = message
        self._faults.may_crash("after a publish")
        self.offer(message, redelivered=False)
        await self._wait()
        if self._strikes(self._mix.queue_after, "queue: answer of a publish lost"):
            raise Unavailable("simulated: the answer to the publish was lost")
        return Durability.BROKER

    def offer(self, message: Message, *, redelivered: bool) -> None:
        self._ready[message.lane].append(SimulatedHandle(self, message, redelivered))
        self._wake.set()

    async def forget(self, message: Message) -> None:
        await self._wait()
        if self._strikes(self._mix.queue_ack, "queue: ack failed"):
            raise Unavailable("simulated: the ack failed")
        self._stored.messages.pop(message.id, None)
        await self._wait()

    def consume(self) -> "SimulatedQueue":
        return self

    def __aiter__(self) -> "SimulatedQueue":
        return self

    async def __anext__(self) -> SimulatedHandle:
        while (handle := self._next()) is None:
            self._wake.clear()
            await self._wake.wait()
        self._fence.goes_on()
        if self._strikes(self._mix.queue_after, "queue: delivered twice"):
            self.offer(handle.message, redelivered=True)
        return handle

    def _next(self) -> SimulatedHandle | None:
        lane = next((lane for lane in self._ready if lane), None)
        return lane.popleft() if lane else None

    def let_go(self) -> None:
        """There is one process at a time: nobody else could have it."""

    def take_again(self) -> None:
        """It never stopped."""

    def depth(self) -> int:
        return len(self._stored.messages)

    def fullness(self) -> float:
        return 0.0

    async def refresh(self) -> None:
        """The depth is always known."""

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        """What is durable stays."""

    async def _wait(self) -> None:
        self._fence.goes_on()
        await asyncio.sleep(self._random.expovariate(1 / self._mix.database_delay))
        self._fence.goes_on()

    def _strikes(self, chance: float, name: str) -> bool:
        return self._faults.strikes(self._random, chance, name)
