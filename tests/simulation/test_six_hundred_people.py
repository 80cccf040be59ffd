"""600 people, 200 lines, one call a second: what arithmetic allows is rung, the rest is written to at once."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from json import dumps

import pytest
from sqlalchemy import select

from config.roster_file import load_roster
from intake.examples import example
from model.plan import ChannelName
from model.roster import Roster
from store.tables import deliveries
from tests.simulation import world
from tests.simulation.chance import START
from tests.simulation.database import SimulatedDatabase
from tests.simulation.loop import SimulatedLoop
from tests.simulation.mix import Mix, mix
from tests.simulation.people import CALL_ENDS
from tests.simulation.vendors import Record

PEOPLE, FIT = 600, 480
NAMES = [f"p{n:03}" for n in range(PEOPLE)]
AREAS = (312, 773, 872, 630, 708, 847)  # each has a hundred numbers that belong to nobody
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.long


class Story(world.World):
    """One critical event, its ten minutes, and nothing else."""

    async def live(self) -> None:
        self._start()
        await self.upstream._post("miso", dumps(example("edr", START, "E-1")).encode())
        await self._unless_broken(asyncio.sleep(610))
        await self._stop(again=False)

    def told(self, channel: ChannelName) -> list[Record]:
        """In the order in which it was begun."""
        found = [record for record in self.vendors.records if record.channel is channel]
        return sorted(found, key=lambda record: record.attempt.started_at)

    def detail(self) -> str:
        """What the sender hears who waits for the plan."""
        [found], _ = self.memory.run(lambda conn: list(conn.scalars(select(deliveries.c.detail))), keep=False)
        return str(found)

    def whom(self, channel: ChannelName) -> list[str | None]:
        rows = self.watch.rows
        return [rows[record.attempt.notification_id].person for record in self.told(channel)]


def in_one_step(_mix: object, _random: object) -> Roster:
    people = "".join(
        f'  {name}: {{name: "P{n}", timezone: America/Chicago, phone: "+1{AREAS[n // 100]}55501{n % 100:02}", '
        f"slack: U{n:03}}}\n"
        for n, name in enumerate(NAMES)
    )
    return load_roster(
        f"people:\n{people}"
        "teams: {ops: {name: Operations, slack_channel: C0OPS}}\n"
        "policies: {all: {objective: everyone, redials: 0, "
        f"steps: [{{after_seconds: 0, people: [{', '.join(NAMES)}]}}]}}}}\n"
        "routes: [{id: everything, team: ops, policy: all}]\n"
        "sources: {miso: {name: MISO, heartbeat: none}}\n",
        "six hundred",
    ).roster


def nobody_presses() -> Mix:
    """A mix without faults, in which everybody picks up and listens to the end."""
    calm = next(found for found in map(mix, range(1, 500)) if found.crowd and not found.clock_off and not found.refuse)
    silent = replace(
        calm.people,
        weights=tuple(float(end == "nothing") for end in CALL_ENDS),
        texts_back=0.0,
        presses_button=0.0,
    )
    faultless = {name: 0 for name in Mix.__dataclass_fields__ if name in FAULTS}
    return replace(calm, **faultless, lines=200, calls_per_second=1.0, people=silent, heartbeats=False)


FAULTS = {
    *("database_slow", "database_before", "database_rollback", "database_after", "database_outages"),
    *("queue_before", "queue_after", "queue_ack", "crash", "stops", "clock_off", "drift", "vendor_clock"),
    *("refuse", "bad_address", "rate_limited", "hang_before", "hang_after", "vendor_outages"),
    *("callback_lost", "callback_late", "callback_twice"),
}


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    """Told to its end. The database takes no time here, so that each instant is that of the arithmetic."""

    async def at_once(database: SimulatedDatabase) -> None:
        database._fence.goes_on()

    monkeypatch.setattr(SimulatedDatabase, "_wait", at_once)
    monkeypatch.setattr(world, "mix", lambda seed: nobody_presses())
    monkeypatch.setattr(world, "_roster", in_one_step)
    loop = SimulatedLoop(shuffle=None)
    told = Story(1, loop)
    with world._as_simulated(timedelta(days=1)):
        loop.run_until_complete(told.live())
        yield told
        loop.run_until_complete(told.close())
    loop.close()


@pytest.mark.timeout(300)
def test_one_a_second_until_too_late_and_the_rest_is_written_to(story: Story) -> None:
    """From 0 to 480 s there is room for 481 calls; some microseconds pass before the first, so 480 are promised."""
    detail = story.detail()
    assert f"{FIT} of {PEOPLE} people can be called by 18:09:54 UTC; no line in time for P480, P481, P482" in detail
    assert "and 100 more: 200 lines, 1 call a second" in detail
    starts = [(record.attempt.started_at - START) / SECOND for record in story.told(ChannelName.VOICE)]
    assert starts == pytest.approx(list(range(FIT)), abs=0.01)
    assert story.whom(ChannelName.VOICE) == NAMES[:FIT]
    written = story.told(ChannelName.SLACK_DM)
    assert max(record.at for record in written) <= 15
    assert {*story.whom(ChannelName.SLACK_DM)} == {*NAMES[FIT:]}
    assert {*story.whom(ChannelName.SMS)} == {*NAMES}
