"""Stories told in the simulation: everything of production, no faults, and people who do as the story says."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from model.plan import ChannelName
from model.roster import Roster
from tests.simulation import world
from tests.simulation.database import SimulatedDatabase
from tests.simulation.loop import SimulatedLoop
from tests.simulation.mix import Mix, mix
from tests.simulation.people import CALL_ENDS
from tests.simulation.vendors import Record

FAULTS = {
    *("database_slow", "database_before", "database_rollback", "database_after", "database_outages"),
    *("queue_before", "queue_after", "queue_ack", "crash", "stops", "clock_off", "drift", "vendor_clock"),
    *("refuse", "bad_address", "rate_limited", "hang_before", "hang_after", "vendor_outages"),
    *("callback_lost", "callback_late", "callback_twice"),
}


class Story(world.World):
    """`happens` is the story."""

    async def happens(self) -> None:
        raise AssertionError("a story tells what happens")

    async def live(self) -> None:
        self._start()
        await self._unless_broken(self.happens())
        await self._stop(again=False)

    async def posts(self, body: str) -> None:
        await self.upstream._post("miso", body.encode())

    def told(self, channel: ChannelName) -> list[Record]:
        """In the order in which it was begun."""
        found = [record for record in self.vendors.records if record.channel is channel]
        return sorted(found, key=lambda record: record.attempt.started_at)

    def whom(self, channel: ChannelName) -> list[str | None]:
        rows = self.watch.rows
        return [rows[record.attempt.notification_id].person for record in self.told(channel)]


def nobody_presses(*, lines: int, calls_per_second: float) -> Mix:
    """A mix without faults, in which everybody picks up and listens to the end."""
    calm = next(found for found in map(mix, range(1, 500)) if found.crowd and not found.clock_off and not found.refuse)
    silent = replace(
        calm.people,
        weights=tuple(float(end == "nothing") for end in CALL_ENDS),
        texts_back=0.0,
        presses_button=0.0,
    )
    faultless = {name: 0 for name in Mix.__dataclass_fields__ if name in FAULTS}
    return replace(
        calm, **faultless, lines=lines, calls_per_second=calls_per_second, people=silent, heartbeats=False, beating=0
    )


AStory = TypeVar("AStory", bound=Story)


@contextmanager
def told_to_its_end(
    story: Callable[[int, SimulatedLoop], AStory], roster: Roster, of: Mix, seed: int = 1
) -> Iterator[AStory]:
    """The database takes no time here, so that each instant is that of the arithmetic."""

    async def at_once(database: SimulatedDatabase) -> None:
        database._fence.goes_on()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SimulatedDatabase, "_wait", at_once)
        patched.setattr(world, "mix", lambda _: of)
        patched.setattr(world, "_roster", lambda *_: roster)
        loop = SimulatedLoop(shuffle=None)
        told = story(seed, loop)
        with world._as_simulated(timedelta(days=1)):
            loop.run_until_complete(told.live())
            yield told
            loop.run_until_complete(told.close())
        loop.close()


async def seconds(count: float) -> None:
    await asyncio.sleep(count)
