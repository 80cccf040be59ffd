"""The picture of a timetable: who is called when, by whose clock, against the deadline."""

import json
from datetime import UTC, datetime

from app.draft import Draft
from app.gantt import gantt
from config.roster_file import load_roster
from intake.examples import example
from intake.read import read
from model.phones import Phones
from model.reading import Feed, Reading
from tests.app_fixture import ROSTER, House

NOON = datetime(2026, 1, 12, 18, 0, tzinfo=UTC)  # in Chicago; 03:00 in Tokyo
TEXT = ROSTER.read_text()


def picture(roster: str = TEXT, kind: str = "edr", lines: int = 5) -> list[str]:
    raw = json.dumps(example(kind, NOON, "E-1")).encode()
    [found] = read(raw, {"content-type": "application/json"}, Feed(source="miso"), NOON)
    assert isinstance(found, Reading)
    known = load_roster(roster, "roster.yaml").roster
    return gantt(Draft(found, "miso", known, "", NOON, Phones(lines, 1.0)).preview())


def test_awake_then_sleepers_then_the_backup() -> None:
    said, axis, *bars = picture()
    assert said == (
        "Calls from 18:00:00 until 18:10:00 UTC, 10.0 s a column: "
        "# rings and talks at most so long, : unless somebody accepts before"
    )
    marks = "0:00        2:00        4:00        6:00        8:00        10:00"
    assert axis == f"group                        who   at home   {marks}"
    assert bars == [
        "America/Chicago ops-primary  ana   Mon 12:00 ############                                                |",
        "Europe/London ops-primary    ben   Mon 18:00 ############                                                |",
        "Asia/Tokyo ops-primary       chie  Tue 03:02                ::::::::::::                                 |",
        "America/Chicago ops-backup   dee   Mon 12:05                               ::::::::::::                  |",
    ]


def test_who_has_no_line_in_time_is_last_and_says_so() -> None:
    roster = TEXT.replace("    sla_seconds: 600", "    sla_seconds: 400")
    bars = [line[45:] for line in picture(roster, lines=1)[2:]]
    assert bars[0].strip().startswith("#")
    assert bars[-1] == "no line in time".ljust(60) + "|"


def test_nobody_called_is_no_picture() -> None:
    assert picture(kind="cancel") == []


async def test_the_api_draws_it_too(house: House) -> None:
    body = example("edr", house.clock.now(), "edr-1")
    found = (await house.post("/v1/plans?source=miso", json=body)).json()
    assert found["gantt"][0].startswith("Calls from 15:00:00 until 15:10:00 UTC")
    assert len(found["gantt"]) == 2 + len(found["calls"])
