"""What nobody can read is kept once for each body, counted, and told in as few messages as do. On every database."""

import asyncio
from datetime import timedelta

from broker.base import Message, MessageKind
from model.ids import SystemIds
from model.reading import Problem, Reading, Unreadable
from routing.accept import Member, decide
from routing.unreadable import TELL_EVERY
from store import audit, events, unreadables
from store.database import Database
from store.deliveries import Delivery, DeliveryState
from store.unreadables import UnreadableRow, UnreadableState
from tests.unit.routing.house import NOW, ROSTER, content

IDS = SystemIds()
UNREADABLE = Unreadable(problems=(Problem(field="", found="rubbish", expected="JSON"),))
SOON = timedelta(minutes=1)


async def comes(
    database: Database,
    body: bytes,
    after: timedelta = timedelta(),
    source: str = "miso",
    said: Reading | Unreadable = UNREADABLE,
    **more: str,
) -> Delivery:
    message_id = IDS.new()
    message = Message(
        id=message_id,
        kind=MessageKind.UNREADABLE,
        source=source,
        format="canonical",
        lane=0,
        body=body,
        received_at=NOW + after,
        deliveries=(message_id,),
        headers={},
        **more,
    )
    found = await database.transact(lambda conn: decide(conn, Member(message, 0), said, ROSTER, IDS, NOW + after))
    assert found is not None
    assert found.state is (DeliveryState.UNREADABLE if isinstance(said, Unreadable) else DeliveryState.PLANNED)
    return found


async def rows(database: Database) -> list[UnreadableRow]:
    return await database.read(lambda conn: unreadables.page(conn, 10, None)[::-1])


async def told(database: Database) -> list[str]:
    return await database.read(lambda conn: [e.event_id for e in events.page(conn, 10, None) if e.source == "gridcall"])


async def test_one_row_for_each_body_with_a_count(database: Database) -> None:
    first = await comes(database, b"{")
    for minute in (1, 2):
        again = await comes(database, b"{", minute * SOON)
        assert (again.event_id, again.rings) == (first.event_id, False)
        found = await database.read(lambda conn, id_=again.id: unreadables.find(conn, id_))
        assert found is not None
        assert found.id == first.id, "found by the id that its sender was told"
    await comes(database, b"{{", 3 * SOON)
    await comes(database, b"{", 4 * SOON, source="other")
    [row, other, elsewhere] = await rows(database)
    assert (row.count, row.received_at, row.last_at, row.more) == (3, NOW, NOW + 2 * SOON, 3)
    assert (other.count, other.told_as) == (1, None)
    assert elsewhere.told_as == f"unreadable/other/{row.sha256[:16]}"
    assert len(await told(database)) == 2, "one of each source"


async def test_what_comes_at_once_is_one_row_and_told_once(database: Database) -> None:
    await asyncio.gather(*(comes(database, b"{") for _ in range(5)), *(comes(database, b"[") for _ in range(5)))
    found = await rows(database)
    assert sorted(row.count for row in found) == [5, 5]
    assert sum(row.more for row in found) == 9
    assert len(await told(database)) == 1


async def test_after_its_time_the_next_one_is_told_and_so_is_the_same_one(database: Database) -> None:
    await comes(database, b"{")
    await comes(database, b"[", TELL_EVERY - SOON)
    await comes(database, b"{", TELL_EVERY)
    [row, _] = await rows(database)
    first = f"unreadable/miso/{row.sha256[:16]}"
    assert sorted(await told(database)) == [first, f"{first}/2"]
    assert (row.told_as, row.told_at) == (f"{first}/2", NOW + TELL_EVERY)
    again = await database.read(lambda conn: events.find(conn, "gridcall", f"{first}/2"))
    assert again is not None
    assert "It came 2 times." in again.content.text


async def test_when_a_person_is_done_with_it_the_next_one_is_told_at_once(database: Database) -> None:
    kept = await comes(database, b"{")
    await database.transact(lambda conn: unreadables.dismiss(conn, kept.id, "a scanner", "ana"))
    other = await comes(database, b"[", SOON)
    assert other.event_id == f"unreadable/miso/{(await rows(database))[1].sha256[:16]}"
    await database.transact(lambda conn: unreadables.dismiss(conn, other.id, "a scanner", "ana"))
    same = await comes(database, b"{", 2 * SOON)
    [row, _] = await rows(database)
    assert (row.state, row.count, row.told_as) == (UnreadableState.NEW, 2, same.event_id)
    assert len(await told(database)) == 3


async def test_a_replay_is_noted_with_who_did_it_and_one_in_vain_changes_nothing(database: Database) -> None:
    kept = await comes(database, b"{")
    await comes(database, b"{", SOON, replay_of=kept.id, key_id="ana")
    assert [(row.state, row.count) for row in await rows(database)] == [(UnreadableState.NEW, 1)]
    assert len(await told(database)) == 1, "who did it reads the answer"
    said = Reading(event_id="E-1", revision=1, content=content(), key="E-1", own_digest="d", parsed={})
    await comes(database, b"{}", 2 * SOON, said=said, replay_of=kept.id, key_id="ana")
    [row] = await rows(database)
    assert (row.state, row.acted_by) == (UnreadableState.REPLAYED, "ana")
    [entry] = await database.read(lambda conn: audit.newest(conn, 10))
    assert (entry.who.key_id, entry.changed.what) == ("ana", f"unreadable/{kept.id}")
    assert entry.changed.text == "a message of miso that nobody could read was sent again as E-1"
    assert entry.changed.after == {"state": "replayed"}


async def test_what_was_counted_is_told_in_one_message_when_its_time_is_over(database: Database) -> None:
    kept = await comes(database, b"{")
    for minute in (1, 2, 3):
        await comes(database, b"x" * minute, minute * SOON)
    early, due = NOW - SOON, NOW
    assert await database.read(lambda conn: unreadables.counted(conn, early)) == []
    [row] = await database.read(lambda conn: unreadables.counted(conn, due))
    assert (row.id, row.more) == (kept.id, 3)
    await database.transact(lambda conn: unreadables.count_told(conn, row.id))
    assert await database.read(lambda conn: unreadables.counted(conn, due)) == []
