"""Planted violations: the layer finds each, also behind something right of the same operation, and fails the test."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from model.clock import SystemClock
from sandbox import World, build
from tests.contract import wire
from tests.contract.layer import ContractLayer
from tests.contract.wire import Exchange, Layer, Recorder

SID = "AC00000000000000000000000000000001"
CALL = {"To": "+15550101", "From": "+15550100", "Twiml": "<Response/>", "Timeout": "25"}
ALERT = {
    "routing_key": "R" * 32,
    "event_action": "trigger",
    "dedup_key": "miso:1:g1",
    "payload": {"summary": "REDUCE 12.5 MW", "source": "gridcall", "severity": "critical"},
}


@pytest.fixture(scope="module")
def layer(vendor_specs: Path) -> Layer:
    return Layer(vendor_specs)


@pytest.fixture
async def spoken() -> dict[str, Exchange]:
    """One right exchange with each vendor."""
    recorder = Recorder(build(World(SystemClock())))
    transport = httpx2.ASGITransport(recorder)
    async with httpx2.AsyncClient(transport=transport, base_url="http://standins") as client:
        calls = f"/twilio/2010-04-01/Accounts/{SID}/Calls.json"
        await client.post(calls, data=CALL, auth=(SID, "sandbox-twilio-auth-token"))
        post = {"channel": "C012345678", "text": "REDUCE"}
        await client.post("/slack/api/chat.postMessage", json=post, headers={"Authorization": "Bearer xoxb-sandbox"})
        await client.post("/pagerduty/v2/enqueue", json=ALERT)
    wire.UNCHECKED.clear()
    return dict(zip(("twilio", "slack", "pagerduty"), recorder.exchanges, strict=True))


def test_what_is_right_passes_and_is_counted(layer: Layer, spoken: dict[str, Exchange]) -> None:
    before = layer.requests.copy()
    assert layer.check(spoken.values()) == []
    assert layer.requests - before == {
        "twilio POST /Calls.json": 1,
        "slack POST /chat.postMessage": 1,
        "pagerduty POST /enqueue": 1,
    }
    whole = layer.checked_whole
    other = replace(spoken["slack"], body=spoken["slack"].body.replace(b"REDUCE", b"RESUME NOW"))
    assert layer.check([*spoken.values(), other]) == []
    assert layer.checked_whole == whole  # of the same shape


def form(**changed: str) -> Callable[[Exchange], Exchange]:
    return lambda exchange: replace(exchange, body=urlencode(CALL | changed).encode())


def alert(**changed: Any) -> Callable[[Exchange], Exchange]:
    body = ALERT | {"payload": ALERT["payload"] | changed}  # type: ignore[operator]
    return lambda exchange: replace(exchange, body=json.dumps(body).encode())


def answer(**changed: Any) -> Callable[[Exchange], Exchange]:
    return lambda exchange: replace(exchange, answer=json.dumps(json.loads(exchange.answer) | changed).encode())


def without_token(exchange: Exchange) -> Exchange:
    headers = [(key, value) for key, value in exchange.scope["headers"] if key != b"authorization"]
    return replace(exchange, scope=exchange.scope | {"headers": headers})


def slowed_down(exchange: Exchange) -> Exchange:
    return replace(exchange, status=429, answer=b'{"ok": false, "error": "ratelimited"}')


def elsewhere(exchange: Exchange) -> Exchange:
    return replace(exchange, scope=exchange.scope | {"path": "/slack/api/chat.shout"})


PLANTED = {
    "a number that is none": ("twilio", form(Timeout="abc")),
    "a status that Twilio does not know": ("twilio", answer(status="answered")),
    "an id of another form": ("twilio", answer(sid="CA12")),
    "a summary too long": ("pagerduty", alert(summary="x" * 1025)),
    "a severity that PagerDuty does not know": ("pagerduty", alert(severity="fatal")),
    "a timestamp that is none": ("slack", answer(ts="now")),
    "no token": ("slack", without_token),
    "429 that does not say how long": ("slack", slowed_down),
    "a method there is not": ("slack", elsewhere),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_violation_is_found(layer: Layer, spoken: dict[str, Exchange], planted: str) -> None:
    vendor, break_it = PLANTED[planted]
    broken = break_it(spoken[vendor])
    assert len(layer.check([spoken[vendor], broken, spoken[vendor]])) == 1


def test_a_violation_fails_the_test_it_is_in(
    layer: Layer, spoken: dict[str, Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = ContractLayer()
    monkeypatch.setattr(plugin, "_found", lambda: layer)
    monkeypatch.setattr(wire, "UNCHECKED", [spoken["twilio"]])
    plugin._look()
    wire.UNCHECKED.append(answer(status="answered")(spoken["twilio"]))
    with pytest.raises(pytest.fail.Exception, match="answered"):
        plugin._look()
    assert wire.UNCHECKED == []


def test_without_descriptions_it_says_so(spoken: dict[str, Exchange], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDCALL_VENDOR_SPECS", "/nowhere")
    monkeypatch.setenv("GRIDCALL_TEST_SERVICES", "find")
    monkeypatch.setattr(wire, "UNCHECKED", list(spoken.values()))
    plugin = ContractLayer()
    plugin._look()
    assert plugin.unchecked == 3
    monkeypatch.setenv("GRIDCALL_TEST_SERVICES", "require")
    wire.UNCHECKED.extend(spoken.values())
    with pytest.raises(pytest.fail.Exception, match="vendor-specs not found"):
        plugin._look()
