"""PagerDuty: alerts open and close by key, and a 202 proves nothing."""

from typing import Any

import pytest

from .conftest import Stage

KEY = "0123456789abcdef0123456789abcdef"
PAYLOAD = {"summary": "REDUCE 12.5 MW", "source": "gridcall", "severity": "critical"}
TRIGGER = {
    "routing_key": KEY,
    "event_action": "trigger",
    "dedup_key": "miso:e1:g1",
    "payload": PAYLOAD,
}


async def send(stage: Stage, **changes: Any) -> Any:
    return await stage.http.post("/pagerduty/v2/enqueue", json=TRIGGER | changes)


async def statuses(stage: Stage) -> list[str]:
    return [alert["status"] for alert in (await stage.http.get("/pagerduty/alerts")).json()["alerts"]]


async def test_an_alert_opens_is_acknowledged_and_closed_and_opens_again(stage: Stage) -> None:
    answer = await send(stage)
    assert (answer.status_code, answer.json()["dedup_key"]) == (202, "miso:e1:g1")
    await send(stage)
    assert await statuses(stage) == ["triggered"]
    await send(stage, event_action="acknowledge")
    assert await statuses(stage) == ["acknowledged"]
    await send(stage, event_action="resolve")
    await send(stage)
    assert await statuses(stage) == ["resolved", "triggered"]
    assert await stage.events() == ["trigger", "trigger", "acknowledge", "resolve", "trigger"]


@pytest.mark.parametrize("change", [{"dedup_key": "other"}, {"routing_key": KEY[::-1]}])
async def test_an_acknowledgement_of_nothing_is_dropped_but_answered_202(stage: Stage, change: dict[str, str]) -> None:
    await send(stage)
    assert (await send(stage, event_action="acknowledge", **change)).status_code == 202
    assert await statuses(stage) == ["triggered"]
    assert await stage.events() == ["trigger"]


async def test_the_feed_does_not_show_the_routing_key(stage: Stage) -> None:
    await send(stage)
    assert KEY not in (await stage.http.get("/messages")).text


@pytest.mark.parametrize(
    "change",
    [
        {"routing_key": "short"},
        {"event_action": "shout"},
        {"dedup_key": "x" * 256},
        {"payload": None},
        {"payload": PAYLOAD | {"summary": "x" * 1025}},
        {"payload": PAYLOAD | {"severity": "notice"}},
        {"payload": {"summary": "x", "severity": "info"}},
        {"event_action": "resolve", "dedup_key": None},
    ],
)
async def test_invalid_events_are_refused(stage: Stage, change: dict[str, Any]) -> None:
    answer = await send(stage, **change)
    assert answer.status_code == 400
    assert answer.json()["status"] == "invalid event"
    assert len(answer.json()["errors"]) == 1
