"""A flood of messages keeps nobody waiting who wants to tell of those decided already: few decisions wait in line."""

import asyncio
from itertools import pairwise

from sqlalchemy import func, select

from broker.base import Message, MessageKind
from broker.embedded import EmbeddedBroker
from model.clock import SystemClock
from model.reading import Reading
from routing.router import Router
from store.database import SqliteDatabase
from store.places import SqliteFile
from store.tables import deliveries
from tests.unit.routing.house import NOW, ROSTER, CountingIds, content

FLOOD = 150
FEW = 15  # what was begun, what waited, and what came while it was committed


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


def reading(message: Message, _roster: object) -> list[Reading]:
    name = message.id
    return [Reading(event_id=name, revision=1, content=content(), key="k", own_digest=f"d-{name}", parsed={})]


async def test_a_transaction_waits_for_few_decisions(tmp_path):
    """Between asking for the database and having it, however many messages wait to be decided."""
    SqliteFile(tmp_path / "gridcall.db").upgrade()
    database, broker = SqliteDatabase(tmp_path / "gridcall.db"), EmbeddedBroker(tmp_path / "queue.db")
    for number in range(FLOOD):
        await broker.publish(message(f"E-{number}"))
    router = Router(broker, database, SystemClock(), CountingIds(), lambda: ROSTER, reading)
    decided = [0]
    async with asyncio.timeout(50):
        running = asyncio.create_task(router.run())
        while decided[-1] < FLOOD:
            decided.append(
                await database.transact(lambda conn: conn.scalar(select(func.count()).select_from(deliveries)))
            )
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await broker.close()
    await database.close()
    waited = [after - before for before, after in pairwise(decided)]
    assert max(waited) <= FEW, waited
