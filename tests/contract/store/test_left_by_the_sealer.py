"""A seal that was taken is found, and a tail that was cut; what only waits for the sealer is not. On every database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from store import events, seal, timeline
from store.database import Connection, Database
from store.partitions import first_id, made_at
from store.tables import timeline as rows
from tests.databases import ENGINES, open_database
from tests.unit.routing.house import event

TODAY = datetime.now(UTC)  # there is a partition for it


class IdsOf:
    """Ids as they would be made at `at`."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._made = 0

    def new(self) -> str:
        self._made += 1
        return f"{first_id(self.at)[:-12]}{self._made:012x}"

    def code(self, letters: int) -> str:
        return "A" * letters

    def salt(self) -> str:
        return "0" * 32


@pytest.fixture(params=ENGINES)
async def database(request: pytest.FixtureRequest, tmp_path) -> AsyncIterator[Database]:  # type: ignore[no-untyped-def]
    database = open_database(request, request.param, tmp_path)
    yield database
    await database.close()


async def left(database: Database, *minutes: float, sealed: int, taken: int = 0) -> list[str]:
    """Of rows written then, the first `sealed` of which were sealed, and the `taken` first of those opened again."""

    def work(conn: Connection) -> list[str]:
        events.save(conn, event())
        ids = IdsOf(TODAY)
        for number, minute in enumerate(minutes):
            if number == sealed:
                seal.seal(conn)
            ids.at = TODAY + timedelta(minutes=minute)
            timeline.append(conn, ids, event().pk, TODAY, f"row {number}", {"number": number})
        if sealed == len(minutes):
            seal.seal(conn)
        opened = rows.c.kind.in_([f"row {number}" for number in range(taken)])
        conn.execute(update(rows).where(opened).values(seal_no=None, prev_hash=None, hash=None))
        return [broken.why for broken in seal.left(conn)]

    return await database.transact(work)


async def test_the_time_of_an_id_is_read_from_it() -> None:
    assert made_at(first_id(TODAY)) == TODAY.replace(microsecond=TODAY.microsecond // 1000 * 1000)


async def test_a_seal_that_was_taken_is_seen(database: Database) -> None:
    assert await left(database, 0, 1, 7, sealed=3, taken=2) == [
        "the row 'row 0' is not sealed, and later ones are",
        "the row 'row 1' is not sealed, and later ones are",
    ]


async def test_a_row_that_was_overtaken_by_a_moment_is_none(database: Database) -> None:
    assert await left(database, 0, 4, sealed=2, taken=1) == []


async def test_the_newest_wait_for_a_sealer_that_is_away(database: Database) -> None:
    """In a copy of the database for ever."""
    assert await left(database, 0, 7, 600, sealed=1) == []


async def test_where_nothing_is_sealed_nothing_was_left(database: Database) -> None:
    assert await left(database, 0, 7, sealed=0) == []


async def test_a_tail_that_was_cut_or_written_anew_is_seen_by_heads_that_were_kept(database: Database) -> None:
    """The chain alone does not tell: nothing is missing before its end, and it fits."""
    pk = event().pk

    def work(conn: Connection) -> list[list[str]]:
        def written(*kinds: str) -> None:
            for kind in kinds:
                timeline.append(conn, ids, pk, TODAY, kind, {})
            seal.seal(conn)
            kept.update(seal.heads(conn, [pk]).values())

        events.save(conn, event())
        ids, kept = IdsOf(TODAY), set[seal.Head]()
        written("row 0")
        written("row 1", "row 2")
        found = [seal.check(conn, pk, kept)]
        conn.execute(delete(rows).where(rows.c.kind == "row 2"))
        found += [seal.check(conn, pk), seal.check(conn, pk, kept)]
        before = set(kept)
        written("another row 2")
        found += [seal.check(conn, pk), seal.check(conn, pk, before)]
        return [[f"{broken.seal_no}: {broken.why}" for broken in breaks] for breaks in found]

    gone, another = "it was there when the heads were kept", "another one than when the heads were kept"
    assert await database.transact(work) == [[], [], [f"3: the row is gone: {gone}"], [], [f"3: the row is {another}"]]
