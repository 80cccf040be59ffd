"""600 people, 200 lines, one call a second: what arithmetic allows is rung, the rest is written to at once."""

from collections.abc import Iterator
from datetime import timedelta
from json import dumps

import pytest
from sqlalchemy import select

from config.roster_file import load_roster
from intake.examples import example
from model.plan import ChannelName
from model.roster import Roster
from store.tables import deliveries
from tests.simulation import stories
from tests.simulation.chance import START

PEOPLE, FIT = 600, 480
NAMES = [f"p{n:03}" for n in range(PEOPLE)]
AREAS = (312, 773, 872, 630, 708, 847)  # each has a hundred numbers that belong to nobody
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.long


class Story(stories.Story):
    """One critical event, its ten minutes, and nothing else."""

    async def happens(self) -> None:
        await self.posts(dumps(example("edr", START, "E-1")))
        await stories.seconds(610)

    def detail(self) -> str:
        """What the sender hears who waits for the plan."""
        [found], _ = self.memory.run(lambda conn: list(conn.scalars(select(deliveries.c.detail))), keep=False)
        return str(found)


def in_one_step() -> Roster:
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


@pytest.fixture
def story() -> Iterator[Story]:
    silent = stories.nobody_presses(lines=200, calls_per_second=1.0)
    with stories.told_to_its_end(Story, in_one_step(), silent) as told:
        yield told


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
