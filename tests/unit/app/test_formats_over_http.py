"""Upstreams that speak their own formats, through the door and the router: their answers, and what became of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from store.tables import bodies
from tests.app_fixture import ROSTER, House, opened

KEY = "demo-paging-0123456789abcdef0123"
SOURCES = """
  mui: {name: MUI, format: miso-mui, heartbeat: none}
  vtn: {name: VTN, format: openadr, heartbeat: none, programs: {"44": {issuer: MISO, program: EDR}}}
  paging: {name: Monitoring, format: pagerduty, heartbeat: none}
"""
KEYS = f"""
  demo-mui: {{role: upstream, source: mui, secret: demo-mui}}
  demo-vtn: {{role: upstream, source: vtn, secret: demo-vtn}}
  demo-paging: {{role: upstream, source: paging, secret: {KEY}}}
"""
MUI = {
    "source": "MISO",
    "destination": "ACME",
    "priority": 0,
    "text": "Max Gen Event Step 2 for LRZ 4. Reduce 12.5 MW.",
    "effectiveTime": "2026-11-03T09:30:00-05:00",
    "terminationTime": "2026-11-03T17:30:00-05:00",
}
TRIGGER = {"summary": "Disk full on db-1", "source": "db-1", "severity": "critical"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    text = ROSTER.read_text().replace("\nsources:\n", f"\nsources:{SOURCES}").replace("\nkeys:\n", f"\nkeys:{KEYS}")
    async with opened(tmp_path, roster_text=text) as found:
        yield found


async def sent(house: House, source: str, body: Any, path: str | None = None) -> httpx2.Response:
    path = path or f"/v1/sources/{source}/events"
    return await house.post(path, f"demo-{source}", json=body, headers={"Prefer": "wait=5"})


async def event(house: House, source: str, event_id: str) -> dict[str, Any]:
    answer = await house.get(f"/v1/events/{source}/{event_id}")
    return dict(answer.json())


async def test_miso_gets_200_and_its_release_finds_the_order(house: House) -> None:
    ordered = {"test": "false", "notificationData": {"messages": [MUI]}}
    over = MUI | {"text": "Max Gen Event Step 2 Termination for LRZ 4.", "effectiveTime": "2026-11-03T10:00:00-05:00"}
    for body in (ordered, {"test": "false", "notificationData": {"messages": [over]}}):
        answer = await sent(house, "mui", body)
        assert (answer.status_code, answer.json()) == (200, {"received": 1})
    (found,) = (await house.get("/v1/events")).json()["events"]
    assert found["event_id"].startswith("mui-")
    assert (found["status"], found["revision"]) == ("terminated", 2)


async def test_openadr_hears_its_echo_and_gets_200_for_what_nobody_can_read(house: House) -> None:
    echo = await house.get("/v1/sources/vtn/events", None, params={"echo": "a+b/c=="})
    assert (echo.status_code, echo.text, echo.headers["content-type"]) == (200, "a+b/c==", "text/plain; charset=utf-8")
    for odd in ("<script>alert(1)</script> ", "x" * 257, "é"):
        assert (await house.get("/v1/sources/vtn/events", None, params={"echo": odd})).status_code == 422
    answer = await sent(house, "vtn", {"objectType": "EVENT", "operation": "CREATE", "object": {}})
    assert (answer.status_code, answer.json()) == (200, {"received": 1})
    assert answer.headers["content-type"] == "application/json"
    (kept,) = (await house.get("/v1/unreadable")).json()["unreadables"]
    assert kept["source"] == "vtn"


async def test_a_person_who_replays_gets_our_answer(house: House) -> None:
    """Whatever the source expects: it is not the source that asks."""
    await sent(house, "vtn", {"objectType": "EVENT", "operation": "CREATE", "object": {}})
    (kept,) = (await house.get("/v1/unreadable")).json()["unreadables"]
    answer = await house.post(f"/v1/unreadable/{kept['id']}/replay")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    body = json.dumps({"objectType": "EVENT", "operation": "CREATE", "object": {"id": "e-1", "programID": "44"}})
    assert (await house.put(f"/v1/unreadable/{kept['id']}", json={"body": body})).json()["readable"]


async def pages(house: House, act: Callable[[Any], Any]) -> Any:
    """What the `pagerduty` package does, pointed at the house."""
    import pagerduty

    loop = asyncio.get_running_loop()

    class Here(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            asked = house.client.request(
                request.method, request.url.raw_path.decode(), content=request.read(), headers={"Prefer": "wait=5"}
            )
            answer = asyncio.run_coroutine_threadsafe(asked, loop).result(20)
            return httpx2.Response(answer.status_code, content=answer.content, request=request)

    client = pagerduty.EventsApiV2Client(KEY, transport=Here())
    return await asyncio.to_thread(act, client)


async def test_what_pages_pagerduty_pages_us(house: House) -> None:
    """Its own package: triggered, acknowledged there, resolved, and triggered again under the same key."""

    def trigger(client: Any) -> Any:
        return client.send_event("trigger", dedup_key="disk/db-1", payload=TRIGGER)

    assert await pages(house, trigger) == "disk/db-1"
    assert await pages(house, trigger) == "disk/db-1"
    found = await event(house, "paging", "disk%2Fdb-1")
    assert (found["status"], len(found["revisions"])) == ("open", 1)

    await pages(house, lambda client: client.acknowledge("disk/db-1"))
    found = await event(house, "paging", "disk%2Fdb-1")
    assert found["status"] == "open"
    details = [entry["body"].get("detail", "") for entry in found["timeline"]]
    assert any("that stops nobody here" in detail for detail in details)

    for _ in range(2):
        await pages(house, lambda client: client.resolve("disk/db-1"))
        found = await event(house, "paging", "disk%2Fdb-1")
        assert (found["status"], len(found["revisions"])) == ("terminated", 2)
    assert found["revisions"][-1]["content"]["headline"] == "Disk full on db-1"

    await pages(house, trigger)
    found = await event(house, "paging", "disk%2Fdb-1")
    assert (found["status"], len(found["revisions"]), found["revisions"][-1]["needs_answer"]) == ("open", 3, True)


async def test_its_key_is_nowhere_in_the_evidence(house: House) -> None:
    await house.client.post(
        "/v2/enqueue",
        json={"routing_key": KEY, "event_action": "trigger", "payload": TRIGGER},
        headers={"Prefer": "wait=5"},
    )
    kept = await house.service.database.read(lambda conn: conn.scalars(select(bodies.c.body)).all())
    assert len(kept) == 1
    assert KEY.encode() not in kept[0]


@pytest.mark.parametrize("body", [{"routing_key": "x" * 32}, {"event_action": "trigger"}, [], "no"])
async def test_without_a_key_it_is_refused(house: House, body: Any) -> None:
    answer = await house.client.post("/v2/enqueue", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


async def test_pagerduty_errors_come_in_its_words(house: House) -> None:
    answer = await house.client.post("/v2/enqueue", json={"routing_key": KEY, "event_action": "trigger"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert answer.json()["status"] == "invalid event"


async def test_ends_of_unknown_events_ring_nobody(house: House) -> None:
    """As at PagerDuty: dropped, answered as done. A later trigger of the key is an event like any other."""
    for action in ("acknowledge", "resolve", "resolve"):
        body = {"routing_key": KEY, "event_action": action, "dedup_key": "k-1"}
        answer = await house.client.post("/v2/enqueue", json=body, headers={"Prefer": "wait=5"})
        assert (answer.status_code, answer.json()["status"]) == (202, "success")
    body = {"routing_key": KEY, "event_action": "trigger", "dedup_key": "k-1", "payload": TRIGGER}
    await house.client.post("/v2/enqueue", json=body, headers={"Prefer": "wait=5"})
    found = await event(house, "paging", "k-1")
    assert (found["status"], found["revisions"][-1]["needs_answer"]) == ("open", True)
