"""What somebody said of a source's silence adds up, and is ended one by one or as it runs, on every database."""

from datetime import UTC, datetime, timedelta

from model.monitor import Maintenance
from store import maintenance

NOW = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)


def window(id_: str, since: float, until: float, source: str = "miso") -> Maintenance:
    begin, end = (NOW + timedelta(hours=hours) for hours in (since, until))
    return Maintenance(id_, source, begin, end, "new firewall", "key ana")


async def test_they_add_up_and_end_one_by_one(database):
    said = [window("a", 0, 5), window("b", 0, 2), window("c", 24, 25), window("d", 0, 5, "caiso")]
    for one in said:
        await database.transact(lambda conn, one=one: maintenance.begin(conn, one))
    later = NOW + timedelta(hours=1)
    assert await database.read(lambda conn: maintenance.ahead(conn, later, "miso")) == said[:3]
    assert await database.transact(lambda conn: maintenance.end(conn, "miso", later, "a")) == [said[0]]
    assert await database.transact(lambda conn: maintenance.end(conn, "miso", later, "d")) == []
    assert await database.transact(lambda conn: maintenance.end(conn, "miso", later)) == [said[1]]
    assert await database.transact(lambda conn: maintenance.end(conn, "miso", later)) == []
    assert await database.transact(lambda conn: maintenance.end(conn, "miso", later, "c")) == [said[2]]
    assert await database.read(lambda conn: maintenance.ahead(conn, later)) == [said[3]]
    assert await database.read(lambda conn: maintenance.last_ends(conn, later)) == {"miso": later}
