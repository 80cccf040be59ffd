"""The simulation's own connection does what SQLAlchemy's does: the same runs, the same rows."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, insert, select

from store.portable import upsert
from store.tables import keys, leases, voice_in_flight
from tests.simulation.database import Memory
from tests.simulation.world import run

AT = datetime(2026, 1, 12, 18, 0, 0, 250_001, tzinfo=UTC)
LINES = [{"number": n, "attempt_id": f"a-{n}", "since": AT, "until": AT} for n in ("+15550100001", "+15550100002")]


@pytest.mark.parametrize("seed", [12, 10, 73])  # crashes; a crowd; sources that are minded
def test_a_run_is_the_same_over_both(seed: int) -> None:
    assert run(seed).hash == run(seed, quick=False).hash


@pytest.mark.parametrize("quick", [True, False])
def test_rows_have_names_and_types(quick: bool) -> None:
    def work(conn):
        kept = upsert(voice_in_flight).on_conflict_do_nothing().returning(voice_in_flight.c.number)
        assert [row.number for row in conn.execute(kept, LINES)] == [line["number"] for line in LINES]
        assert conn.execute(kept, LINES).all() == []
        row = conn.execute(select(voice_in_flight).order_by(voice_in_flight.c.number)).first()
        assert row.since == AT
        assert tuple(row)[2] == AT
        assert dict(row._mapping) == LINES[0]
        assert list(conn.scalars(select(voice_in_flight.c.attempt_id))) == ["a-+15550100001", "a-+15550100002"]
        for wanted, count in ((["+15550100001"], 1), ([], 0), (["+15550100001", "+15550100002", "none"], 2)):
            query = select(voice_in_flight.c.number).where(voice_in_flight.c.number.in_(wanted))
            assert len(conn.execute(query).all()) == count
        assert conn.execute(delete(voice_in_flight).where(voice_in_flight.c.until <= AT)).rowcount == 2
        assert conn.scalar(select(voice_in_flight.c.number)) is None
        assert conn.execute(select(keys)).mappings().first() is None

    Memory(lambda notes: None, quick=quick).run(work)


@pytest.mark.parametrize("quick", [True, False])
def test_what_is_not_kept_or_fails_leaves_nothing(quick: bool) -> None:
    memory = Memory(lambda notes: None, quick=quick)

    def write(conn):
        conn.execute(insert(leases).values(name="seal", holder="x", until=AT))
        return conn.scalar(select(leases.c.until))

    def fail(conn):
        write(conn)
        raise LookupError

    assert memory.run(write, keep=False)[0] == AT
    with pytest.raises(LookupError):
        memory.run(fail)
    assert memory.run(lambda conn: conn.scalar(select(leases.c.name)))[0] is None
