"""Many events in a minute, one in 25 critical, to ten people: nobody is buried, and every event is told.

A hundred here; `STORM_EVENTS=500 STORMS=20` is the storm of the books, twenty times over.
"""

import os
from collections import defaultdict
from datetime import datetime, timedelta
from json import dumps
from random import Random

import pytest

from config.roster_file import load_roster
from intake.examples import example
from model.plan import ChannelName
from model.roster import Roster
from store import events
from tests.simulation import stories
from tests.simulation.chance import START
from tests.simulation.vendors import Record

EVENTS, PEOPLE = int(os.environ.get("STORM_EVENTS", "100")), 10
CRITICAL = EVENTS // 25
NAMES = [f"p{n}" for n in range(PEOPLE)]
RUNS = int(os.environ.get("STORMS", "1"))
TEN_MINUTES = timedelta(minutes=10)

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


class Storm(stories.Story):
    """Which of them are critical, and when each comes within its minute, is the seed's to say."""

    async def happens(self) -> None:
        chance = Random(f"{self.seed}/storm")
        critical = set(chance.sample(range(EVENTS), CRITICAL))
        at = 0.0
        for n, comes in enumerate(sorted(chance.uniform(0, 60) for _ in range(EVENTS))):
            await stories.seconds(comes - at)
            at = comes
            body = example("edr", self.vendors.now(), f"E-{n:03}") | {
                "severity": "critical" if n in critical else "warning"
            }
            await self.posts(dumps(body))
        await stories.seconds(600)


def ten_in_one_step() -> Roster:
    people = "".join(
        f'  {name}: {{name: "P{n}", timezone: America/Chicago, phone: "+131255501{n:02}", slack: U{n:03}}}\n'
        for n, name in enumerate(NAMES)
    )
    return load_roster(
        f"people:\n{people}"
        "teams: {ops: {name: Operations, slack_channel: C0OPS}}\n"
        f"policies: {{all: {{steps: [{{after_seconds: 0, people: [{', '.join(NAMES)}]}}]}}}}\n"
        "routes: [{id: everything, team: ops, policy: all}]\n"
        "sources: {miso: {name: MISO, heartbeat: none, critical: true}}\n",
        "storm",
    ).roster


class Seen:
    """What came of a storm. `rings` and `texts`: how many each person had in their worst ten minutes."""

    def __init__(self, storm: Storm) -> None:
        self.rings = _worst(storm, storm.told(ChannelName.VOICE))
        self.texts = _worst(storm, [r for r in storm.told(ChannelName.SMS) if r.attempt.part == 1])
        self.first_rings: dict[str | None, float] = {}
        for person, record in zip(storm.whom(ChannelName.VOICE), storm.told(ChannelName.VOICE), strict=True):
            self.first_rings.setdefault(person, (record.attempt.started_at - START) / timedelta(seconds=1))
        rows = storm.watch.rows
        posts = [r for r in storm.told(ChannelName.SLACK_CHANNEL) if rows[r.attempt.notification_id].kind == "alert"]
        self.posts = len(posts)
        self.in_slack = {row.event_pk for r in posts for row in storm.watch.told_by(r.attempt.notification_id)}
        self.kept, _ = storm.memory.run(lambda conn: {e.pk for e in events.page(conn, 1000, None)}, keep=False)

    def __str__(self) -> str:
        rings, texts = sorted(self.rings.values()), sorted(self.texts.values())
        last = max(self.first_rings.values())
        return f"rings {rings}, texts {texts}, everybody rung within {last:.2f} s, {self.posts} posts for all events"


def _worst(storm: Storm, records: list[Record]) -> dict[str | None, int]:
    had: dict[str | None, list[datetime]] = defaultdict(list)
    for record in records:
        had[storm.watch.rows[record.attempt.notification_id].person].append(record.attempt.started_at)
    return {who: max(sum(at - TEN_MINUTES < one <= at for one in all_) for at in all_) for who, all_ in had.items()}


@pytest.mark.parametrize("seed", range(1, RUNS + 1))
def test_nobody_is_buried_and_every_event_is_told(seed: int) -> None:
    weather = stories.nobody_presses(lines=20, calls_per_second=20.0)
    with stories.told_to_its_end(Storm, ten_in_one_step(), weather, seed) as storm:
        seen = Seen(storm)
    print(f"storm {seed}: {seen}")
    assert seen.rings.keys() == seen.texts.keys() == set(NAMES)
    assert max(seen.rings.values()) <= 5
    assert max(seen.texts.values()) <= 6
    assert max(seen.first_rings.values()) <= 2
    assert len(seen.kept) == EVENTS
    assert seen.in_slack == seen.kept
    assert seen.posts <= 20
