"""Wake-ups: who waits for what in this process. A signal goes out only when its transaction has committed."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from model.event import Event
from model.plan import Notification

DISPATCH = "dispatch"
REVISE = "revise"
RECONCILE = "reconcile"
TIMELINE = "timeline"

_KEY = "gridcall_signals"


@dataclass(frozen=True, slots=True)
class Granted:
    """Rows that may be sent from now on, with their event and its trace: for the dispatcher of this very process.

    A hint that spares it a look. What it does not use of it, it finds in the table.
    """

    event: Event
    rows: Sequence[Notification]
    trace: str = ""


@dataclass(slots=True)
class Signalled:
    """What becomes known when a transaction has committed."""

    topics: set[str] = field(default_factory=set)
    granted: list[Granted] = field(default_factory=list)

    def add(self, more: "Signalled") -> None:
        self.topics |= more.topics
        self.granted += more.granted


def delivery(delivery_id: str) -> str:
    """The topic of one delivery: fired when the router has decided about it."""
    return f"delivery/{delivery_id}"


def signal(conn: Connection, topic: str) -> None:
    """Wake those who wait for `topic` once this transaction has committed."""
    _of(conn).topics.add(topic)


def grant(conn: Connection, granted: Granted) -> None:
    """Hand rows over to this process's dispatcher once this transaction has committed."""
    _of(conn).granted.append(granted)


def _of(conn: Connection) -> Signalled:
    signalled: Signalled = conn.info.setdefault(_KEY, Signalled())
    return signalled


def take(conn: Connection) -> Signalled:
    """What was signalled on the connection since the last take; the database port calls this."""
    signalled: Signalled = conn.info.pop(_KEY, None) or Signalled()
    return signalled


class Signals:
    """Events by topic. Used in the loop's thread only."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Event]] = defaultdict(list)
        self._granted: list[list[Granted]] = []

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

    @contextmanager
    def granting(self) -> Iterator[list[Granted]]:
        """A list that gets what is granted in this process, as long as the block lasts. Its reader empties it."""
        granted: list[Granted] = []
        self._granted.append(granted)
        try:
            yield granted
        finally:
            self._granted = [one for one in self._granted if one is not granted]

    def make_known(self, signalled: Signalled) -> None:
        """A transaction of this process has committed."""
        for reader in self._granted:
            reader.extend(signalled.granted)
        self.fire(signalled.topics)

    def fire_all(self) -> None:
        """Wake everybody: signals may have been lost."""
        self.fire(tuple(self._waiting))

    def fire(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for event in self._waiting.get(topic, ()):
                event.set()
