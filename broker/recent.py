"""What was handed to RabbitMQ lately, kept in memory: should it be gone, it can be handed on again."""

from collections import deque
from datetime import datetime, timedelta

from broker.base import Message

KEPT = timedelta(minutes=10)
KEPT_BYTES = 64 * 1024 * 1024
# What a message costs beside its body, roughly.
HEAD_BYTES = 2_000


class Recent:
    """The oldest goes first when time or room is over."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._messages: deque[tuple[datetime, Message]] = deque()
        self._bytes = 0
        self._kept_bytes = kept_bytes

    def keep(self, message: Message, now: datetime) -> None:
        self._messages.append((now, message))
        self._bytes += _size(message)
        while self._messages and (self._bytes > self._kept_bytes or self._messages[0][0] < now - KEPT):
            self._bytes -= _size(self._messages.popleft()[1])

    def since(self, at: datetime) -> list[Message]:
        return [message for kept_at, message in self._messages if kept_at >= at]


def _size(message: Message) -> int:
    return len(message.body) + HEAD_BYTES
