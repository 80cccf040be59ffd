"""The database of the simulation: production's store functions on SQLite in memory, called inline in the loop.

Triggers of the simulation's own write down every change of a row with what it was before, inside the transaction that
makes it: a rolled back change leaves no note. After each commit the notes are handed to whoever watches.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from functools import cache
from random import Random
from typing import Any, NamedTuple, TypeVar, cast

from model.errors import Unavailable
from store import migrate
from store import signals as signals_
from store.database import Connection, sqlite_engine
from store.signals import Signalled, Signals
from tests.databases import raw
from tests.simulation.chance import Fence
from tests.simulation.faults import Faults
from tests.simulation.mix import Mix
from tests.simulation.quick import QuickConnection

T = TypeVar("T")


class Note(NamedTuple):
    """One change of one row; what a..j mean is said in TRIGGERS."""

    what: str
    a: Any = None
    b: Any = None
    c: Any = None
    d: Any = None
    e: Any = None
    f: Any = None
    g: Any = None
    h: Any = None
    i: Any = None
    j: Any = None


_EVENT = (
    "NEW.pk, NEW.status, NEW.answer_revision, NEW.work_until, NEW.deadline_at, NEW.policy, NEW.event_id, NEW.leader_pk"
)
_TRIGGERS = {
    "event new": ("INSERT ON events", "", _EVENT),
    "event": ("UPDATE ON events", "", _EVENT),
    "row new": (
        "INSERT ON notifications",
        "",
        "NEW.id, NEW.event_pk, NEW.kind, NEW.channel, NEW.address, NEW.person, NEW.revision, NEW.details, NEW.lane, "
        "NEW.follows",
    ),
    "row": (
        "UPDATE OF state ON notifications",
        "OLD.state IS NOT NEW.state",
        "NEW.id, NEW.event_pk, OLD.state, NEW.state, NEW.reason",
    ),
    "row cut": (
        "UPDATE OF cut_requested_at ON notifications",
        "OLD.cut_requested_at IS NULL AND NEW.cut_requested_at IS NOT NULL",
        "NEW.id, NEW.event_pk, NEW.state, NEW.reason",
    ),
    "carried": (
        "UPDATE OF carried_by ON notifications",
        "OLD.carried_by IS NOT NEW.carried_by",
        "NEW.id, NEW.event_pk, NEW.carried_by",
    ),
    "agenda new": ("INSERT ON agenda", "NEW.kind <> 'revise'", "NEW.id, NEW.event_pk, NEW.kind, NEW.revision"),
    "agenda": (
        "UPDATE OF state ON agenda",
        "OLD.state IS NOT NEW.state AND NEW.kind <> 'revise'",
        "NEW.id, NEW.event_pk, NEW.kind, NEW.revision, NEW.state",
    ),
    "attempt new": (
        "INSERT ON attempts",
        "",
        "NEW.id, NEW.notification_id, NEW.channel, NEW.address, NEW.started_at, NEW.part",
    ),
    "attempt": (
        "UPDATE OF state ON attempts",
        "OLD.state IS NOT NEW.state",
        "NEW.id, NEW.notification_id, OLD.state, NEW.state, NEW.vendor_id",
    ),
    "line": ("INSERT ON voice_in_flight", "", "NEW.number, NEW.attempt_id"),
    "line free": ("DELETE ON voice_in_flight", "", "OLD.number, OLD.attempt_id"),
    "verdict": ("INSERT ON verdicts", "", "NEW.event_pk, NEW.revision, NEW.person, NEW.outcome, NEW.reason"),
    "reply": ("INSERT ON replies", "", "NEW.event_pk, NEW.revision, NEW.person, NEW.answer, NEW.channel"),
    "delivery": ("INSERT ON deliveries", "", "NEW.id, NEW.state, NEW.event_pk, NEW.detail, NEW.rings"),
}
_TAKE = "SELECT what, a, b, c, d, e, f, g, h, i, j FROM simulation_notes ORDER BY n"


@cache
def _template() -> sqlite3.Connection:
    """An empty database of this version, with the triggers."""
    engine = sqlite_engine(":memory:")
    with engine.begin() as conn:
        migrate.upgrade(conn)
    template = raw(engine.connect())
    template.execute("CREATE TABLE simulation_notes (n INTEGER PRIMARY KEY, what, a, b, c, d, e, f, g, h, i, j)")
    for what, (on, when, values) in _TRIGGERS.items():
        columns = ", ".join("abcdefghij"[: values.count(",") + 1])
        condition = f"WHEN {when} " if when else ""
        template.execute(
            f"CREATE TRIGGER simulation_{what.replace(' ', '_')} AFTER {on} FOR EACH ROW {condition}BEGIN "
            f"INSERT INTO simulation_notes (what, {columns}) VALUES ('{what}', {values}); END"
        )
    return template


@cache
def _quick() -> QuickConnection:
    """One for all seeds of a process, which keeps the compiled statements."""
    usual = _usual()
    return QuickConnection(raw(usual), usual.dialect)


@cache
def _usual() -> Connection:
    return sqlite_engine(":memory:").connect()


class Memory:
    """The durable part: it outlives the processes. `watch` is called after each commit with what changed.

    `quick`: by the connection of quick.py, not by SQLAlchemy's own, with which a seed takes half as long again.
    """

    def __init__(self, watch: Callable[[list[Note]], None], *, quick: bool = True) -> None:
        self.raw = raw(_usual())
        self._connection = cast(Connection, _quick()) if quick else _usual()
        _template().backup(self.raw)
        self._watch = watch
        self._changes = self.raw.total_changes

    def run(self, fn: Callable[[Connection], T], *, keep: bool = True) -> tuple[T, Signalled]:
        """One transaction; not kept, it is rolled back at its end."""
        with self._connection.begin() as transaction:
            try:
                value = fn(self._connection)
            finally:
                signalled = signals_.take(self._connection)
            if not keep:
                transaction.rollback()
        self._tell()
        return value, signalled

    def _tell(self) -> None:
        if self.raw.total_changes == self._changes:
            return
        notes = [Note(*row) for row in self.raw.execute(_TAKE)]
        if notes:
            self.raw.execute("DELETE FROM simulation_notes")
        self._changes = self.raw.total_changes
        if notes:
            self._watch(notes)


class OrderedSignals(Signals):
    """Topics are a set of words: their order must not depend on the hash seed."""

    def fire(self, topics: Iterable[str]) -> None:
        super().fire(sorted(topics))


class SimulatedDatabase:
    """The database port as one process has it. Faults strike before the transaction, before its commit, after it."""

    def __init__(self, memory: Memory, fence: Fence, mix: Mix, random: Random, faults: Faults) -> None:
        self.signals: Signals = OrderedSignals()
        self.at_once = 64
        self._memory = memory
        self._fence = fence
        self._mix = mix
        self._random = random
        self._faults = faults

    async def transact(self, fn: Callable[[Connection], T]) -> T:
        await self._before()
        if self._strikes(self._mix.database_rollback, "database: rolled back"):
            self._memory.run(fn, keep=False)
            raise Unavailable("simulated: the commit failed")
        self._faults.may_crash("before a commit")
        value, signalled = self._memory.run(fn)
        self._faults.may_crash("after a commit")
        # NOTIFY stands in the transaction, so a wake-up is as sure as the commit.
        self.signals.make_known(signalled)
        await self._wait()
        if self._strikes(self._mix.database_after, "database: answer of a commit lost"):
            raise Unavailable("simulated: the answer to the commit was lost")
        return value

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Read at once, and told later: by then it may be true no more."""
        self._may_be_away()
        value, _ = self._memory.run(fn, keep=False)
        await self._wait()
        return value

    async def close(self) -> None:
        """The memory stays."""

    async def _before(self) -> None:
        self._fence.goes_on()
        await self._wait()
        self._may_be_away()

    def _may_be_away(self) -> None:
        self._fence.goes_on()
        if self._faults.database_away() or self._strikes(self._mix.database_before, "database: away"):
            raise Unavailable("simulated: the database is away")

    async def _wait(self) -> None:
        seconds = self._random.expovariate(1 / self._mix.database_delay)
        if self._strikes(self._mix.database_slow, "database: slow"):
            seconds += self._random.choice((0.1, 0.2, 0.3, 1.0, 8.0))
        await asyncio.sleep(seconds)
        self._fence.goes_on()

    def _strikes(self, chance: float, name: str) -> bool:
        return self._faults.strikes(self._random, chance, name)
