"""Secret addresses of calendars: they say what shifts say, to whoever has them, and nobody else learns them."""

import logging
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from icalendar import Calendar
from structlog.testing import capture_logs

from app import logs, roster_saving
from app.failures import MAX_A_MINUTE
from app.rosters import key_rows
from config.roster_file import load_roster
from tests.app_fixture import ROSTER, House

WINDOW = "from=2026-10-28T00:00:00Z&to=2026-11-20T00:00:00Z"  # the clocks go back between them
START, END = (datetime.fromisoformat(part.partition("=")[2]) for part in WINDOW.split("&"))


async def made(house: House, path: str, key: str = "demo-admin") -> str:
    """The address, without the host."""
    answer = await house.post(f"/v1/{path}/calendar-link", key)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    url: str = answer.json()["url"]
    assert url.startswith("http://gridcall.test/calendars/gcc_")
    return url.removeprefix("http://gridcall.test")


async def delete(house: House, path: str, key: str = "demo-admin") -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return (await house.client.delete(f"/v1/{path}/calendar-link?reason=lost", headers=headers)).status_code


def events(text: str) -> list[Any]:
    return list(Calendar.from_ical(text).walk("VEVENT"))


async def shifts(house: House, rotation: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await house.get(f"/v1/rotations/{rotation}/shifts?{WINDOW}")).json()["shifts"]
    return found


@pytest.mark.parametrize("rotation", ["ops-primary", "ops-backup"])
async def test_a_rotation_s_equals_its_shifts(house: House, rotation: str) -> None:
    address = await made(house, f"rotations/{rotation}")
    answer = await house.get(f"{address}?{WINDOW}", None)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    people = {p["id"]: p["name"] for p in (await house.get("/v1/people")).json()["people"]}
    shown = [
        (str(e["summary"]).partition(":")[0], max(e["dtstart"].dt, START), min(e["dtend"].dt, END))
        for e in events(answer.text)
    ]
    wanted = [
        (people[s["person"]], datetime.fromisoformat(s["from"]), datetime.fromisoformat(s["to"]))
        for s in await shifts(house, rotation)
    ]
    assert sorted(shown) == sorted(wanted)
    assert len(wanted) > 0


async def test_a_person_s_equals_their_shifts(house: House) -> None:
    answer = await house.get(f"{await made(house, 'people/dee')}?{WINDOW}", None)
    shown = [(max(e["dtstart"].dt, START), min(e["dtend"].dt, END)) for e in events(answer.text)]
    wanted = [
        (datetime.fromisoformat(s["from"]), datetime.fromisoformat(s["to"]))
        for rotation in ("ops-primary", "ops-backup")
        for s in await shifts(house, rotation)
        if s["person"] == "dee"
    ]
    assert sorted(shown) == sorted(wanted)
    assert len(wanted) > 0


async def test_events_have_the_uids_of_the_calendar_with_a_key(house: House) -> None:
    """Also at another address, later, and so for good: tests/unit/app/test_calendar.py."""
    path = "rotations/ops-backup"
    with_key = {str(e["uid"]) for e in events((await house.get(f"/v1/{path}/calendar.ics")).text)}
    first = {str(e["uid"]) for e in events((await house.get(await made(house, path), None)).text)}
    second = {str(e["uid"]) for e in events((await house.get(await made(house, path), None)).text)}
    assert first == second == with_key != set()


@pytest.mark.parametrize("path", ["rotations/ops-primary", "people/ana"])
async def test_made_renewed_and_revoked(house: House, path: str) -> None:
    assert (await house.get(f"/v1/{path}/calendar-link")).status_code == 404
    assert await delete(house, path) == 404
    first = await made(house, path)
    assert (await house.get(first, None)).status_code == 200
    shown = (await house.get(f"/v1/{path}/calendar-link")).json()
    assert shown == {"made_at": house.clock.now().isoformat(), "made_by": "key demo-admin"}
    second = await made(house, path)
    assert [(await house.get(a, None)).status_code for a in (first, second)] == [404, 200]
    assert await delete(house, path) == 204
    assert (await house.get(second, None)).status_code == 404
    rows = (await house.get("/v1/audit", "demo-admin")).json()["audit"][:3]
    assert [(r["change"], r["key_id"], r["reason"]) for r in rows] == [
        ("removed", "demo-admin", "lost"),
        ("changed", "demo-admin", ""),
        ("added", "demo-admin", ""),
    ]


async def test_a_wrong_address_is_404_and_after_many_429(house: House) -> None:
    right = await made(house, "people/ana")
    wrong = right.replace("gcc_", "gcc_x")
    for _ in range(MAX_A_MINUTE):
        answer = await house.get(wrong, None)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert (await house.get(wrong, None)).status_code == 429
    assert (await house.get(right, None)).status_code == 200
    assert 'reason="unknown_link"} 31.0' in (await house.get("/metrics", None)).text


async def test_operators_make_the_address_of_their_own_calendar_only(house: House) -> None:
    body = {"name": "ana", "role": "operator", "person": "ana"}
    key = (await house.post("/v1/keys", "demo-admin", json=body)).json()["secret"]
    assert (await house.get(await made(house, "people/ana", key), None)).status_code == 200
    assert (await house.post("/v1/people/ben/calendar-link", key)).status_code == 403
    assert (await house.post("/v1/people/ana/calendar-link", "demo-operator")).status_code == 403
    assert await delete(house, "people/ana", "demo-operator") == 403
    assert await delete(house, "people/ana", key) == 204


async def test_who_is_no_longer_there_has_no_calendar_and_who_comes_by_that_name_another(house: House) -> None:
    headers = {"Authorization": "Bearer demo-admin", "If-Match": "*"}
    address, kept = await made(house, "people/eli"), await made(house, "people/ana")
    gone = await house.client.delete("/v1/people/eli?force=true&reason=left", headers=headers)
    assert gone.status_code == 200, gone.text
    assert (await house.get(address, None)).status_code == 404
    another = {"name": "Eli Stone", "timezone": "UTC", "slack": "U0ELI2"}
    assert (await house.put("/v1/people/eli", "demo-admin", json=another)).status_code == 201
    assert [(await house.get(link, None)).status_code for link in (address, kept)] == [404, 200]
    assert "revoke the calendar link of person eli" in (await house.get("/v1/audit", "demo-admin")).text


async def test_a_file_of_the_host_takes_out_the_links_of_whom_it_leaves_out(house: House) -> None:
    address = await made(house, "rotations/ops-backup")
    text = ROSTER.read_text()
    for old, new in (("  ops-backup:", "  ops-second:"), ("[ops-backup]", "[ops-second]")):
        text = text.replace(old, new)
    for written in (text, ROSTER.read_text()):
        file = load_roster(written, "roster.yaml")
        load = partial(roster_saving.load, file=file, keys=key_rows(file), now=house.clock.now(), again=True)
        await house.service.database.transact(load)
    await house.service.rosters.refresh(house.service.database)
    assert (await house.get(address, None)).status_code == 404
    assert "revoke the calendar link of rotation ops-backup" in (await house.get("/v1/audit", "demo-admin")).text


async def test_the_secret_is_nowhere_but_in_the_answer(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as lines:
        address = await made(house, "people/ana")
        await house.get(address, None)
        await house.get(address.replace("gcc_", "gcc_x"), None)
    token = address.split("/")[2].removeprefix("gcc_")
    told = [str(lines), caplog.text.replace(f"http://gridcall.test{address}", "")]  # the test's own client
    told += [(await house.get(path, "demo-admin")).text for path in ("/v1/audit", "/metrics")]
    told += [(await house.get(address.replace("gcc_", "gcc_x"), None)).text]
    assert [text for text in told if token in text.replace(f"gcc_x{token}", "")] == []
    stored = await house.service.database.read(lambda c: str(c.exec_driver_sql("SELECT * FROM calendar_links").all()))
    assert token not in stored


def test_a_secret_that_comes_into_a_line_of_the_log_is_masked() -> None:
    line = "GET /calendars/gcc_abc-DEF_123/calendar.ics with gck_abcdefgh by +13125550101"
    assert logs.masked(line) == "GET /calendars/gcc_…/calendar.ics with gck_… by +1…01"


@pytest.mark.parametrize(
    "link", ["rotations/ops-primary/calendar-link", "people/ana/calendar-link", "sources/miso/ping-link"]
)
async def test_who_says_which_one_they_saw_ends_no_other(house: House, link: str) -> None:
    """An address that somebody else has just made and handed out goes on. Who says nothing renews what there is."""
    path, key = f"/v1/{link}", "demo-admin"
    assert (await house.post(path, key, headers={"If-Match": "*"})).status_code == 412  # there is none
    first = await house.post(path, key)
    seen = (await house.get(path)).headers["ETag"]
    assert first.headers["ETag"] == seen
    second = await house.post(path, key, headers={"If-Match": seen})
    assert (second.status_code, second.headers["ETag"] == seen) == (201, False)
    late = await house.post(path, key, headers={"If-Match": seen})
    headers = {"Authorization": f"Bearer {key}", "If-Match": seen}
    gone = await house.client.delete(path, headers=headers)
    assert (late.status_code, gone.status_code) == (412, 412)
    address = second.json()["url"].removeprefix("http://gridcall.test")
    assert (await house.get(address, None)).status_code == 200
    gone = await house.client.delete(path, headers=headers | {"If-Match": second.headers["ETag"]})
    assert gone.status_code == 204
