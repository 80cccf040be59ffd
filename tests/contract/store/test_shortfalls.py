"""The look of a night over each database: told once over all processes, repeats after crashes, closed when mended."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.base import Durability, Message
from config.roster_file import load_roster
from model.errors import Unavailable
from model.ids import SystemIds
from model.roster import Roster
from model.rota import Absence
from routing.night_look import NightLook
from store import shortfalls
from store.database import Database
from tests.app_fixture import ROSTER
from tests.scenario.clock import ManualClock

NOW = datetime(2026, 11, 3, 15, 0, 30, tzinfo=UTC)
DAY = timedelta(days=1)


class Queue:
    """Keeps what is published; `away`: at how many tries from now on it cannot be."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.away = 0

    async def publish(self, message: Message) -> Durability:
        if self.away:
            self.away -= 1
            raise Unavailable("the queue is away")
        self.messages.append(message)
        return Durability.BROKER

    def said(self) -> list[tuple[str, int, str]]:
        statements: list[dict[str, Any]] = [json.loads(message.body) for message in self.messages]
        return [(s["event_id"], s["revision"], s["message_type"]) for s in statements]


class Nights:
    """A monitor's look over a roster that the test changes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.roster = load_roster(ROSTER.read_text(), ROSTER.name).roster
        self.clock = ManualClock(NOW)
        self.queue = Queue()
        self.look = self.another()

    def another(self) -> NightLook:
        return NightLook(self.database, self.queue, self.clock, SystemIds(), lambda: self.roster)

    async def later(self, **delta: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(**delta))
        await self.look.tick()


@pytest.fixture
def nights(database: Database) -> Nights:
    return Nights(database)


def away(roster: Roster, day: int) -> Roster:
    """Both who take turns in the backup."""
    start = NOW.replace(hour=6, minute=0, second=0) + day * DAY
    gone = [Absence(person=p, start=start, end=start + DAY) for p in ("dee", "eli")]
    return replace(roster, absences=(*roster.absences, *gone))


EVENT = "coverage/ops-backup/2026-11-08T06:00:00Z"


async def test_told_once_a_night_and_not_again_while_it_stays(nights: Nights) -> None:
    nights.roster = away(nights.roster, 5)
    await nights.look.tick()
    assert nights.queue.said() == [(EVENT, 1, "new")]
    assert nights.queue.messages[0].source == "gridcall"
    for _ in range(4):
        await nights.later(days=1)
    assert nights.queue.said() == [(EVENT, 1, "new")]


async def test_a_change_within_the_night_waits_for_the_next_one(nights: Nights) -> None:
    await nights.look.tick()
    nights.roster = away(nights.roster, 5)
    await nights.later(hours=10)
    assert nights.queue.said() == []
    await nights.later(hours=1)  # 02:00 UTC
    assert nights.queue.said() == [(EVENT, 1, "new")]


async def test_closed_when_mended_and_opened_again(nights: Nights) -> None:
    whole, broken = nights.roster, away(nights.roster, 5)
    for roster in (broken, whole, whole, broken):
        nights.roster = roster
        await nights.later(days=1)
    assert nights.queue.said() == [(EVENT, 1, "new"), (EVENT, 2, "terminate"), (EVENT, 3, "update")]


async def test_what_is_mended_by_day_does_not_wait_for_the_night(nights: Nights) -> None:
    """As long as something is open each change of the roster is looked at."""
    whole, nights.roster = nights.roster, away(nights.roster, 5)
    await nights.look.tick()
    nights.roster = whole
    await nights.later(minutes=1)
    assert nights.queue.said() == [(EVENT, 1, "new"), (EVENT, 2, "terminate")]
    nights.roster = away(nights.roster, 5)
    await nights.later(minutes=1)
    assert len(nights.queue.said()) == 2


async def test_another_process_and_a_restart_tell_nothing_twice(nights: Nights) -> None:
    nights.roster = away(nights.roster, 5)
    await nights.look.tick()
    await nights.another().tick()
    await asyncio.gather(nights.another().tick(), nights.another().tick())
    assert nights.queue.said() == [(EVENT, 1, "new")]


async def test_two_at_once_publish_at_most_the_same_twice(nights: Nights) -> None:
    """The router knows the second as a duplicate: it says the very same."""
    nights.roster = away(nights.roster, 5)
    await asyncio.gather(*(nights.another().tick() for _ in range(3)))
    assert {message.body for message in nights.queue.messages} == {nights.queue.messages[0].body}


async def test_what_could_not_be_published_is_tried_again_with_the_same_words(nights: Nights) -> None:
    nights.roster = away(nights.roster, 5)
    nights.queue.away = 1
    await nights.look.tick()
    kept = await nights.database.read(shortfalls.to_tell)
    await nights.later(minutes=3)
    assert [json.loads(m.body) for m in nights.queue.messages] == [s.to_tell for s in kept]
    assert await nights.database.read(shortfalls.to_tell) == []


async def test_a_crash_between_publishing_and_marking_repeats_it(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.roster = away(nights.roster, 5)

    async def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as killed:
        killed.setattr(NightLook, "_mark", dies)
        with pytest.raises(RuntimeError):
            await nights.look.tick()
    await nights.another().tick()
    first, second = nights.queue.messages
    assert (first.body, first.id == second.id) == (second.body, False)


async def test_what_is_over_is_forgotten_in_the_end(nights: Nights) -> None:
    whole, nights.roster = nights.roster, away(nights.roster, 5)
    await nights.look.tick()
    nights.roster = whole
    await nights.later(days=1)
    assert [s.over for s in await nights.database.read(shortfalls.every)] == [True]
    await nights.later(days=62)
    assert await nights.database.read(shortfalls.every) == []
