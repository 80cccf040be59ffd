"""A message that cannot be decided is kept and told about; one that cannot even be told about is kept. Nobody waits."""

import asyncio
from dataclasses import replace

import pytest
import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from broker.base import Message, MessageKind
from broker.embedded import EmbeddedBroker
from model.clock import SystemClock
from model.reading import Reading
from routing.router import DATABASE_TRIES, Router
from store import deliveries, unreadables
from store.deliveries import DeliveryState
from store.tables import notifications
from tests.databases import in_memory
from tests.unit.routing.house import NOW, ROSTER, CountingIds, content


@pytest.fixture(autouse=True)
def plain_tracebacks():
    """Drawn with the values of all variables, as structlog does by default, each takes seconds on a busy machine."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    yield
    structlog.configure(**before)


@pytest.fixture
async def database():
    database = in_memory()
    yield database
    await database.close()


def message(name: str) -> Message:
    return Message(
        id=name,
        kind=MessageKind.EVENT,
        source="miso",
        format="canonical",
        lane=0,
        body=name.encode(),
        received_at=NOW,
        deliveries=(name,),
    )


def reading(event_id: str | None) -> Reading:
    return Reading(event_id=event_id, revision=1, content=content(), key="k", own_digest=f"d-{event_id}", parsed={})


async def settle(database, tmp_path, roster, readings):
    """Give the router one message for each reading; return what became of them once the queue is empty."""
    broker = EmbeddedBroker(tmp_path / "queue.db")
    router = Router(broker, database, SystemClock(), CountingIds(), lambda: roster, lambda m, _: [readings[m.id]])
    running = asyncio.create_task(router.run())
    for name in readings:
        await broker.publish(message(name))
    async with asyncio.timeout(20):  # a traceback with its values takes long to write on a busy machine
        while broker.depth():
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await broker.close()
    return {name: await database.read(lambda conn, name=name: deliveries.find(conn, name)) for name in readings}


async def test_undecidable_is_told_and_the_next_is_planned(database, tmp_path):
    found = await settle(database, tmp_path, ROSTER, {"bad": reading(None), "good": reading("E-1")})
    assert found["bad"].state is DeliveryState.UNREADABLE
    assert "names no event_id" in found["bad"].detail
    assert found["bad"].event_id.startswith("unreadable/miso/")
    assert found["good"].state is DeliveryState.PLANNED


async def test_what_cannot_be_told_is_kept_all_the_same(database, tmp_path):
    """The roster lost its team: no event can be planned, not even the one that would tell of it."""
    broken = replace(ROSTER, teams={})
    found = await settle(database, tmp_path, broken, {"a": reading("E-1"), "b": reading("E-2")})
    assert {d.state for d in found.values()} == {DeliveryState.UNREADABLE}
    kept = await database.read(lambda conn: unreadables.page(conn, 10, None))
    assert {row.id for row in kept} == {"a", "b"}
    assert await database.read(lambda conn: conn.scalar(select(func.count()).select_from(notifications))) == 0


def failing(database, monkeypatch, times):
    """The database answers the first transactions with an error that is neither away nor the message's."""
    monkeypatch.setattr("routing.router.RETRY_SECONDS", 0.0)
    transact, left = database.transact, [times]

    async def fails(fn):
        if left[0]:
            left[0] -= 1
            raise DBAPIError("INSERT INTO events VALUES (:pk)", {"pk": "reduce by 12.5 MW"}, Exception("a hiccup"))
        return await transact(fn)

    monkeypatch.setattr(database, "transact", fails)


async def test_an_odd_error_of_the_database_does_not_make_an_order_unreadable(database, tmp_path, monkeypatch):
    failing(database, monkeypatch, 2)
    found = await settle(database, tmp_path, ROSTER, {"good": reading("E-1")})
    assert found["good"].state is DeliveryState.PLANNED


async def test_one_that_stays_is_told_without_statement_and_values(database, tmp_path, monkeypatch):
    failing(database, monkeypatch, DATABASE_TRIES)
    found = await settle(database, tmp_path, ROSTER, {"a": reading("E-1")})
    assert found["a"].state is DeliveryState.UNREADABLE
    assert "a hiccup" in found["a"].detail
    assert "12.5" not in found["a"].detail
    assert "INSERT" not in found["a"].detail
