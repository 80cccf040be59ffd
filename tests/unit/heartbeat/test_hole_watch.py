"""A hole is told once by its numbers, when they are late, and is over when they are there; a crash repeats it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.hole_watch import HoleWatch
from model.hole import CountedBy, Numbered
from model.ids import SystemIds
from model.roster import Roster, Source
from store import holes
from tests.databases import POSTGRESQL, open_database
from tests.unit.heartbeat.test_sweeper import Crash, ManualClock, Published, digest, statement

START = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)
MISO = Source(id="miso", name="MISO", critical=True, numbered=Numbered(by=CountedBy.FIELD), also_confirm="MCS")


class World:
    def __init__(self, database) -> None:
        self.database = database
        self.clock = ManualClock()
        self.clock.at = START
        self.published = Published()
        self.roster = Roster(sources={"miso": MISO})
        self.restart()

    def restart(self) -> None:
        self.watch = HoleWatch(self.database, self.published, self.clock, SystemIds(), lambda: self.roster)

    async def comes(self, *numbers: int) -> None:
        for number in numbers:
            await self.database.transact(lambda conn, n=number: holes.note(conn, "miso", n, self.clock.at, again=False))

    async def after(self, seconds: float):
        self.clock.at += timedelta(seconds=seconds)
        await self.watch.tick()
        return self.published.said()

    async def left(self):
        return await self.database.read(holes.every)


@pytest.fixture
async def world(request, tmp_path):
    database = open_database(request, getattr(request, "param", "inline"), tmp_path)
    yield World(database)
    await database.close()


@pytest.mark.parametrize("world", ["inline", POSTGRESQL], indirect=True)
async def test_told_once_by_its_numbers_and_over_when_they_are_there(world):
    await world.comes(1, 5)
    assert await world.after(29) == []
    await world.comes(3)
    assert await world.after(1) == [("missing/miso/2-4", 1)]
    assert await world.after(60) == [("missing/miso/2-4", 1)]
    told = statement(world.published.messages[0])
    assert told["headline"] == "2 messages are missing from MISO: 2, 4"
    assert told["severity"] == "critical"
    assert told["text"] == (
        "Missing by number: 2, 4. Later ones came, first at 18:00:00 UTC. Look in MCS. "
        "This ends by itself when they come in."
    )
    await world.comes(4)
    assert len(await world.after(5)) == 1
    await world.comes(2)
    assert await world.after(5) == [("missing/miso/2-4", 1), ("missing/miso/2-4", 2)]
    assert statement(world.published.messages[1])["message_type"] == "terminate"
    assert await world.left() == []


async def test_what_comes_out_of_order_is_no_hole(world):
    await world.comes(1, 4, 3, 2)
    assert await world.after(60) == []
    assert await world.left() == []


async def test_of_a_source_that_is_not_critical_it_is_a_notice(world):
    world.roster = Roster(sources={"miso": replace(MISO, critical=False)})
    await world.comes(1, 3)
    await world.after(31)
    told = statement(world.published.messages[0])
    assert (told["severity"], told["headline"]) == ("notice", "A message is missing from MISO: 2")


@pytest.mark.parametrize("dies_before", ["tell", "said", "forget"])
async def test_a_crash_repeats_the_same_words(world, monkeypatch, dies_before):
    """Between deciding, publishing and writing down that it was: what is said again is known as a duplicate."""
    await world.comes(1, 4)
    if dies_before == "forget":
        await world.after(31)
        await world.comes(2, 3)
    with monkeypatch.context() as patch:

        def die(*_):
            raise Crash

        patch.setattr(holes, dies_before, die)
        with pytest.raises(Crash):
            await world.after(31)
    world.restart()
    if dies_before == "said":
        await world.comes(2)  # what is said again does not change for it
    said = await world.after(31)
    messages = world.published.messages
    first, last = (1, 1) if dies_before != "forget" else (2, 2)
    assert set(said) == {("missing/miso/2-3", n) for n in range(1, last + 1)}
    assert len({digest(m) for m in messages if statement(m)["revision"] == first}) == 1


async def test_while_the_queue_is_away_it_waits(world):
    await world.comes(1, 3)
    world.published.fail_at = 0
    assert await world.after(31) == []
    world.published.fail_at = None
    assert await world.after(5) == [("missing/miso/2-2", 1)]


async def test_nobody_waits_for_a_week_and_nobody_for_a_source_that_is_numbered_no_more(world):
    await world.comes(1, 3)
    await world.after(31)
    assert await world.after(7 * 86_400) == [("missing/miso/2-2", 1), ("missing/miso/2-2", 2)]
    await world.comes(5)
    world.roster = Roster(sources={"miso": replace(MISO, numbered=None)})
    assert len(await world.after(5)) == 2
    assert await world.left() == []
    await world.after(1)
    assert not world.watch.wanted()
