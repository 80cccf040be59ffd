"""Answers that hold for a while: made once for all who ask, ahead of their end, within their memory."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.cache import AHEAD, Cache, Made
from app.metrics import Cached
from tests.scenario.clock import ManualClock

START = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class World:
    """A cache of what `source` says of a key, for a minute from the whole minute on."""

    def __init__(self, max_bytes: int = 1000) -> None:
        self.clock = ManualClock(START)
        self.sources: dict[str, object] = {}
        self.made: list[tuple[str, datetime]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.stale = False
        self.figures = Cached()
        self.cache: Cache[str, str] = Cache(
            self._make, self.sources.get, self.clock, max_bytes, self.figures, lambda: self.stale
        )

    async def _make(self, key: str, at: datetime) -> Made[str]:
        self.made.append((key, at))
        source = self.sources.get(key)
        await self.may_go_on.wait()
        if isinstance(source, Exception):
            raise source
        return Made(f"{key} of {source} at {at:%H:%M}", at.replace(second=0) + MINUTE, 100)

    def advance(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))


async def test_what_holds_is_not_made_again() -> None:
    world = World()
    assert world.cache.known("a") is None
    assert await world.cache.get("a") == "a of None at 15:00"
    world.advance(49)
    assert world.cache.known("a") == await world.cache.get("a") == "a of None at 15:00"
    assert world.made == [("a", START)]
    assert world.figures.outcomes == {"made": 1, "hit": 2}


async def test_all_who_ask_at_once_wait_for_one_making() -> None:
    world = World()
    world.may_go_on.clear()
    asking = [asyncio.create_task(world.cache.get("a")) for _ in range(50)]
    await asyncio.sleep(0)
    world.may_go_on.set()
    assert set(await asyncio.gather(*asking)) == {"a of None at 15:00"}
    assert len(world.made) == 1


async def test_one_who_gives_up_does_not_end_it_for_the_others() -> None:
    world = World()
    world.may_go_on.clear()
    impatient, patient = (asyncio.create_task(world.cache.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    world.may_go_on.set()
    assert await patient == "a of None at 15:00"


async def test_who_asks_shortly_before_the_end_has_the_next_one_made() -> None:
    world = World()
    await world.cache.get("a")
    world.advance(60 - AHEAD.total_seconds())
    assert world.cache.known("a") == "a of None at 15:00"
    while len(world.made) < 2 or world.figures.bytes < 200:
        await asyncio.sleep(0)
    assert world.made[1] == ("a", START + MINUTE)
    assert world.cache.known("a") == "a of None at 15:00"
    world.advance(AHEAD.total_seconds())
    assert world.cache.known("a") == "a of None at 15:01"
    assert len(world.made) == 2


async def test_after_a_quiet_time_it_is_made_anew() -> None:
    world = World()
    await world.cache.get("a")
    world.advance(3600)
    assert world.cache.known("a") is None
    assert await world.cache.get("a") == "a of None at 16:00"
    assert world.figures.bytes == 100


async def test_another_source_is_another_answer_and_an_equal_one_is_not() -> None:
    world = World()
    world.sources["a"] = ("one",)
    await world.cache.get("a")
    world.sources["a"] = tuple(["one"])
    assert world.cache.known("a") is not None
    world.sources["a"] = ("two",)
    assert world.cache.known("a") is None
    assert await world.cache.get("a") == "a of ('two',) at 15:00"


async def test_an_edit_is_seen_by_who_asks_after_it_also_while_the_old_answer_is_made() -> None:
    world = World()
    world.sources["a"] = "old"
    world.may_go_on.clear()
    before = asyncio.create_task(world.cache.get("a"))
    while not world.made:
        await asyncio.sleep(0)
    world.sources["a"] = "new"
    after = asyncio.create_task(world.cache.get("a"))
    while len(world.made) < 2:
        await asyncio.sleep(0)
    world.may_go_on.set()
    assert (await before, await after) == ("a of old at 15:00", "a of new at 15:00")
    assert world.cache.known("a") == "a of new at 15:00"


async def test_the_least_recently_asked_for_goes_first() -> None:
    world = World(max_bytes=250)
    for key in "ab":
        await world.cache.get(key)
    assert world.cache.known("a")
    await world.cache.get("c")
    assert [key for key in "abc" if world.cache.known(key)] == ["a", "c"]
    assert (world.figures.outcomes["evicted"], world.figures.bytes) == (1, 200)


async def test_an_error_is_told_to_who_asked_and_not_kept() -> None:
    world = World()
    world.sources["a"] = ValueError("no such thing")
    with pytest.raises(ValueError, match="no such thing"):
        await world.cache.get("a")
    world.sources["a"] = "mended"
    assert await world.cache.get("a") == "a of mended at 15:00"


async def test_what_cannot_be_looked_up_is_counted_as_stale() -> None:
    world = World()
    await world.cache.get("a")
    world.stale = True
    assert world.cache.known("a") == "a of None at 15:00"
    assert world.figures.outcomes["stale"] == 1
