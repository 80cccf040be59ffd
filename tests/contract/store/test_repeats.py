"""A sender's key belongs to the first message that had it: what comes again calls nobody. On every database."""

import asyncio
from datetime import timedelta

from sqlalchemy import func, select

from broker.base import Message, MessageKind
from model import idempotency
from model.ids import SystemIds
from model.reading import Problem, Reading, Unreadable
from routing.accept import Member, decide
from store import events, repeats, unreadables
from store.codec import sha256
from store.database import Database
from store.deliveries import Delivery, DeliveryState
from store.tables import bodies, idempotency_keys, revisions, timeline
from tests.unit.routing.house import NOW, ROSTER, content

IDS = SystemIds()
UNREADABLE = Unreadable(problems=(Problem(field="", found="rubbish", expected="JSON"),))


def message(body: bytes = b"{}", key: str | None = "K", *, members: int = 1, source: str = "miso", **more) -> Message:
    ids = tuple(IDS.new() for _ in range(members))
    return Message(
        id=ids[0],
        kind=MessageKind.EVENT,
        source=source,
        format="canonical",
        lane=0,
        body=body,
        received_at=NOW,
        deliveries=ids,
        headers={"idempotency-key": key} if key else {},
        **more,
    )


def reading(event_id: str = "E-1") -> Reading:
    return Reading(event_id=event_id, revision=1, content=content(), key=event_id, own_digest="d", parsed={})


async def decided(
    database: Database, posted: Message, said: Reading | Unreadable | None = None, index: int = 0
) -> Delivery:
    said = said or reading()

    def work(conn):
        return decide(conn, Member(posted, index), said, ROSTER, IDS, NOW + timedelta(seconds=index))

    found = await database.transact(work)
    assert found is not None
    return found


async def test_the_same_again_is_the_first_one(database: Database) -> None:
    first = await decided(database, message())
    again = await decided(database, message(), reading("E-2"))
    assert (again.state, again.event_id, again.event_pk) == (DeliveryState.DUPLICATE, "E-1", first.event_pk)
    assert again.detail == f"already accepted at {NOW:%H:%M:%S}, nobody is called again"
    assert await database.read(lambda conn: events.find(conn, "miso", "E-2")) is None
    received = select(timeline.c.body).where(timeline.c.kind == "received").order_by(timeline.c.n)
    row = (await database.read(lambda conn: list(conn.scalars(received))))[-1]
    assert again.id in row
    assert sha256(b"{}") in row


async def test_another_body_under_the_key_is_told_and_kept(database: Database) -> None:
    await decided(database, message())
    other = await decided(database, message(b"[]"), reading("E-2"))
    assert other.state is DeliveryState.CONFLICT
    assert other.detail == f"its key is that of another body, accepted at {NOW:%H:%M:%S}; both are kept"
    assert await database.read(lambda conn: events.find(conn, "miso", "E-2")) is None
    kept = await database.read(lambda conn: unreadables.find(conn, other.id))
    assert kept is not None
    assert kept.told_as == other.event_id
    told = await database.read(lambda conn: events.find(conn, "gridcall", kept.told_as))
    assert told is not None
    assert "bears another's key" in told.content.headline


async def test_a_person_s_replay_of_it_is_placed(database: Database) -> None:
    await decided(database, message())
    other = await decided(database, message(b"[]"), reading("E-2"))
    again = await decided(database, message(b"[]", replay_of=other.id, key_id="ana"), reading("E-2"))
    assert (again.state, again.event_id) == (DeliveryState.PLANNED, "E-2")


async def test_what_nobody_could_read_has_no_key(database: Database) -> None:
    """It may be readable when it comes again, as when its source's format was mended."""
    await decided(database, message(), UNREADABLE)
    assert (await decided(database, message())).state is DeliveryState.PLANNED


async def test_nor_has_a_member_of_a_list_that_nobody_could_read(database: Database) -> None:
    first, again = message(members=2), message(members=2)
    await decided(database, first)
    await decided(database, first, UNREADABLE, 1)
    assert (await decided(database, again)).state is DeliveryState.DUPLICATE
    assert (await decided(database, again, reading("E-2"), 1)).state is DeliveryState.PLANNED


async def test_a_key_is_its_source_s(database: Database) -> None:
    await decided(database, message())
    assert (await decided(database, message(b"[]", source="other"), reading("E-2"))).state is DeliveryState.PLANNED
    assert (await decided(database, message(b"[]", key="L"), reading("E-3"))).state is DeliveryState.PLANNED
    assert (await decided(database, message(b"[]", key=None), reading("E-4"))).state is DeliveryState.PLANNED


async def test_each_member_of_a_list_is_that_member_again(database: Database) -> None:
    first, again = message(members=3), message(members=3)
    for index in range(2):
        await decided(database, first, reading(f"E-{index}"), index)
    found = [await decided(database, again, reading(f"E-{index}"), index) for index in range(3)]
    assert [one.state for one in found] == [DeliveryState.DUPLICATE] * 3
    assert [one.event_id for one in found] == ["E-0", "E-1", None]  # the last of the first one is not decided yet


async def test_of_two_at_once_one_is_placed(database: Database) -> None:
    posted = [message() for _ in range(6)]
    found = await asyncio.gather(*(decided(database, one, reading(f"E-{n}")) for n, one in enumerate(posted)))
    assert sorted(one.state for one in found) == [DeliveryState.DUPLICATE] * 5 + [DeliveryState.PLANNED]
    assert await database.read(lambda conn: conn.scalar(select(func.count()).select_from(revisions))) == 1
    assert await database.read(lambda conn: conn.scalar(select(func.count()).select_from(bodies))) == 6


async def test_keys_are_kept_for_a_week(database: Database) -> None:
    for n in range(3):
        await decided(database, message(key=f"K{n}"), reading(f"E-{n}"))
    count = select(func.count()).select_from(idempotency_keys)
    week = NOW + idempotency.KEPT
    assert await database.transact(lambda conn: repeats.forget(conn, week - idempotency.KEPT)) == 0
    late = week + timedelta(microseconds=1)
    assert await database.transact(lambda conn: repeats.forget(conn, late - idempotency.KEPT)) == 3
    assert await database.read(lambda conn: conn.scalar(count)) == 0
