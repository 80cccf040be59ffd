"""Of several processes one holds a job from one tick to the next, and another takes over when it dies."""

from datetime import timedelta

from app.lease import Lease
from app.rounds import VENDORS_EVERY
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
