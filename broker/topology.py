"""The queues at RabbitMQ: durable, replicated (quorum), with a limit that refuses, and a place for what kills us."""

from typing import Any

import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelPreconditionFailed

from broker.base import LANES, Message, MessageKind

log = structlog.get_logger(__name__)

# How often a message may come back from consumers that died over it.
DELIVERY_LIMIT = 20
# There is no "never" that 3.10 and 4.x both understand: whatever dies over these as well is told about, not dropped.
_NEVER = 1_000_000


class Topology:
    """Names and arguments. `prefix` keeps tests that share a server apart."""

    def __init__(self, prefix: str, depth_limit: int) -> None:
        self._prefix = prefix
        self._depth_limit = depth_limit
        self.dead = f"{prefix}events.dead"
        self.replies = f"{prefix}replies"
        self.lanes = tuple(f"{prefix}events.{lane}" for lane in range(LANES))
        self.names = (self.replies, *self.lanes, self.dead)

    def queue_of(self, message: Message) -> str:
        return self.replies if message.kind is MessageKind.REPLY else self.lanes[message.lane]

    async def declare(self, connection: AbstractConnection) -> None:
        """Make what is missing. Raises ChannelPreconditionFailed when a queue of that name is of another kind."""
        await self._declare(connection, self.dead, {"x-delivery-limit": _NEVER})
        for name in (self.replies, *self.lanes):
            await self._declare(
                connection,
                name,
                {
                    "x-delivery-limit": DELIVERY_LIMIT,
                    "x-overflow": "reject-publish",
                    # RabbitMQ refuses when there are more than that, so the last one it takes is one more.
                    "x-max-length": self._depth_limit - 1,
                    "x-dead-letter-exchange": "",
                    "x-dead-letter-routing-key": self.dead,
                    "x-dead-letter-strategy": "at-least-once",
                },
            )

    async def _declare(self, connection: AbstractConnection, name: str, arguments: dict[str, Any]) -> None:
        try:
            async with connection.channel() as channel:
                await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"} | arguments)
        except ChannelPreconditionFailed as error:
            # The limit was another one when the queue was made. A queue cannot be changed, a policy can lower it.
            if "'x-max-length'" not in str(error):
                raise
            log.warning("queue keeps the length limit it was made with", queue=name, error=str(error))
