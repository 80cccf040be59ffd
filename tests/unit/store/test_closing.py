"""A process that ends does not wait for a database whose host vanished without a word."""

import asyncio
from datetime import timedelta

import pytest

from store.postgres import CLOSE_SECONDS, PostgresDatabase
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW


class Vanished:
    """An engine whose connections never hear a goodbye."""

    async def dispose(self) -> None:
        await asyncio.Event().wait()


async def test_connections_that_never_answer_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(NOW)
    database = PostgresDatabase("postgresql://nobody@127.0.0.1:1/x", clock=clock)
    await database._engine.dispose()
    monkeypatch.setattr(database, "_engine", Vanished())
    closing = asyncio.create_task(database.close())
    async with asyncio.timeout(10):
        while clock.next_at() is None:
            await asyncio.sleep(0)
        clock.move_to(NOW + timedelta(seconds=CLOSE_SECONDS))
        await closing
