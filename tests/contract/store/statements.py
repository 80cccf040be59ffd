"""Statements of a source and what becomes of them: with these most stories of the store begin."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from broker.base import Message, MessageKind
from model.ids import SystemIds
from model.phones import USUAL, Phones
from model.reading import Reading
from model.roster import Roster, Source
from routing.accept import Member, decide
from store.database import Database
from store.deliveries import Delivery
from tests.unit.routing.house import NOW, ROSTER, content

IDS = SystemIds()
MISO = Source(id="miso", name="MISO", group_by=("program",), group_window_seconds=120)
MERGING = replace(ROSTER, sources={"miso": MISO})


def statement(event_id: str = "E-1", number: int = 1, **changes: Any) -> Reading:
    said = content(**changes)
    return Reading(event_id=event_id, revision=number, content=said, key=event_id, own_digest=f"d{number}", parsed={})


def posted(*, source: str = "miso", at: datetime = NOW, trace: str = "") -> Message:
    """The message it comes in, whose only delivery has its name."""
    name = IDS.new()
    return Message(
        id=name,
        kind=MessageKind.EVENT,
        source=source,
        format="canonical",
        lane=0,
        body=b"{}",
        received_at=at,
        deliveries=(name,),
        trace=trace,
    )


async def accept(
    database: Database,
    reading: Reading,
    at: datetime = NOW,
    *,
    roster: Roster = ROSTER,
    phones: Phones = USUAL,
) -> Delivery:
    """What the router makes of it."""
    member = Member(posted(at=at), 0)
    found = await database.transact(lambda conn: decide(conn, member, reading, roster, IDS, at, phones))
    assert found is not None
    return found
