"""Calendars say what shifts say, also to those who read them with other clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from app.rota_calendar import Entry, calendar, uid
from model.roster import Roster
from model.rota import Layer, Override, OverrideAction, Rota, Rotation, ShiftLength, ShiftUnit
from routing.on_call import whole_shifts
from tests.app_fixture import House

START, END = datetime(2026, 10, 28, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)  # clocks go back between them
WINDOW = "from=2026-10-28T00:00:00Z&to=2026-11-20T00:00:00Z"


def events(text: str) -> list[Any]:
    return list(Calendar.from_ical(text).walk("VEVENT"))


async def test_it_equals_the_shifts(house: House) -> None:
    """Cut to the window, each event is one of `/shifts`, and none is missing."""
    for rotation in ("ops-primary", "ops-backup"):
        answer = await house.get(f"/v1/rotations/{rotation}/calendar.ics?{WINDOW}")
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        shown = {
            (str(e["summary"]).partition(":")[0], max(e["dtstart"].dt, START), min(e["dtend"].dt, END))
            for e in events(answer.text)
        }
        people = {p["id"]: p["name"] for p in (await house.get("/v1/people")).json()["people"]}
        shifts = (await house.get(f"/v1/rotations/{rotation}/shifts?{WINDOW}")).json()["shifts"]
        assert shown == {
            (people[s["person"]], datetime.fromisoformat(s["from"]), datetime.fromisoformat(s["to"])) for s in shifts
        }
        assert len(events(answer.text)) == len(shifts)


async def test_a_person_s_calendar_holds_their_shifts_of_all_rotations(house: House) -> None:
    found = events((await house.get(f"/v1/people/dee/calendar.ics?{WINDOW}")).text)
    shifts = (await house.get(f"/v1/rotations/ops-backup/shifts?{WINDOW}")).json()["shifts"]
    assert len(found) == len([s for s in shifts if s["person"] == "dee"]) > 0
    assert {str(e["summary"]) for e in found} == {"On call: Operations backup"}


async def test_events_keep_their_uids_while_the_window_moves(house: House) -> None:
    path = "/v1/rotations/ops-backup/calendar.ics"
    first = {str(e["uid"]): (e["dtstart"].dt, e["dtend"].dt) for e in events((await house.get(path)).text)}
    house.advance(5 * 24 * 3600 + 1234.5)
    later = {str(e["uid"]): (e["dtstart"].dt, e["dtend"].dt) for e in events((await house.get(path)).text)}
    assert len(first.keys() & later.keys()) >= len(first) - 1
    assert all(first[uid] == later[uid] for uid in first.keys() & later.keys())


async def test_who_may_read_it(house: House) -> None:
    for path in ("/v1/rotations/ops-backup/calendar.ics", "/v1/people/dee/calendar.ics"):
        assert (await house.get(path, None)).status_code == 401
        assert (await house.get(path, "demo-upstream")).status_code == 403
        assert (await house.get(f"{path}?from=2026-11-20T00:00:00Z&to=2026-10-28T00:00:00Z")).status_code == 422
        assert (await house.get(f"{path}?from=2026-11-20T00:00:00Z&to=2028-10-28T00:00:00Z")).status_code == 422
    assert (await house.get("/v1/rotations/none/calendar.ics")).status_code == 404
    assert (await house.get("/v1/people/none/calendar.ics")).status_code == 404


@pytest.mark.parametrize("zone", ["America/Chicago", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_instants_are_right_over_changes_of_clocks(zone: str) -> None:
    layer = Layer(
        name="daily",
        participants=(("ana",), ("ben",)),
        shift=ShiftLength(unit=ShiftUnit.DAY),
        starts_at=datetime.fromisoformat("2026-01-05T02:30"),
    )
    rotation = Rotation(id="r", name="Night; shift, long", team="t", timezone=zone, layers=(layer,))
    cover = Override(rotation="r", action=OverrideAction.ADD, start=START, end=START + timedelta(hours=3), person="cho")
    rota = Roster(rotations={"r": rotation}, overrides=(cover,)).rotas["r"]
    shifts = whole_shifts(rota, datetime(2026, 1, 10, tzinfo=UTC), END)
    entries = [Entry(rotation=rotation, shift=s, title=s.person) for s in shifts]
    found = events(calendar("R", entries, 3, START).decode())
    assert [(e["summary"], e["dtstart"].dt, e["dtend"].dt) for e in found] == [
        (s.person, s.start, s.end) for s in sorted(shifts, key=lambda s: (s.start, s.person))
    ]
    assert len({e["uid"] for e in found}) == len(found)
    assert {int(e["sequence"]) for e in found} == {3}
    assert "Night; shift, long" in found[0]["description"]


def test_the_uid_is_a_promise() -> None:
    """It stands in people's calendars: another way to make it would show each shift twice there."""
    layer = Layer(
        name="daily",
        participants=(("ana",),),
        shift=ShiftLength(unit=ShiftUnit.DAY),
        starts_at=datetime.fromisoformat("2026-01-05T09:00"),
    )
    rota = Rota(rotation=Rotation(id="r", name="R", team="t", timezone="UTC", layers=(layer,)))
    [shift] = whole_shifts(rota, datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 6, 1, tzinfo=UTC))
    assert uid("r", shift) == "19812f7bc43687a71522bbe72dd8a969@gridcall"
