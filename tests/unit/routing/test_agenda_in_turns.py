"""A look at the agenda that finds much takes no more transactions at once than the database likes."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from model.errors import Unavailable
from model.ids import SystemIds
from routing import reviser
from routing.reviser import Reviser
from store.database import ASK_AGAIN
from store.signals import Signals
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER

AT_ONCE = 3


@dataclass
class Due:
    event_pk: str
    cause: str = "test"
    kind: str = "revise"


class Busy:
    """A database that needs a while for each transaction. `away` for the nth."""

    at_once = AT_ONCE

    def __init__(self, away: int | None = None) -> None:
        self.signals = Signals()
        self.begun = self.running = self.most = 0
        self.away = away

    async def read(self, fn):
        return fn(None)

    async def transact(self, fn):
        self.begun += 1
        ours = self.begun
        self.running += 1
        self.most = max(self.most, self.running)
        fn(None)
        for _ in range(5):
            await asyncio.sleep(0)
        self.running -= 1
        if ours == self.away:
            raise Unavailable("away")


async def turned(monkeypatch: pytest.MonkeyPatch, database: Busy) -> tuple[list[str], timedelta]:
    """The events in the order in which they were taken, and when the next look is."""
    due = [Due(f"{n:02}") for n in reversed(range(20))]  # as urgent as they come, whatever their names
    looks, taken = iter([due, []]), []
    monkeypatch.setattr(reviser, "_look", lambda *_: (next(looks), None))
    monkeypatch.setattr(reviser, "take", lambda _conn, event_pk, *_: taken.append(event_pk))
    loop = Reviser(database, ManualClock(NOW), SystemIds(), lambda: ROSTER)
    with database.signals.agenda() as agenda:
        return taken, await loop._turn(agenda) - NOW


async def test_others_find_room_beside_a_storm(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Busy()
    taken, _ = await turned(monkeypatch, database)
    assert taken == [f"{n:02}" for n in reversed(range(20))]
    assert database.most == AT_ONCE


async def test_nobody_follows_into_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other would wait for it to be given up: the loop would seem to be stuck."""
    database = Busy(away=2)
    taken, again = await turned(monkeypatch, database)
    assert len(taken) < 2 * AT_ONCE
    assert again == ASK_AGAIN
