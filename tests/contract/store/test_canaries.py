"""Messages of our own: each step is written once, and a day later nothing is left of them."""

from datetime import UTC, datetime, timedelta

from model.canary import Canary
from store import canaries
from store.database import Connection, Database

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
ID = "019a4a4e-0000-7000-8000-000000000001"


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def test_it_passes_each_step_once(database: Database) -> None:
    def steps(conn: Connection) -> None:
        canaries.send(conn, ID, NOW)
        canaries.decide(conn, ID, at(1), at(2))
        canaries.decide(conn, ID, at(1), at(9))  # given out twice by the queue
        assert canaries.waiting(conn) == [ID]
        canaries.tell(conn, [ID], at(3))
        canaries.tell(conn, [ID], at(9))
        assert canaries.waiting(conn) == []

    await database.transact(steps)
    found = await database.read(canaries.newest)
    assert found == Canary(id=ID, sent_at=NOW, received_at=at(1), decided_at=at(2), told_at=at(3))
    assert found.seconds() == {"accept": 1, "decide": 1, "tell": 1, "whole": 3}
    assert await database.read(canaries.through_at) == NOW


async def test_what_cannot_be_decided_is_told_by_nobody(database: Database) -> None:
    def steps(conn: Connection) -> None:
        canaries.decide(conn, ID, at(1), at(2), "it could not be decided (KeyError)")
        assert canaries.waiting(conn) == []

    await database.transact(steps)
    found = await database.read(canaries.newest)
    assert found is not None
    assert (found.failure, found.decided_at) == ("it could not be decided (KeyError)", None)
    assert await database.read(canaries.through_at) is None


async def test_it_is_forgotten(database: Database) -> None:
    await database.transact(lambda conn: canaries.send(conn, ID, NOW))
    await database.transact(lambda conn: canaries.forget(conn, NOW))
    assert await database.read(canaries.newest) is not None
    await database.transact(lambda conn: canaries.forget(conn, at(1)))
    assert await database.read(canaries.newest) is None
