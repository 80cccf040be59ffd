"""Of several processes one holds a job from one tick to the next, and another takes over when it dies."""

import sqlite3
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from app.lease import Lease
from app.rounds import VENDORS_EVERY
from store.database import Connection
from store.tables import leases
from tests.app_fixture import opened
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW


async def test_another_takes_over_within_five_seconds_of_a_death():
    database, clock = in_memory(), ManualClock(NOW)
    one, other = (Lease(database, clock, "monitor", name) for name in ("one", "other"))
    for second in range(60):  # each looks every second, and the one dies after so many
        clock.move_to(NOW + timedelta(seconds=second))
        if second <= 20:
            assert await one.held()
            assert not await other.held()
        elif await other.held():
            break
    assert second - 20 <= 5
    assert not await one.held(), "it was only slow, and is too late"
    await database.close()


async def test_a_job_that_is_seldom_done_stays_with_one_process():
    database, clock = in_memory(), ManualClock(NOW)
    lasts, renew = 3 * VENDORS_EVERY, 2.5 * VENDORS_EVERY
    one, other = (Lease(database, clock, "vendors", name, lasts, renew) for name in ("one", "other"))
    for _ in range(10):
        assert (await one.held(), await other.held()) == (True, False)
        clock.move_to(clock.now() + VENDORS_EVERY)
    for _ in range(2):  # it has died
        clock.move_to(clock.now() + timedelta(seconds=45))
        held = await other.held()
    assert held
    await database.close()


async def test_who_stops_gives_everything_back(tmp_path: Path) -> None:
    """As on SIGTERM: the others do not wait until it has run out."""
    async with opened(tmp_path, loops=False) as house:
        await house.service.dispatcher.renew()
        await house.service.vital.look()
        assert await house.service.database.read(_held) > 0
    with sqlite3.connect(tmp_path / "gridcall.db") as file:
        assert file.execute("SELECT count(*) FROM leases").fetchone() == (0,)
    file.close()


def _held(conn: Connection) -> int:
    return conn.scalar(select(func.count()).select_from(leases)) or 0
