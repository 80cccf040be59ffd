"""What machines ask: figures, and the schema of an event."""

import asyncio
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.app_fixture import House, opened


async def figures(house: House) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by name and label values."""
    answer = await house.get("/metrics", None)
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_what_happened_is_in_the_figures(house: House) -> None:
    await house.send("edr-1")
    await house.post("/v1/events", "demo-upstream", content=b"{", headers={"Prefer": "wait=5"})
    await house.get("/v1/events/miso/edr-1")
    await house.get("/v1/events/miso/none")
    await house.get("/nowhere")
    await house.until(lambda: house.service.broker.depth() == 0)
    found = await figures(house)
    assert found["gridcall_http_requests_total", ("POST", "events in", "202")] == 1
    assert found["gridcall_http_requests_total", ("POST", "events in", "422")] == 1
    route = "/v1/events/{source}/{event_id:path}"
    assert found["gridcall_http_requests_total", ("GET", route, "200")] == 1
    assert found["gridcall_http_requests_total", ("GET", route, "404")] == 1
    assert found["gridcall_http_requests_total", ("GET", "other", "404")] == 1
    assert found["gridcall_queue_depth", ()] == 0
    assert found["gridcall_events_open", ()] == 2  # the event, and the one that tells of the unreadable message
    assert found["gridcall_unreadables_open", ()] == 1
    assert found["gridcall_database_up", ()] == 1
    assert found["gridcall_monitors", ("new",)] == 3
    assert found["gridcall_loop_turned_seconds", ("dispatcher",)] == 0
    for loop in ("reviser", "dispatcher", "reconciler"):
        assert (found["gridcall_broken", (loop,)], found["gridcall_setbacks_total", (loop,)]) == (0, 0)


async def test_what_waits_is_aged_by_lane_and_channel(tmp_path: Path) -> None:
    """Only the router runs: its rows fall due, and nobody sends them."""
    async with opened(tmp_path, loops=False) as house:
        router = asyncio.create_task(house.service.router.run())
        await house.send("edr-1")
        house.advance(42)
        found = await figures(house)
        router.cancel()
        await asyncio.gather(router, return_exceptions=True)
    assert found["gridcall_due_unsent_oldest_seconds", ("voice", "0")] == 42
    assert found["gridcall_due_unsent", ("voice", "0")] == 2
    assert found["gridcall_loop_turned_seconds", ("dispatcher",)] == 42


async def test_the_first_acknowledgement_is_in_a_histogram_and_drills_apart(house: House) -> None:
    for event_id, kind in (("edr-1", "edr"), ("drill-1", "drill")):
        await house.send(event_id, kind)
        house.advance(20)
        for person in ("ana", "ben"):
            answer = {"person": person, "reply": "acknowledge"}
            assert (await house.post(f"/v1/events/miso/{event_id}/reply", json=answer)).status_code == 200
    found = await figures(house)
    assert found["gridcall_first_acknowledgement_seconds_sum", ("actual",)] == 20
    assert found["gridcall_first_acknowledgement_seconds_bucket", ("15.0", "actual")] == 0
    for mode, count in (("actual", 1), ("drill", 1), ("test", 0)):
        assert found["gridcall_first_acknowledgement_seconds_count", (mode,)] == count
        assert found["gridcall_first_ring_left_seconds_count", (mode,)] == 0


async def test_each_service_has_figures_of_its_own(house: House) -> None:
    assert ("gridcall_http_requests_total", ("GET", "/metrics", "200")) not in await figures(house)
    assert (await figures(house))["gridcall_http_requests_total", ("GET", "/metrics", "200")] == 1


async def test_the_schema_of_an_event_is_open_to_all(house: House) -> None:
    schema = (await house.get("/schemas/event.json", None)).json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "event_id" in schema["properties"]


async def test_every_route_is_described_with_a_tag(house: House) -> None:
    described = (await house.get("/openapi.json", None)).json()
    untagged = [
        f"{method} {path}"
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if not operation.get("tags")
    ]
    assert untagged == []
    assert {"/v1/plans", "/v1/oncall", "/v1/live", "/v1/unreadable/{unreadable_id}/replay"} <= set(described["paths"])
