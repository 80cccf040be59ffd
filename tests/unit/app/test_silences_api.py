"""Silences over HTTP: who may make them, what is refused, what is shown and kept."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from intake.examples import example
from tests.app_fixture import House, opened

PATH = "/v1/silences"


def body(house: House, **changes: Any) -> dict[str, Any]:
    until = (house.clock.now() + timedelta(hours=2)).isoformat()
    return {"match": {"sources": ["miso"]}, "until": until, "reason": " a noisy feed "} | changes


async def test_it_is_made_shown_and_ended(tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False) as house:
        made = await house.post(PATH, json=body(house))
        assert made.status_code == 201
        said = made.json()
        assert said.pop("warnings") == []
        assert {name: said[name] for name in ("match", "reason", "author", "active", "held")} == {
            "match": {"sources": ["miso"]},
            "reason": "a noisy feed",
            "author": "key demo-operator",
            "active": True,
            "held": {"count": 0, "events": []},
        }
        assert (await house.get(PATH)).json() == {"silences": [said]}
        ended = await house.client.delete(f"{PATH}/{said['id']}", headers={"Authorization": "Bearer demo-operator"})
        assert (ended.status_code, ended.json()["active"]) == (200, False)
        assert (await house.get(PATH)).json() == {"silences": []}
        assert [one["id"] for one in (await house.get(f"{PATH}?ended=true")).json()["silences"]] == [said["id"]]
        entries = (await house.get("/v1/audit", "demo-admin")).json()["audit"]
        assert [(entry["change"], entry["reason"]) for entry in entries[:2]] == [
            ("removed", ""),
            ("added", "a noisy feed"),
        ]


async def test_what_is_refused(tmp_path: Path) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"match": {}}, "match"),
        ({"match": {"sources": ["miso"], "severities": ["critical"]}}, "severities"),
        ({"match": {"sources": ["nobody"]}}, "sources"),
        ({"match": {"severity": ["notice"]}}, "severity"),
        ({"match": {"severities": ["urgent"]}}, "severities"),
        ({"match": {"team": ["ops"]}}, "team"),
        ({"match": {"resources": ["foundry-1"]}}, "resources"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": "2026-11-10T15:00:01Z"}, "until"),
        ({"until": None}, "until"),
        ({"reason": " "}, "reason"),
        ({"author": "somebody else"}, "author"),
    ]
    async with opened(tmp_path, loops=False) as house:
        for changes, field in refused:
            answer = await house.post(PATH, json=body(house, **changes))
            assert answer.status_code == 422, changes
            assert any(field in error["field"] for error in answer.json()["errors"]), changes
        assert (await house.post(PATH, "demo-upstream", json=body(house))).status_code == 403


async def test_what_may_be_a_slip_is_said(house: House) -> None:
    """Any program and resource can come, so they are taken; what fits none of the events that came is told."""
    critical = await house.send("E-1")
    drill = example("edr", house.clock.now(), "E-2") | {"severity": "warning", "mode": "drill"}
    assert (critical["http_status"], (await house.send("E-2", body=drill))["http_status"]) == (202, 202)
    known = house.service.rosters.roster.resources[0]
    program, none = drill["program"], "none of the last 2 events would have been held by it"
    said: list[tuple[dict[str, Any], list[str]]] = [
        ({"programs": [program]}, []),
        ({"programs": [program, "EDRR"]}, ["program EDRR is in none of the last 2 events"]),
        ({"modes": ["actual"]}, [none]),
        ({"sources": ["miso-fast"]}, []),
        ({"resources": ["SITE/no"]}, ["resource SITE/no is not in the roster", none]),
        ({"sources": ["miso"], "resources": [f"{known.scheme}/{known.code}"], "phases": ["info"]}, [none]),
    ]
    for match, warnings in said:
        answer = await house.post(PATH, json=body(house, match=match))
        assert (answer.status_code, answer.json().get("warnings")) == (201, warnings), match


async def test_a_plan_says_that_it_would_be_held(tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False) as house:
        await house.post(PATH, json=body(house))
        for severity, held in (("warning", True), ("critical", False)):
            event = example("edr", house.clock.now(), "E-1") | {"severity": severity}
            plan = (await house.post("/v1/plans", "demo-upstream", json=event)).json()
            assert any("nobody would be told now" in remark for remark in plan["remarks"]) is held
            assert plan["rings"] is not held
