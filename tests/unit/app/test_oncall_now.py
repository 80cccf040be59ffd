"""Who is on call now: the short way answers as the long one does, and never for whom it must not."""

from datetime import datetime, timedelta

import pytest

from tests.app_fixture import START, House


async def both(house: House, query: str = "", key: str = "demo-operator") -> tuple[object, object]:
    """What is said of now, and of the same instant worked out anew."""
    now = await house.get(f"/v1/oncall{query}", key)
    at = house.clock.now().isoformat().replace("+00:00", "Z")
    anew = await house.get(f"/v1/oncall{query}{'&' if query else '?'}at={at}", key)
    assert (now.status_code, anew.status_code) == (200, 200)
    assert now.headers["content-type"] == "application/json"
    assert {"x-request-id", "server-timing"} <= now.headers.keys()
    return now.json(), anew.json()


@pytest.mark.parametrize("query", ["", "?team=ops"])
async def test_the_kept_answer_is_the_one_worked_out_anew_at_any_time(house: House, query: str) -> None:
    """Before and after a change of minute and a handoff."""
    handoff = datetime.fromisoformat("2026-11-09T15:00:00+00:00")
    for at in (START, START, START + timedelta(seconds=59), handoff - timedelta(seconds=5), handoff, handoff):
        house.clock.move_to(at)
        now, anew = await both(house, query)
        assert now == anew
    assert house.service.metrics.caches.of("oncall").outcomes["hit"] >= 2


async def test_it_is_counted_by_its_route(house: House) -> None:
    for _ in range(3):
        await house.get("/v1/oncall")
    text = (await house.get("/metrics")).text
    assert 'gridcall_http_requests_total{method="GET",route="/v1/oncall",status="200"} 3.0' in text
    assert 'gridcall_cache_total{cache="oncall",outcome="hit"}' in text


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("wrong", 401), ("demo-upstream", 403), ("demo-admin", 200)])
async def test_a_kept_answer_is_for_those_only_who_may_ask(house: House, key: str | None, status: int) -> None:
    await house.get("/v1/oncall")
    answer = await house.get("/v1/oncall", key)
    assert answer.status_code == status
    refused = house.service.metrics.refused
    assert sum(metric.value for family in refused.collect() for metric in family.samples) == (status != 200)


async def test_an_edit_is_seen_at_once(house: House) -> None:
    before = (await house.get("/v1/oncall?team=ops")).json()["rotations"][0]
    assert before["id"] == "ops-backup"
    whom = before["groups"][0]["people"][0]["id"]
    other = next(p for p in ("dee", "eli") if p != whom)
    edit = {
        "action": "replace",
        "person": other,
        "replaces": whom,
        "from": START.isoformat(),
        "to": (START + timedelta(hours=8)).isoformat(),
    }
    saved = await house.post("/v1/rotations/ops-backup/overrides", "demo-admin", json=edit)
    assert saved.status_code == 201, saved.text
    after = (await house.get("/v1/oncall?team=ops")).json()["rotations"][0]
    assert after["groups"][0]["people"][0]["id"] == other


@pytest.mark.parametrize("query", ["?team=", "?team=ops&team=ops", "?team=o%70s", "?x=1", "?team=none"])
async def test_what_is_not_plain_is_left_to_the_route(house: House, query: str) -> None:
    await house.get("/v1/oncall")
    await house.get("/v1/oncall?team=ops")
    answer = await house.get(f"/v1/oncall{query}")
    assert answer.status_code == {"?team=": 404, "?team=none": 404, "?x=1": 422}.get(query, 200)
