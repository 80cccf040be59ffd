"""A sender that gives its message a key may send it as often as it likes; under one key two messages are a mistake."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app import repeats
from app.repeats import Repeats
from model import idempotency
from tests.app_fixture import ROSTER, START, House, opened

SOURCES = "\n  mui: {name: MUI, format: miso-mui, heartbeat: none}"
KEYS = "\n  demo-mui: {role: upstream, source: mui, secret: demo-mui}"
MUI = {
    "source": "MISO",
    "destination": "ACME",
    "priority": 0,
    "text": "Max Gen Event Step 2 for LRZ 4. Reduce 12.5 MW.",
    "effectiveTime": "2026-11-03T09:30:00-05:00",
    "terminationTime": "2026-11-03T17:30:00-05:00",
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    text = ROSTER.read_text().replace("\nsources:", f"\nsources:{SOURCES}").replace("\nkeys:", f"\nkeys:{KEYS}")
    async with opened(tmp_path, roster_text=text) as found:
        yield found


def event(event_id: str, **more: Any) -> dict[str, Any]:
    return {"event_id": event_id, "headline": "Cut 12.5 MW", "phase": "event"} | more


async def sent(house: House, body: Any, key: str = "K", **more: Any) -> httpx2.Response:
    headers = {"Idempotency-Key": key, "Prefer": "wait=5"} | more.pop("headers", {})
    path, who = more.pop("path", "/v1/events"), more.pop("who", "demo-upstream")
    return await house.post(path, who, json=body, headers=headers)


def forget(house: House) -> None:
    """As after a restart, or in another process."""
    house.service.repeats = Repeats()


async def test_the_same_again_gets_the_first_answer(house: House) -> None:
    first = await sent(house, event("E-1"))
    house.advance(90)
    again = await sent(house, event("E-1"))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["rings"] is True
    told = {"duplicate": True, "rings": False, "detail": "already accepted at 15:00:00, nobody is called again"}
    assert again.json() == first.json() | told
    assert again.headers["idempotency-replayed"] == "true"
    assert (await house.rows())["deliveries"] == 1
    assert house.service.notebook.last_seen["miso"] == START + timedelta(seconds=90)
    assert 'gridcall_repeats_total{source="miso"} 1.0' in (await house.get("/metrics", None)).text


async def test_another_process_finds_out_with_the_router(house: House) -> None:
    first = await sent(house, event("E-1"))
    forget(house)
    again = await sent(house, event("E-1"))
    assert (again.status_code, again.json()["duplicate"], again.json()["rings"]) == (202, True, False)
    assert again.json()["detail"] == "already accepted at 15:00:00, nobody is called again"
    assert again.json()["delivery_id"] != first.json()["delivery_id"]
    assert len((await house.get("/v1/events/miso/E-1")).json()["revisions"]) == 1


async def test_another_body_is_422_and_people_are_told(house: House) -> None:
    await sent(house, event("E-1"))
    other = await sent(house, event("E-2"))
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    assert other.json()["title"] == "The key is that of another body"
    state = (await house.get(other.json()["status_url"])).json()
    assert (state["state"], state["event_id"].split("/")[0]) == ("conflict", "unreadable")
    assert (await house.get("/v1/events/miso/E-2")).status_code == 404
    (kept,) = (await house.get("/v1/unreadable")).json()["unreadables"]
    assert "'K', the key of another body of 15:00:00" in kept["problems"][0]
    told = (await house.get(f"/v1/events/gridcall/{kept['told_as']}")).json()
    assert "bears another's key" in str(told)
    replayed = await house.post(f"/v1/unreadable/{kept['id']}/replay", headers={"Prefer": "wait=5"})
    assert (replayed.status_code, replayed.json()["event_id"]) == (202, "E-2")
    assert (await sent(house, event("E-1"))).json()["duplicate"] is True


async def test_another_body_found_late_is_a_conflict_all_the_same(house: House) -> None:
    await sent(house, event("E-1"))
    forget(house)
    other = await sent(house, event("E-2"))
    assert other.status_code == 202
    assert "both are kept" in other.json()["detail"]
    assert (await house.get("/v1/events/miso/E-2")).status_code == 404
    assert len((await house.get("/v1/unreadable")).json()["unreadables"]) == 1


async def test_a_sender_that_drops_on_4xx_gets_what_it_expects(house: House) -> None:
    body = {"test": "false", "notificationData": {"messages": [MUI]}}
    other = {"test": "false", "notificationData": {"messages": [MUI | {"text": "LRZ 7: reduce 3 MW"}]}}
    for one in (body, body, other):
        answer = await sent(house, one, path="/v1/sources/mui/events", who="demo-mui")
        assert (answer.status_code, answer.json()) == (200, {"received": 1})
    assert len((await house.get("/v1/unreadable")).json()["unreadables"]) == 1


async def test_what_cannot_be_read_is_looked_at_each_time(house: House) -> None:
    for _ in range(2):
        answer = await sent(house, {"event_id": "E-1"})
        assert answer.status_code == 422
        assert answer.json()["title"] == "The message cannot be read"
    assert (await sent(house, event("E-1"))).json()["rings"] is True


async def test_a_list_is_known_member_by_member(house: House) -> None:
    body = [event("E-1"), {"event_id": "E-2"}]
    first, again = (await sent(house, body)).json()["results"], (await sent(house, body)).json()["results"]
    assert again[0] == first[0] | {"duplicate": True, "rings": False, "detail": again[0]["detail"]}
    assert again[1] == first[1]


async def test_keys_of_two_sources_and_no_key_are_no_repeat(house: House) -> None:
    await sent(house, event("E-1"))
    assert (await sent(house, event("E-2"), who="demo-fast")).json()["rings"] is True
    assert (await sent(house, event("E-3"), key="")).json()["rings"] is True
    assert (await sent(house, event("E-4"), key="")).json()["rings"] is True


async def test_a_webhook_s_id_is_a_key_too(house: House) -> None:
    for rings in (True, False):
        answer = await sent(house, event("E-1"), key="", headers={"webhook-id": "msg_1"})
        assert answer.json()["rings"] is rings


async def test_the_door_remembers_a_week_and_the_latest(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "REMEMBERED", 2)
    for n in range(3):
        await sent(house, event(f"E-{n}"), key=f"K{n}")
    answers = [await sent(house, event(f"E-{n}"), key=f"K{n}") for n in (1, 2, 0)]
    assert ["idempotency-replayed" in answer.headers for answer in answers] == [True, True, False]
    house.advance(idempotency.KEPT.total_seconds())
    assert "idempotency-replayed" not in (await sent(house, event("E-2"), key="K2")).headers


async def test_old_keys_are_forgotten_by_housekeeping(house: House) -> None:
    await sent(house, event("E-1"))
    house.advance(idempotency.KEPT.total_seconds())
    await house.service.housekeeping.tidy()
    assert (await house.rows())["idempotency_keys"] == 1
    house.advance(1)
    await house.service.housekeeping.tidy()
    assert (await house.rows())["idempotency_keys"] == 0
