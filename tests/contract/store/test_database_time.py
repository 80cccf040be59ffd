"""A process's clock is brought to the database's time, measured without the wait for a connection."""

from datetime import timedelta

import pytest

from model.clock import SlewedClock, SystemClock
from model.errors import Unavailable
from store.database_time import SLOWEST_ANSWER_SECONDS, TimeKeeper
from store.postgres import PostgresDatabase
from tests.unit.routing.house import NOW


class Fake:
    """A database that says what a test wants."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def read(self, fn):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_measured_answers_correct_and_bad_ones_do_not():
    clock = SlewedClock(NOW, lambda: 100.0)
    late = NOW + timedelta(seconds=30)
    slow = (100.0, late, 100.0 + SLOWEST_ANSWER_SECONDS * 2)
    fake = Fake(Unavailable("away"), slow, (99.0, late, 99.5), (100.0, NOW, 100.0))
    keeper = TimeKeeper(fake, clock)
    await keeper.measure()
    await keeper.measure()
    assert clock.now() == NOW
    await keeper.measure()
    assert clock.now() == late + timedelta(seconds=0.75)
    await keeper.measure()
    assert clock.now() == late + timedelta(seconds=0.75)  # it was ahead: from now on it goes slower


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(hours=-1)])
async def test_a_process_starts_at_the_databases_time_also_where_its_host_is_ahead(off):
    """One that went by the hour ahead would take all that is due within it for late."""
    clock = SlewedClock(NOW + off, lambda: 100.0)
    slow = (100.0, NOW, 100.0 + SLOWEST_ANSWER_SECONDS * 2)
    keeper = TimeKeeper(Fake(slow, (100.0, NOW, 100.0), (100.0, NOW, 100.0)), clock)
    await keeper.begin()
    assert clock.now() == NOW
    await keeper.measure()
    assert clock.now() == NOW


async def test_a_start_while_the_database_is_away_waits_for_no_time():
    clock = SlewedClock(NOW, lambda: 100.0)
    await TimeKeeper(Fake(Unavailable("away")), clock).begin()
    assert clock.now() == NOW


@pytest.mark.service("postgresql")
async def test_it_is_the_time_of_the_server(postgres_url):
    database = PostgresDatabase(postgres_url)
    clock = SlewedClock(NOW)
    await TimeKeeper(database, clock).measure()
    # The server of the tests runs on this machine.
    assert abs(clock.now() - SystemClock().now()) < timedelta(seconds=0.5)
    await database.close()
