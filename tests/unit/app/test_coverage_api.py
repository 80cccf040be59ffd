"""Who will be missing: asked by the API and the command line, seen by doctor, and told each night as an event."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from tests.app_fixture import ROSTER, House, opened

GAP = "ops-backup: Nobody is on call Tue 00:00-Wed 11 Nov 00:00 CST, 24 h"
AWAY = "\nabsences:\n" + "".join(
    f"  - {{person: {person}, from: 2026-11-10T00:00, to: 2026-11-11T00:00}}\n" for person in ("dee", "eli")
)
TEXT = ROSTER.read_text()


async def test_a_house_in_order_misses_nobody(house: House) -> None:
    answer = await house.get("/v1/coverage")
    assert answer.status_code == 200
    assert answer.json()["findings"] == []
    assert (answer.json()["from"], answer.json()["to"]) == ("2026-11-03T15:00:00+00:00", "2027-01-02T15:00:00+00:00")


async def test_what_is_missing_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path, roster_text=TEXT + AWAY) as house:
        [finding] = (await house.get("/v1/coverage?days=10")).json()["findings"]
        assert finding == {
            "kind": "gap",
            "rotations": ["ops-backup"],
            "people": [],
            "from": "2026-11-10T06:00:00+00:00",
            "to": "2026-11-11T06:00:00+00:00",
            "text": GAP,
        }
        assert (await house.get("/v1/coverage?days=6")).json()["findings"] == []


@pytest.mark.parametrize(("query", "status"), [("days=0", 422), ("days=367", 422), ("days=x", 422), ("days=366", 200)])
async def test_a_year_is_the_farthest(house: House, query: str, status: int) -> None:
    assert (await house.get(f"/v1/coverage?{query}")).status_code == status


async def test_who_may_ask(house: House) -> None:
    for key, status in (("demo-admin", 200), ("demo-operator", 200), ("demo-upstream", 403), (None, 401)):
        assert (await house.get("/v1/coverage", key)).status_code == status


async def test_the_next_two_changes_of_clocks_name_who_works_through_them(house: House) -> None:
    """Whenever they come; by a save too, of whom it gives that shift to."""
    clocks = (await house.get("/v1/coverage?days=1")).json()["clocks"]
    backup = [clock for clock in clocks if clock["rotation"] == "ops-backup"]
    assert [(clock["at"], clock["people"]) for clock in backup] == [
        ("2027-03-14T08:00:00+00:00", ["dee"]),
        ("2027-11-07T07:00:00+00:00", ["dee"]),
    ]
    night = {"action": "replace", "person": "eli", "from": "2027-03-13T18:00", "to": "2027-03-14T18:00"}
    saved = await house.post("/v1/rotations/ops-backup/overrides", "demo-admin", json=night)
    [clock] = saved.json()["clocks"]
    assert (clock["rotation"], clock["at"], clock["people"]) == ("ops-backup", "2027-03-14T08:00:00+00:00", ["eli"])
    assert clock["text"].endswith("(CST, then CDT): Eli Novak works 23 h instead of 24 h")
    elsewhere = night | {"from": "2026-12-01T18:00", "to": "2026-12-01T20:00", "person": "eli"}
    saved = await house.post("/v1/rotations/ops-backup/overrides", "demo-admin", json=elsewhere)
    assert (saved.status_code, saved.json()["clocks"]) == (201, [])


# --- told as an event -------------------------------------------------------------------------------------------------


async def story(house: House, event_id: str) -> dict[str, Any]:
    """Of an event that is on its way, once it is decided."""
    while (answer := await house.get(f"/v1/events/gridcall/{event_id}")).status_code == 404:
        await asyncio.sleep(0.01)
    return answer.json()


async def until_closed(house: House, event_id: str) -> dict[str, Any]:
    while (found := await story(house, event_id))["status"] == "open":
        await asyncio.sleep(0.01)
    return found


async def test_the_look_of_a_night_is_an_ordinary_event_and_ends_when_mended(tmp_path: Path) -> None:
    """One line to the team's channel; nobody is called."""
    async with opened(tmp_path, roster_text=TEXT + AWAY) as house:
        await house.service.night_look.tick()
        event_id = "coverage/ops-backup/2026-11-10T06:00:00Z"
        told = await story(house, event_id)
        assert told["headline"] == "Operations backup: nobody is on call from Tue 10 Nov 00:00"
        assert [row["channel"] for row in told["plan"]["notifications"]] == ["slack_channel"]
        for absence in (await house.get("/v1/absences")).json()["absences"]:
            await house.client.delete(f"/v1/absences/{absence['id']}", headers={"Authorization": "Bearer demo-admin"})
        house.advance(86_400)
        await house.service.night_look.tick()
        closed = await until_closed(house, event_id)
        assert (closed["status"], closed["revision"]) == ("terminated", 2)
        assert closed["headline"] == "Operations backup: nobody is missing any more"


async def test_a_monitor_looks_by_itself_and_one_of_two_does(tmp_path: Path) -> None:
    async with opened(tmp_path, roster_text=TEXT + AWAY) as house:
        [tick] = [tick for tick in house.service.ticks() if tick.name == "coverage"]
        await asyncio.gather(tick.tick(), tick.tick())
        found = await story(house, "coverage/ops-backup/2026-11-10T06:00:00Z")
        assert found["revision"] == 1


async def test_others_have_their_turn_while_it_looks(tmp_path: Path) -> None:
    """A large roster is looked at in slices: what waits for the loop waits for one of them."""
    copies = "".join(
        f"  r{n}:\n    name: R{n}\n    team: ops\n    timezone: America/Chicago\n    layers:\n"
        f"      - {{name: a, participants: [ana, ben, chie], shift: {{unit: hour}}, starts_at: 2024-01-01T09:00}}\n"
        for n in range(60)
    )
    step = ", ".join(f"r{n}" for n in range(60))
    text = TEXT.replace("\npolicies:", f"\n{copies}\npolicies:").replace(
        "rotations: [ops-primary]", f"rotations: [{step}]", 1
    )
    async with opened(tmp_path, loops=False, roster_text=text) as house:
        looking = asyncio.create_task(house.service.night_look.tick())
        turns = 0
        while not looking.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 60 * 4, "each rotation is several slices"


# --- on the command line ----------------------------------------------------------------------------------------------

Gridcall = Callable[..., tuple[int, str, str]]
FORWARD = "Clocks go forward 1 h to Sun 14 Mar 03:00 (CST, then CDT)"
BACK = "Clocks go back 1 h to Sun 7 Nov 2027 01:00 (CDT, then CST)"
ALL = ("Ana Reyes", "Ben Okafor", "Chie Mori")
CLOCKS = [
    "Through the next changes of clocks:",
    f"  ops-backup: {FORWARD}: Dee Larsen works 167 h instead of 168 h",
    f"  ops-primary: {FORWARD}: {'; '.join(f'{who} works 167 h instead of 168 h' for who in ALL)}",
    f"  ops-backup: {BACK}: Dee Larsen works 169 h instead of 168 h",
    f"  ops-primary: {BACK}: {'; '.join(f'{who} works 169 h instead of 168 h' for who in ALL)}",
]


def test_the_command_says_that_nobody_is_missing(gridcall: Gridcall) -> None:
    code, out, _ = gridcall("coverage", "--days", "30")
    assert (code, out.splitlines()) == (0, ["Nobody is missing in the next 30 days.", *CLOCKS])


def test_the_command_names_them_and_its_exit_code_says_so(gridcall: Gridcall, tmp_path: Path) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(TEXT + AWAY)
    assert gridcall("roster", "apply", str(file), "--yes", "--accept-gaps", "--reason", "closed")[0] == 0
    code, out, _ = gridcall("coverage")
    assert (code, out.splitlines()) == (1, [GAP, *CLOCKS])
    assert gridcall("coverage", "--days", "3")[0] == 0
    file.write_text(TEXT.replace("participants: [dee, eli]", "participants: [dee, ana]"))
    assert gridcall("roster", "apply", str(file), "--yes", "--accept-gaps", "--reason", "ill")[0] == 0
    code, out, _ = gridcall("coverage")
    assert (code, out.startswith("ops-backup and ops-primary: Ana Reyes is on call in both ")) == (0, True)
    file.write_text(TEXT)
    assert gridcall("roster", "apply", str(file), "--yes")[0] == 0


def test_doctor_shows_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """By this machine's own clock."""
    monkeypatch.setenv("GRIDCALL_DATA_DIR", str(tmp_path / "none"))
    file = tmp_path / "roster.yaml"
    file.write_text(TEXT)
    with pytest.raises(SystemExit):
        main(["doctor", "--roster", str(file)])
    assert "nobody is missing in the next 60 days" in capsys.readouterr().out
    file.write_text(TEXT + AWAY.replace("2026-11-10", "2026-01-01").replace("2026-11-11", "2199-01-01"))
    with pytest.raises(SystemExit):
        main(["doctor", "--roster", str(file)])
    assert "ops-backup: Nobody is on call " in capsys.readouterr().out
