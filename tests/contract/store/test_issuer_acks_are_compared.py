"""What people say that they told the issuer is compared with the sealed timeline. On every database."""

from datetime import timedelta, timezone

import pytest
from sqlalchemy import update

from model.ids import SystemIds
from model.issuer import How
from routing.telling_issuer import Told, note
from store import events, seal
from store.database import Connection, Database
from store.tables import issuer_acks, timeline
from tests.unit.routing.house import NOW, event

IDS = SystemIds()
CENTRAL = timezone(timedelta(hours=-5))


async def breaks(database: Database, changed: str = "") -> list[str]:
    def work(conn: Connection) -> list[str]:
        events.save(conn, event())
        events.add_revision(conn, event().pk, event().latest, {})
        told = Told("ana", NOW.astimezone(CENTRAL), How.MCS, "MCS 4711")
        assert note(conn, IDS, event().source, event().event_id, told, by="operator", now=NOW)
        while seal.seal(conn):
            pass
        if changed == "table":
            conn.execute(update(issuer_acks).values(at=NOW - timedelta(minutes=5)))
        if changed == "timeline":
            conn.execute(update(timeline).values(body='{"told_at":"never"}'))
        return [broken.why for broken in seal.check(conn, event().pk) if "revision" not in broken.why.split("{")[0]]

    return await database.transact(work)


async def test_the_zone_in_which_it_was_said_makes_no_difference(database: Database) -> None:
    assert await breaks(database) == []


@pytest.mark.parametrize("changed", ["table", "timeline"])
async def test_another_time_does(database: Database, changed: str) -> None:
    assert "the note that the issuer was told that it tells of was changed or taken out" in await breaks(
        database, changed
    )
