"""What is looked after now and then, also while the database is away."""

from datetime import timedelta

import pytest

from app.housekeeping import Housekeeping
from model.errors import Unavailable
from routing.accept import Member, decide
from store import replies
from store.replies import CODE_LIFE, Code
from store.retention import Keep
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER, CountingIds
from tests.unit.routing.test_poison_is_kept import message, reading

NUMBER = "+13125550101"


KEEP = Keep(evidence=timedelta(days=1), vendor_bodies=timedelta(days=1))


def housekeeping(database, now):
    return Housekeeping(database, ManualClock(now), KEEP)


@pytest.fixture
async def database():
    database = in_memory()
    yield database
    await database.close()


async def open_a_code(database) -> None:
    ids = CountingIds()

    def work(conn):
        delivery = decide(conn, Member(message("m"), 0), reading("E-1"), ROSTER, ids, NOW)
        replies.open_new(conn, [Code(NUMBER, "A", delivery.event_pk, 1, "ana")], NOW)

    await database.transact(work)


@pytest.mark.parametrize(("after", "open_codes"), [(-timedelta(seconds=1), 1), (timedelta(), 0)])
async def test_a_reply_code_closes_after_its_day(database, after, open_codes):
    await open_a_code(database)
    now = NOW + CODE_LIFE + after
    await housekeeping(database, now).close_old_codes()
    assert len(await database.read(lambda conn: replies.open_codes(conn, NUMBER, now))) == open_codes


@pytest.mark.parametrize("tick", ["seal", "close_old_codes", "make_months", "tidy"])
async def test_a_database_that_is_away_ends_nothing(tick):
    class Away:
        asked = 0

        async def transact(self, fn):
            self.asked += 1
            raise Unavailable("locked")

    away = Away()
    await getattr(housekeeping(away, NOW), tick)()
    assert away.asked == 1
