"""The Broker port: what is published is durable; what is not acked is delivered again."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

LANES = 3
LINES = LANES + 1


class MessageKind(StrEnum):
    EVENT = "event"
    UNREADABLE = "unreadable"
    REPLY = "reply"
    CANARY = "canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One POST as it came, with what was known at the door.

    `deliveries` has one id per member (a list or batch has several). `headers` are lower-cased and without
    credentials. `signature`: the verdict on the sender's credential, in words. `format` is the feed's.
    `deadline_at`: what the door promised; the router takes the sooner. `trace`: the W3C traceparent of its publication,
    parent of all that is done about it later; empty when nobody traces it.
    """

    id: str
    kind: MessageKind
    source: str
    format: str
    lane: int
    body: bytes
    received_at: datetime
    deliveries: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    sender: str = ""
    signature: str = ""
    key_id: str | None = None
    request_id: str = ""
    truncated: bool = False
    deadline_at: datetime | None = None
    replay_of: str | None = None
    trace: str = ""


def line(message: Message) -> int:
    """Where it stands in the order of things: replies before everything, then the lanes."""
    return 0 if message.kind is MessageKind.REPLY else message.lane + 1


class Durability(StrEnum):
    """Where a published message is safe."""

    BROKER = "broker"
    HOST = "host"


class Handle(Protocol):
    """A message in somebody's hands, until it is acked or given back.

    `thrown_out`: whoever tried it died of it, over and over, and once more when it was tried alone. It must not be
    decided again, only kept and told about.
    """

    message: Message
    redelivered: bool
    thrown_out: bool

    async def ack(self) -> None:
        """Done with; never delivered again."""

    def give_back(self) -> None:
        """Deliver it again, soon, to whoever asks."""


class Publisher(Protocol):
    async def publish(self, message: Message) -> Durability:
        """Return when the message is durable. Raises QueueFull, or Unavailable when it could not be made durable."""


class Broker(Publisher, Protocol):
    def consume(self) -> AsyncIterator[Handle]:
        """Messages in lane order, each in one pair of hands at a time, for ever."""

    def let_go(self) -> None:
        """We cannot decide anything: what is held may go to others, and nothing more is taken until `take_again`.

        What is in hands stays there too: who has it goes on trying. Where nobody else could have it, nothing changes.
        """

    def take_again(self) -> None:
        """The end of `let_go`."""

    def depth(self) -> int:
        """Messages not acked yet, as of the last look."""

    def fullness(self) -> float:
        """The share of what it may hold that it holds, as of the last look."""

    async def refresh(self) -> None:
        """Look how many there are; called each second. A failed look keeps the last one's answer."""

    async def run(self) -> None:
        """What the queue does by itself, such as connecting. For ever."""

    async def close(self) -> None:
        """What is durable stays so; hands are empty afterwards."""
