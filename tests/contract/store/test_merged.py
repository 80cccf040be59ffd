"""Events that go together, over each database, and as two processes make them at once."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from model.event import Event, EventStatus, MessageType, Severity
from model.ids import SystemIds
from model.plan import AgendaKind, ChannelName
from model.reading import Reading
from routing import reviser
from store import events, merged, plans
from store.database import Connection, Database
from store.deliveries import Delivery
from store.postgres import PostgresDatabase
from store.tables import events as events_table
from store.tables import timeline
from tests.contract.store import statements
from tests.contract.store.statements import MERGING, statement
from tests.unit.routing.house import NOW

IDS = SystemIds()


async def accept(database: Database, reading: Reading, at: datetime = NOW) -> Delivery:
    return await statements.accept(database, reading, at, roster=MERGING)


async def end(database: Database, name: str, at: datetime = NOW) -> None:
    await accept(database, statement(name, 2, message_type=MessageType.CANCEL), at)


async def loaded(database: Database) -> dict[str, Event]:
    def work(conn: Connection) -> dict[str, Event]:
        found = events.load(conn, list(conn.scalars(select(events_table.c.pk))))
        return {event.event_id: event for event in found.values()}

    return await database.read(work)


async def revise_all(database: Database, at: datetime) -> None:
    """Whatever is due, as the reviser takes it: several events at once."""
    while due := await database.read(lambda conn: plans.due_agenda(conn, at)):
        by_event = {pk: [row for row in due if row.event_pk == pk] for pk in {row.event_pk for row in due}}
        await asyncio.gather(*(_take(database, pk, rows, at) for pk, rows in by_event.items()))


async def _take(database: Database, pk: str, rows: list[plans.Agenda], at: datetime) -> None:
    await database.transact(lambda conn: reviser.take(conn, pk, rows, MERGING, IDS, at))


def leaders(found: dict[str, Event]) -> Counter[str | None]:
    named = {event.pk: event.event_id for event in found.values()}
    return Counter(named.get(event.leader_pk or "") for event in found.values() if event.status is EventStatus.OPEN)


async def test_the_first_rings_and_those_within_its_window_go_with_it(database: Database) -> None:
    first = await accept(database, statement("E-1"))
    seconds = {"E-2": 0, "E-3": 120, "E-4": 121, "E-5": 122}
    rings = {
        name: (await accept(database, statement(name), NOW + timedelta(seconds=n))).rings for name, n in seconds.items()
    }
    assert (first.rings, rings) == (True, {"E-2": False, "E-3": False, "E-4": True, "E-5": False})
    found = await loaded(database)
    assert leaders(found) == {None: 2, "E-1": 2, "E-4": 1}

    def work(conn: Connection) -> None:
        pk = found["E-1"].pk
        assert merged.counts(conn, [pk, found["E-2"].pk], open_only=True) == {pk: 2}
        assert [member[0] for member in merged.members(conn, pk)] == sorted(found[n].pk for n in ("E-2", "E-3"))
        rows, agenda = plans.of_event(conn, found["E-2"].pk), plans.agenda_of_event(conn, found["E-2"].pk)
        assert (rows, [a.kind for a in agenda]) == ([], [AgendaKind.MEMBER])
        lines = [row for row in plans.of_event(conn, pk) if row.details.get("alike")]
        assert [row.due_at for row in lines] == [NOW, NOW + timedelta(seconds=120)]

    await database.transact(work)


async def test_what_another_source_or_an_older_event_says_is_no_reason(database: Database) -> None:
    await accept(database, statement("E-1"))
    await accept(database, statement("E-2", program="LMR"))
    await accept(database, statement("E-3", severity=Severity.WARNING))
    await database.transact(lambda conn: conn.execute(update(events_table).values(source="miso-fast")))
    await accept(database, statement("E-4"))
    assert leaders(await loaded(database)) == {None: 3, "E-1": 1}


async def test_when_the_leader_ends_one_rings_and_the_others_go_with_it(database: Database) -> None:
    for n in range(1, 9):
        await accept(database, statement(f"E-{n}"))
    await end(database, "E-1")
    await end(database, "E-4")
    for n in range(3):
        await revise_all(database, NOW + timedelta(seconds=n))
    found = await loaded(database)
    assert leaders(found) == {None: 1, "E-8": 5}
    assert found["E-4"].status is EventStatus.CANCELLED

    def work(conn: Connection) -> None:
        called = [n.person for n in plans.of_event(conn, found["E-8"].pk) if n.channel is ChannelName.VOICE]
        assert called == ["ana"]
        kinds = select(timeline.c.kind).where(timeline.c.event_pk == found["E-2"].pk).order_by(timeline.c.id)
        assert list(conn.scalars(kinds))[:4] == ["received", "planned", "joined", "joined"]

    await database.transact(work)


# --- two processes --------------------------------------------------------------------------------------------------


@pytest.fixture
async def two(postgres_url: str):  # type: ignore[no-untyped-def]
    pair = PostgresDatabase(postgres_url, pool_size=8), PostgresDatabase(postgres_url, pool_size=8)
    await asyncio.gather(*(database.listening() for database in pair))
    yield pair
    await asyncio.gather(*(database.close() for database in pair))


@pytest.mark.service("postgresql")
async def test_two_routers_at_once_make_one_leader(two: tuple[Database, Database]) -> None:
    one, other = two
    await asyncio.gather(*(accept(one if n % 2 else other, statement(f"E-{n}")) for n in range(24)))
    found = leaders(await loaded(one))
    assert found.total() == 24
    assert found[None] == 1


@pytest.mark.service("postgresql")
async def test_nobody_is_forgotten_while_leaders_end_and_others_join(two: tuple[Database, Database]) -> None:
    """Whatever the order: each open event rings, or goes with an open one that does."""
    one, other = two
    await accept(one, statement("E-0"))
    for turn in range(4):
        at = NOW + timedelta(seconds=5 * turn)
        current = await loaded(one)
        leading = [e.event_id for e in current.values() if e.leader_pk is None and e.status is EventStatus.OPEN]
        await asyncio.gather(
            *(end(one, name) for name in leading),
            *(accept(other, statement(f"E-{turn}-{n}")) for n in range(8)),
            revise_all(one, at),
            revise_all(other, at),
        )
        for n in range(3):
            await revise_all(one, at + timedelta(seconds=n))
        found = await loaded(one)
        open_ = {e.pk: e for e in found.values() if e.status is EventStatus.OPEN}
        for event in open_.values():
            assert event.leader_pk is None or open_[event.leader_pk].leader_pk is None, (turn, event.event_id)
        ringing = [e for e in open_.values() if e.leader_pk is None]
        rows = [await one.read(lambda conn, pk=e.pk: plans.of_event(conn, pk)) for e in ringing]
        assert all(rows)
        assert 1 <= len(ringing) <= 2 + turn
