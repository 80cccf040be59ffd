"""Maintenance over HTTP: who may say it, what is refused, what is shown and kept."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.app_fixture import House, opened

PATH = "/v1/sources/miso/maintenance"


async def said(house: House, reason: str, until: float, begin: float = 0, source: str = "miso") -> dict[str, Any]:
    """`until` and `begin` in hours from now."""
    begins, ends = (house.clock.now() + timedelta(hours=hours) for hours in (begin, until))
    body = {"until": ends.isoformat(), "reason": reason} | ({"from": begins.isoformat()} if begin else {})
    answer = await house.post(f"/v1/sources/{source}/maintenance", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def listed(house: House, source: str = "") -> list[str]:
    there = await house.get("/v1/maintenance", params={"source": source} if source else {})
    return [window["reason"] for window in there.json()["maintenance"]]


async def over(house: House, path: str = PATH) -> httpx2.Response:
    return await house.client.delete(path, headers={"Authorization": "Bearer demo-operator"})


async def test_it_is_said_shown_and_ended(tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False) as house:
        first = await said(house, " new firewall ", 2)
        until = (house.clock.now() + timedelta(hours=2)).isoformat()
        window = {name: value for name, value in first.items() if name != "others"}
        assert first["others"] == []
        assert window == {
            "id": window["id"],
            "source": "miso",
            "from": house.clock.now().isoformat(),
            "until": until,
            "reason": "new firewall",
            "author": "key demo-operator",
            "active": True,
        }
        shown = (await house.get("/v1/sources/miso")).json()
        assert (shown["maintenance"], shown["monitor"]["status"]) == ([window], "paused")
        assert (await house.get("/v1/maintenance")).json() == {"maintenance": [window], "next": None}
        house.advance(60)
        ended = await over(house)
        at = house.clock.now().isoformat()
        assert ended.json() == {"source": "miso", "ended_at": at, "ended": [window], "others": []}
        assert (await house.get("/v1/sources/miso")).json()["maintenance"] == await listed(house) == []
        assert (await over(house)).status_code == 404
        entries = (await house.get("/v1/audit", "demo-admin")).json()["audit"]
        told = [(entry["change"], entry["text"]) for entry in entries if entry["what"] == "maintenance/miso"]
        assert told == [
            ("removed", f"end of the maintenance of source miso that was until {until}"),
            ("added", f"maintenance of source miso from {window['from']} until {until}"),
        ]


async def test_windows_add_up_and_each_is_ended_by_itself(tmp_path: Path) -> None:
    """Who plans the next one ends none that runs; who ends what runs leaves what is to come."""
    async with opened(tmp_path, loops=False) as house:
        long, short = await said(house, "cables", 6), await said(house, "firewall", 2)
        later = await said(house, "new version", 50, 48)
        await said(house, "elsewhere", 1, source="miso-fast")
        assert [window["reason"] for window in later["others"]] == ["cables", "firewall"]
        assert await listed(house, "miso") == ["cables", "firewall", "new version"]
        assert len(await listed(house)) == 4
        house.advance(3600)
        one = (await over(house, f"{PATH}/{long['id']}")).json()
        assert [w["reason"] for w in one["ended"]] == ["cables"]
        assert [(w["reason"], w["active"]) for w in one["others"]] == [("firewall", True), ("new version", False)]
        shown = (await house.get("/v1/sources/miso")).json()
        assert (shown["monitor"]["status"], len(shown["maintenance"])) == ("paused", 2)
        assert [w["id"] for w in (await over(house)).json()["ended"]] == [short["id"]]
        none = await over(house)
        assert (none.status_code, later["id"] in none.json()["detail"]) == (404, True)
        assert (await over(house, f"{PATH}/{short['id']}")).status_code == 404
        assert (await over(house, f"/v1/sources/miso-fast/maintenance/{later['id']}")).status_code == 404
        assert (await over(house, f"{PATH}/{later['id']}")).status_code == 200
        assert await listed(house, "miso") == []


async def test_a_source_has_so_many_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.maintenance.AT_ONCE", 1)
    async with opened(tmp_path, loops=False) as house:
        await said(house, "one", 1)
        body = {"until": (house.clock.now() + timedelta(hours=1)).isoformat(), "reason": "two"}
        assert (await house.post(PATH, json=body)).status_code == 409
        assert await listed(house) == ["one"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "until"),
        ({"until": "2026-07-14T02:00:00", "reason": "x"}, "until"),
        ({"until": "2020-01-01T00:00:00Z", "reason": "x"}, "until"),
        ({"until": "+7d1s", "reason": "x"}, "until"),
        ({"until": "+1h", "reason": " "}, "reason"),
        ({"until": "+1h", "reason": "x" * 201}, "reason"),
        ({"until": "+1h", "reason": "x", "for": "ever"}, "for"),
    ],
)
async def test_what_is_refused(tmp_path: Path, body: dict[str, str], field: str) -> None:
    async with opened(tmp_path, loops=False) as house:
        now = house.clock.now()
        after = {"+1h": timedelta(hours=1), "+7d1s": timedelta(days=7, seconds=1)}
        until = body.get("until", "")
        given = body | ({"until": (now + after[until]).isoformat()} if until in after else {})
        answer = await house.post(PATH, json=given)
        assert answer.status_code == 422
        assert any(field in error["field"] for error in answer.json()["errors"])


async def test_an_unknown_source_and_an_upstream(tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False) as house:
        body = {"until": (house.clock.now() + timedelta(hours=1)).isoformat(), "reason": "x"}
        assert (await house.post("/v1/sources/nobody/maintenance", json=body)).status_code == 404
        assert (await house.post(PATH, "demo-upstream", json=body)).status_code == 403
