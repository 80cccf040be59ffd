"""PagerDuty: alerts open and close by key, and a 202 proves nothing."""

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from model.plan import ChannelName, Kind
from notifiers.limits import Limits, Paces

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


async def test_a_key_takes_120_in_any_minute_as_many_as_we_send(stage: Stage) -> None:
    """Sliding: by the pace that we keep none is refused; faster, all that is too much, without a word of when."""
    paces, clock = Paces(Limits()), stage.clock
    row = Mock(kind=Kind.ALERT, channel=ChannelName.PAGERDUTY, address=KEY)
    statuses, end = [], clock.now() + timedelta(seconds=90)
    while (at := paces.until(row, clock.now())) < end:
        clock.move(at)
        paces.take(row, at)
        statuses.append((await send(stage)).status_code)
    assert set(statuses) == {202}
    assert len(statuses) >= 165
    clock.move(end + timedelta(seconds=61))
    answers = [await send(stage) for _ in range(121)]
    assert [answer.status_code for answer in answers] == [202] * 120 + [429]
    assert "retry-after" not in answers[-1].headers
    assert (await send(stage, routing_key=KEY[::-1])).status_code == 202
