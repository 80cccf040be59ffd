"""Wake-ups: who waits for what in this process. A signal goes out only when its transaction has committed."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from model.event import Event, Mode
from model.plan import Notification

DISPATCH = "dispatch"
REVISE = "revise"
RECONCILE = "reconcile"
TIMELINE = "timeline"

_KEY = "gridcall_signals"
_REVISE_AT = f"{REVISE}/"  # then, in microseconds since 1970


@dataclass(frozen=True, slots=True)
class Handover:
    """Rows that may be sent from now on, with their event and its trace: for the dispatcher of this very process.

    A hint that spares it a look. What it does not use of it, it finds in the table.
    """

    event: Event
    rows: Sequence[Notification]
    trace: str = ""


class Measure(StrEnum):
    LEFT_AT_FIRST_RING = "left_at_first_ring"
    UNTIL_FIRST_ACKNOWLEDGEMENT = "until_first_acknowledgement"


@dataclass(frozen=True, slots=True)
class Measured:
    """How long it was, of one event: for whoever counts in the process that wrote it down."""

    measure: Measure
    mode: Mode
    seconds: float


@dataclass(slots=True)
class Signalled:
    """What becomes known when a transaction has committed. `others_due`: some rows are due that nobody hands over.

    `revise_at`: when the first row of the agenda falls due that it wrote.
    """

    topics: set[str] = field(default_factory=set)
    revise_at: int | None = None
    handovers: list[Handover] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    others_due: bool = False

    def add(self, more: "Signalled") -> None:
        self.topics |= more.topics
        self.handovers += more.handovers
        self.measured += more.measured
        self.others_due |= more.others_due


@dataclass(slots=True)
class Granted:
    """What was handed over in this process since it was taken last; `alone`: nothing else was said to be due since."""

    handovers: list[Handover] = field(default_factory=list)
    alone: bool = True

    def take(self) -> "Granted":
        taken = Granted(self.handovers, self.alone)
        self.handovers, self.alone = [], True
        return taken


@dataclass(slots=True)
class Agenda:
    """What a reader knows of the agenda: nothing falls due before `next_at`. None: it does not know, or is looking.

    It is woken only for what it does not know.
    """

    wake: asyncio.Event
    next_at: datetime | None = None

    def told(self, at: int) -> None:
        if self.next_at is None or at < _microseconds(self.next_at):
            self.wake.set()


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def delivery(delivery_id: str) -> str:
    """The topic of one delivery: fired when the router has decided about it."""
    return f"delivery/{delivery_id}"


def signal(conn: Connection, topic: str) -> None:
    """Wake those who wait for `topic` once this transaction has committed."""
    _of(conn).topics.add(topic)


def revise_at(conn: Connection, at: datetime) -> None:
    """Wake those who keep the agenda once this transaction has committed, if they know of nothing sooner."""
    signalled, then = _of(conn), _microseconds(at)
    signalled.revise_at = then if signalled.revise_at is None else min(then, signalled.revise_at)


def hand_over(conn: Connection, handover: Handover) -> None:
    """Hand rows over to this process's dispatcher once this transaction has committed."""
    _of(conn).handovers.append(handover)


def measure(conn: Connection, measured: Measured) -> None:
    """Have it counted in this process once this transaction has committed."""
    _of(conn).measured.append(measured)


def _of(conn: Connection) -> Signalled:
    signalled: Signalled = conn.info.setdefault(_KEY, Signalled())
    return signalled


def take(conn: Connection) -> Signalled:
    """What was signalled on the connection since the last take; the database port calls this."""
    signalled: Signalled = conn.info.pop(_KEY, None) or Signalled()
    if signalled.revise_at is not None and REVISE not in signalled.topics:
        signalled.topics.add(f"{_REVISE_AT}{signalled.revise_at}")
    signalled.others_due = DISPATCH in signalled.topics and not signalled.handovers
    return signalled


def _nobody_counts(measured: Measured) -> None:
    """Outside of a service there is no /metrics."""


class Signals:
    """Events by topic. Used in the loop's thread only. `count`: who is told of what was measured in this process."""

    def __init__(self) -> None:
        self.count: Callable[[Measured], None] = _nobody_counts
        self._waiting: dict[str, list[asyncio.Event]] = defaultdict(list)
        self._readers: list[Granted] = []
        self._agendas: list[Agenda] = []

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
    def handovers(self) -> Iterator[Granted]:
        """What gets all that is handed over in this process, as long as the block lasts. Its reader empties it."""
        granted = Granted()
        self._readers.append(granted)
        try:
            yield granted
        finally:
            self._readers = [one for one in self._readers if one is not granted]

    @contextmanager
    def agenda(self) -> Iterator[Agenda]:
        """What is woken by REVISE, and by rows that fall due before those it knows of, as long as the block lasts."""
        with self.waiting(REVISE) as wake:
            agenda = Agenda(wake)
            self._agendas.append(agenda)
            try:
                yield agenda
            finally:
                self._agendas = [one for one in self._agendas if one is not agenda]

    def make_known(self, signalled: Signalled) -> None:
        """A transaction of this process has committed."""
        for reader in self._readers:
            reader.handovers += signalled.handovers
            reader.alone = reader.alone and not signalled.others_due
        for measured in signalled.measured:
            self.count(measured)
        self.fire(signalled.topics)

    def fire_all(self) -> None:
        """Wake everybody: signals may have been lost."""
        self.heard(tuple(self._waiting))

    def heard(self, topics: Collection[str]) -> None:
        """Another process has signalled them."""
        for reader in self._readers:
            reader.alone = reader.alone and DISPATCH not in topics
        self.fire(topics)

    def fire(self, topics: Iterable[str]) -> None:
        for topic in topics:
            if topic.startswith(_REVISE_AT):
                for agenda in self._agendas:
                    agenda.told(int(topic.removeprefix(_REVISE_AT)))
            for event in self._waiting.get(topic, ()):
                event.set()
