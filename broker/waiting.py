"""Messages that wait in the process to be taken, in the order of lines: replies, lane 0, 1, 2; in a line by turns."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from broker.base import LINES
from broker.turns import Turns

H = TypeVar("H")

# While a line waits, those behind it get one slot in ten, so that a flood starves nobody for ever.
FAIRNESS = 10


class Waiting(Generic[H]):
    """What may be taken together waits in lines; what must be taken `alone`, only while nobody has anything."""

    def __init__(self) -> None:
        self._lines: list[Turns[H]] = [Turns() for _ in range(LINES)]
        self._alone: deque[H] = deque()
        self._changed = asyncio.Event()
        self._taken = 0
        self._hands = 0
        self._one_alone = False

    def add(self, item: H, line: int, source: str) -> None:
        self._lines[line].add(item, source)
        self._changed.set()

    def add_alone(self, item: H) -> None:
        self._alone.append(item)
        self._changed.set()

    def clear(self) -> list[H]:
        """Everything that waits, and it waits no longer."""
        cleared = [*(item for line in self._lines for item in line), *self._alone]
        for line in self._lines:
            line.clear()
        self._alone.clear()
        return cleared

    def __len__(self) -> int:
        return sum(map(len, self._lines)) + len(self._alone)

    async def take(self) -> H:
        while (item := self._next()) is None:
            self._changed.clear()
            await self._changed.wait()
        self._hands += 1
        return item

    def put_down(self) -> None:
        """Somebody is done with what they had taken."""
        self._hands -= 1
        self._one_alone = False if self._hands == 0 else self._one_alone
        self._changed.set()

    def _next(self) -> H | None:
        if self._one_alone:
            return None
        if self._alone:
            if self._hands:
                return None
            self._one_alone = True
            return self._alone.popleft()
        waiting = [line for line in self._lines if line]
        if not waiting:
            return None
        self._taken += 1
        return waiting[-1 if self._taken % FAIRNESS == 0 else 0].take()
