"""One after the other, source by source: who sends much keeps nobody waiting who sends little."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

H = TypeVar("H")


class Turns(Generic[H]):
    """What waits, in the order it came for each source; a source that had its turn goes behind the others."""

    def __init__(self) -> None:
        self._of: dict[str, deque[H]] = {}  # never an empty one; the first has the next turn
        self._count = 0

    def add(self, item: H, source: str) -> None:
        self._of.setdefault(source, deque()).append(item)
        self._count += 1

    def take(self) -> H:
        """Raises StopIteration when nothing waits."""
        source = next(iter(self._of))
        waiting = self._of.pop(source)
        item = waiting.popleft()
        if waiting:
            self._of[source] = waiting
        self._count -= 1
        return item

    def clear(self) -> None:
        self._of.clear()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[H]:
        return (item for waiting in self._of.values() for item in waiting)
