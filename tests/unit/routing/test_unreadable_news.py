"""What could not be read after the first is told in one line, once, whatever crashes come between."""

import json
from datetime import timedelta

import pytest

from intake.read import read
from model.errors import Unavailable
from model.event import Severity
from model.ids import SystemIds
from model.reading import Feed, Reading
from model.roster import Roster, Source
from routing.unreadable import TELL_EVERY
from routing.unreadable_news import SETTLES, UnreadableNews, more
from store import unreadables
from store.unreadables import UnreadableRow
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW

ROSTER = Roster(sources={"miso": Source(id="miso", name="MISO")})
ROW = UnreadableRow(
    id="019a4a4e-0000-7000-8000-000000000001",
    body_id="b",
    member=0,
    source="miso",
    sha256="0" * 64,
    received_at=NOW,
    last_at=NOW,
    problems=(),
    told_as="unreadable/miso/00",
    told_at=NOW,
    more=2,
)


class Queue:
    def __init__(self):
        self.bodies, self.away = [], False

    async def publish(self, message):
        if self.away:
            raise Unavailable("the queue is away")
        self.bodies.append(json.loads(message.body))


@pytest.fixture
async def world():
    database, clock, queue = in_memory(), ManualClock(NOW), Queue()
    database.engine.raw_connection().execute("PRAGMA foreign_keys=OFF")  # its body is not there
    await database.transact(lambda conn: unreadables.keep(conn, ROW))
    yield UnreadableNews(database, queue, clock, SystemIds(), lambda: ROSTER), clock, queue, database
    await database.close()


async def test_told_once_when_its_time_is_over(world):
    news, clock, queue, _ = world
    clock.move_to(NOW + TELL_EVERY + SETTLES - timedelta(seconds=1))
    await news.tick()
    assert queue.bodies == []
    clock.move_to(NOW + TELL_EVERY + SETTLES)
    for _ in range(2):
        await news.tick()
    [said] = queue.bodies
    assert (said["event_id"], said["severity"]) == ("unreadable/miso/00/more", "notice")
    assert said["headline"] == "2 more messages from MISO cannot be read"


async def test_while_the_queue_is_away_it_waits(world):
    news, clock, queue, _ = world
    clock.move_to(NOW + timedelta(hours=1))
    queue.away = True
    await news.tick()
    queue.away = False
    await news.tick()
    assert len(queue.bodies) == 1


async def test_a_crash_before_it_is_marked_repeats_word_for_word(world, monkeypatch):
    news, clock, queue, database = world
    clock.move_to(NOW + timedelta(hours=1))
    with monkeypatch.context() as patch:
        patch.setattr(unreadables, "count_told", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await news.tick()
    await news.tick()
    assert len(queue.bodies) == 2
    assert queue.bodies[0] == queue.bodies[1]
    assert await database.read(lambda conn: unreadables.counted(conn, clock.now())) == []


def test_it_calls_nobody_and_is_read_without_a_warning():
    [found] = read(json.dumps(more(ROW, "MISO")).encode(), {}, Feed(source="gridcall"), NOW)
    assert isinstance(found, Reading)
    assert found.warnings == ()
    assert found.content.severity is Severity.NOTICE
