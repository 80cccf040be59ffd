"""Wake-ups: who waits for what in this process. A signal goes out only when its transaction has committed."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

DISPATCH = "dispatch"
REVISE = "revise"
RECONCILE = "reconcile"
TIMELINE = "timeline"

_KEY = "gridcall_signals"


def delivery(delivery_id: str) -> str:
    """The topic of one delivery: fired when the router has decided about it."""
    return f"delivery/{delivery_id}"


def signal(conn: Connection, topic: str) -> None:
    """Wake those who wait for `topic` once this transaction has committed."""
    conn.info.setdefault(_KEY, set()).add(topic)


def take(conn: Connection) -> set[str]:
    """What was signalled on the connection since the last take; the database port calls this."""
    topics: set[str] = conn.info.pop(_KEY, set())
    return topics


class Signals:
    """Events by topic. Used in the loop's thread only."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Event]] = defaultdict(list)

    @contextmanager
    def waiting(self, topic: str) -> Iterator[asyncio.Event]:
        """An Event that is set whenever `topic` is signalled, as long as the block lasts."""
        event = asyncio.Event()
        self._waiting[topic].append(event)
        try:
            yield event
        finally:
            self._waiting[topic].remove(event)
            if not self._waiting[topic]:
                del self._waiting[topic]

    def fire_all(self) -> None:
        """Wake everybody: signals may have been lost."""
        self.fire(tuple(self._waiting))

    def fire(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for event in self._waiting.get(topic, ()):
                event.set()
