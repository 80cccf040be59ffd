"""Which loops count as stuck: those that stand still, not those that work for long or wait for the database."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app.live import Feeder, PubSub
from intake.examples import example
from model.errors import Unavailable
from model.ids import SystemIds
from notifiers.dispatcher import Dispatcher
from routing import reviser
from routing.reviser import Reviser
from store import leases
from store.database import Database
from tests.app_fixture import opened
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER


async def test_a_message_that_waits_for_the_database_is_no_stuck_router(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a supervisor would end the process over and over while the database is away."""
    async with opened(tmp_path) as house:
        await house.until(lambda: not house.service.stuck())
        tries = []

        async def away(*_: object) -> None:
            tries.append(house.clock.now())
            raise Unavailable("away")

        database = house.service.router._database
        monkeypatch.setattr(database, "transact", away)
        answer = await house.post("/v1/events", "demo-upstream", json=example("edr", house.clock.now(), "E-1"))
        assert answer.status_code == 202
        for _ in range(20):
            before = len(tries)
            house.advance(1)
            await house.until(lambda before=before: len(tries) > before)  # type: ignore[misc]
        assert "router" not in house.service.stuck()
        monkeypatch.undo()


async def test_a_reviser_at_work_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storm, or the return of the database: look after look finds something."""
    clock, database = ManualClock(NOW), in_memory()
    loop = Reviser(database, clock, SystemIds(), lambda: ROSTER)
    looks = iter(range(20))
    pauses = []

    def take(*_: object) -> None:
        clock.move_to(clock.now() + timedelta(seconds=1))
        pauses.append(clock.now() - loop.turned_at)

    class Due:
        event_pk, cause, kind = "E", "", "revise"

    monkeypatch.setattr(reviser, "_look", lambda *_: ([Due] if next(looks, None) is not None else [], None))
    monkeypatch.setattr(reviser, "take", take)
    with database.signals.agenda() as agenda:
        await loop._turn(agenda)
    assert len(pauses) == 20
    assert max(pauses) == timedelta(seconds=1)
    database.engine.dispose()


def feeder(database: Database, clock: ManualClock) -> Feeder:
    return Feeder(database, clock, PubSub())


def dispatcher(database: Database, clock: ManualClock) -> Dispatcher:
    return Dispatcher(database, clock, SystemIds(), lambda: ROSTER, {}, owner="me")


@pytest.mark.parametrize("made", [feeder, dispatcher])
async def test_who_begins_while_the_database_is_away_is_not_stuck(
    made: Callable[[Database, ManualClock], Feeder | Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every process that starts in an outage is no longer ready, and is ended over and over."""
    clock, database = ManualClock(NOW), in_memory()
    loop = made(database, clock)
    tries = 0

    async def away(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise Unavailable("away")

    with monkeypatch.context() as outage:
        for how in ("read", "transact"):
            outage.setattr(database, how, away)
        running = asyncio.create_task(loop.run())
        for _ in range(60):
            for _ in range(10):
                await asyncio.sleep(0)
            clock.move_to(clock.now() + timedelta(seconds=1))
        assert tries >= 30
        assert clock.now() - loop.turned_at <= timedelta(seconds=2)
    for _ in range(50):
        await asyncio.sleep(0)
    clock.move_to(clock.now() + timedelta(seconds=2))
    for _ in range(50):
        await asyncio.sleep(0)
    if isinstance(loop, Dispatcher):  # its lease counts from now, not from when it was first tried
        assert await database.read(lambda conn: list(leases.living(conn, clock.now()))) == ["me"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    database.engine.dispose()
