"""A story with so much trouble that everything we can ask of a vendor is asked.

The contract layer (tests/contract/layer.py) holds it against the vendors' descriptions, as it does in every story.
"""

import json
import re

from app import serve
from tests.contract.wire import HOSTS, Recorder
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

SID = re.compile(r"(?<=/)(CA|SM)[0-9a-f]{32}(?=\.json)")
MOUNTS = {
    "twilio": "/twilio/2010-04-01/Accounts/AC00000000000000000000000000000001/",
    "slack": "/slack/api/",
    "pagerduty": "/pagerduty/",
}


def asked(recorder: Recorder, vendor: str) -> set[str]:
    """What was asked of the vendor: "POST chat.postMessage", "POST Calls/*"."""
    requests = ((e.scope["method"], e.scope["path"]) for e in recorder.of(vendor))
    return {f"{method} {SID.sub('*', path.removeprefix(MOUNTS[vendor]))}" for method, path in requests}


async def test_every_request_fits(opens: OpenWorld) -> None:
    """All channels with their look-ups and ends: answers get lost, a call is cut while it rings, one while it talks."""
    async with opens(roster=serve.DEMO_ROSTER.read_text()) as world:
        await trouble(world)
        assert_all_was_asked(world.wire)


async def trouble(world: World) -> None:
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


def assert_all_was_asked(recorder: Recorder) -> None:
    assert {vendor: asked(recorder, vendor) for vendor in HOSTS} == {
        "twilio": {"POST Calls.json", "GET Calls.json", "POST Calls/*.json", "POST Messages.json", "GET Messages.json"},
        "slack": {"POST chat.postMessage", "POST chat.update", "GET conversations.history", "POST conversations.open"},
        "pagerduty": {"POST v2/enqueue"},
    }
    assert {json.loads(e.body)["event_action"] for e in recorder.of("pagerduty")} == {
        "trigger",
        "acknowledge",
        "resolve",
    }
