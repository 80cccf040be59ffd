"""What really goes over the wire in a story with trouble, held against the vendors' own API descriptions."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app import serve
from sandbox import World as StandIns
from sandbox import build
from tests.contract.wire import HOSTS, Recorder, check, described
from tests.scenario import world as scenario
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

SID = re.compile(r"(?<=/)(CA|SM)[0-9a-f]{32}(?=\.json)")
MOUNTS = {
    "twilio": "/twilio/2010-04-01/Accounts/AC00000000000000000000000000000001/",
    "slack": "/slack/api/",
    "pagerduty": "/pagerduty/",
}


@pytest.fixture
def recorders(monkeypatch: pytest.MonkeyPatch) -> list[Recorder]:
    """One for each world opened after this."""
    made: list[Recorder] = []

    def recorded(standins: StandIns) -> Any:
        made.append(Recorder(build(standins)))
        return made[-1]

    monkeypatch.setattr(scenario, "build_standins", recorded)
    return made


@pytest.fixture
async def recorded_world(recorders: list[Recorder], opens: OpenWorld) -> AsyncIterator[World]:
    """The demo's people, with ids in Slack as long as Slack's own."""
    roster = re.sub(r"\b([CU]0[A-Z]+)\b", r"\g<1>0000000", serve.DEMO_ROSTER.read_text())
    async with opens(roster=roster) as world:
        yield world


def asked(recorder: Recorder, vendor: str) -> set[str]:
    """What was asked of the vendor: "POST chat.postMessage", "POST Calls/*"."""
    requests = ((e.scope["method"], e.scope["path"]) for e in recorder.of(vendor))
    return {f"{method} {SID.sub('*', path.removeprefix(MOUNTS[vendor]))}" for method, path in requests}


async def test_every_request_fits(recorded_world: World, recorders: list[Recorder], vendor_specs: Path) -> None:
    """All channels with their look-ups and ends: answers get lost, a call is cut while it rings, one while it talks."""
    world = recorded_world
    ana, ben, chie, dee = map(world.phone, ("ana", "ben", "chie", "dee"))
    await world.scene("nobody answers")
    await chie.behaves(answer="failed", sms="failed")  # she is told by a direct message
    await world.breaks("slack", status="accept_then_hang", count=1, path="chat.postMessage")
    await world.breaks("twilio", status="hang", count=1, path="Calls")
    await world.post("edr")
    await world.advance_until("4:50")
    await world.breaks("twilio", status="hang", count=1, path="Messages")
    await world.advance_until("6:10")  # everybody was called in turn, PagerDuty is raised
    await world.post("update", revision=2)
    await world.advance(seconds=5)
    await ana.calls[-1].is_answered()
    await ben.calls[-1].presses("1")
    await world.advance(minutes=1)
    await world.post("terminate", revision=3)
    await world.advance(minutes=1)
    for happened in (h for phone in (ana, ben, chie, dee) for h in (*phone.calls, *phone.texts)):
        happened.expected = True  # other stories look at what comes

    [recorder] = recorders
    for vendor in HOSTS:
        description = described(vendor_specs, vendor)
        for exchange in recorder.of(vendor):
            check(description, vendor, exchange)
    assert {vendor: asked(recorder, vendor) for vendor in HOSTS} == {
        "twilio": {"POST Calls.json", "GET Calls.json", "POST Calls/*.json", "POST Messages.json", "GET Messages.json"},
        "slack": {"POST chat.postMessage", "GET conversations.history", "POST conversations.open"},
        "pagerduty": {"POST v2/enqueue"},
    }
    assert {json.loads(e.body)["event_action"] for e in recorder.of("pagerduty")} == {
        "trigger",
        "acknowledge",
        "resolve",
    }
