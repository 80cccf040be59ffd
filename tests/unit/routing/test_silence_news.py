"""That a silence was made and is over is told once, whatever crashes come between."""

import json
from datetime import timedelta

import pytest

from model.errors import Unavailable
from model.event import Severity
from model.ids import SystemIds
from model.silence import Noise, Silence
from routing.silence_news import SilenceNews
from store import silences
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW

SILENCE = Silence(
    id="019a4a4e-0000-7000-8000-000000000001",
    noise=Noise(sources=("miso",), severities=(Severity.NOTICE,)),
    since=NOW,
    until=NOW + timedelta(hours=1),
    reason="new feed",
    author="key ana",
)


class Queue:
    """`away` after so many were taken."""

    def __init__(self):
        self.bodies, self.away = [], None

    async def publish(self, message):
        if self.away is not None and len(self.bodies) >= self.away:
            raise Unavailable("the queue is away")
        self.bodies.append(json.loads(message.body))


@pytest.fixture
async def world():
    database, clock, queue = in_memory(), ManualClock(NOW), Queue()
    await database.transact(lambda conn: silences.begin(conn, SILENCE))
    yield SilenceNews(database, queue, clock, SystemIds()), clock, queue, database
    await database.close()


def told(queue):
    return [(body["event_id"].partition("/")[0], body["revision"], body["message_type"]) for body in queue.bodies]


async def test_made_and_over_once_each(world):
    news, clock, queue, _ = world
    for _ in range(2):
        await news.tick()
    assert told(queue) == [("quiet", 1, "new")]
    assert "Events of miso; severity notice" in queue.bodies[0]["text"]
    clock.move_to(SILENCE.until)
    for _ in range(2):
        await news.tick()
    assert told(queue) == [("quiet", 1, "new"), ("quiet", 2, "terminate")]
    assert queue.bodies[1]["headline"] == "A silence is over, it held no event"


async def test_what_ended_while_nobody_looked_is_told_whole(world):
    news, clock, queue, _ = world
    clock.move_to(SILENCE.until + timedelta(days=1))
    await news.tick()
    assert told(queue) == [("quiet", 1, "new"), ("quiet", 2, "terminate")]


async def test_a_crash_before_it_is_marked_repeats_word_for_word(world, monkeypatch):
    news, clock, queue, _ = world
    clock.move_to(SILENCE.until)
    monkeypatch.setattr(silences, "told", lambda *_, **__: (_ for _ in ()).throw(Unavailable("killed")))
    await news.tick()
    monkeypatch.undo()
    await news.tick()
    assert queue.bodies[0] == queue.bodies[1]


async def test_while_the_queue_is_away_nothing_is_marked(world):
    news, clock, queue, database = world
    queue.away = 0
    await news.tick()
    assert len(await database.read(lambda conn: silences.to_tell(conn, clock.now()))) == 1
