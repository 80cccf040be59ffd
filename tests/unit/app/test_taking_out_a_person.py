"""Who is taken out of a rotation leaves the running turn to whoever has it."""

from datetime import datetime, timedelta

import pytest

from app import roster_edits
from app.rosters import Snapshot
from config.roster_file import load_roster
from routing.on_call import on_call
from tests.app_fixture import ROSTER

TURNS = [["ana"], ["ben", "dee"], ["chie"], ["eli"]]
WEEK = timedelta(weeks=1)
STARTS_AT = "2026-01-05T09:00"
BEFORE = roster_edits.put(
    Snapshot(roster=load_roster(ROSTER.read_text(), "demo").roster, keys=()),
    "rotations",
    "weekly",
    {
        "name": "Weekly",
        "team": "ops",
        "timezone": "America/Chicago",
        "layers": [{"name": "l", "participants": TURNS, "shift": {"unit": "week"}, "starts_at": STARTS_AT}],
    },
)


def taken_out(person: str, now: datetime) -> Snapshot:
    return roster_edits.without_person(BEFORE, person, now)


@pytest.mark.parametrize("person", ["ana", "ben", "chie", "dee", "eli"])
@pytest.mark.parametrize("week", range(-1, 9))
def test_the_turns_go_on_as_they_were_without_them(week: int, person: str) -> None:
    begin = datetime.fromisoformat("2026-01-06T12:00:00Z")
    now = begin + week * WEEK
    before, after = BEFORE.roster.rotas["weekly"], taken_out(person, now).roster.rotas["weekly"]
    first = max(now, begin)  # who has the first turn, where none runs yet
    coming = [on_call(before, first + n * WEEK) for n in range(4)]
    left = [turn for people in coming if (turn := tuple(p for p in people if p != person))]
    assert [on_call(after, first + n * WEEK) for n in range(len(left))] == left


def test_layers_without_the_person_stay_as_they_are() -> None:
    now = datetime.fromisoformat("2026-02-03T12:00:00Z")
    assert taken_out("ana", now).roster.rotations["ops-backup"] == BEFORE.roster.rotations["ops-backup"]
