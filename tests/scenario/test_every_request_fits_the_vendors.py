"""What really goes over the wire in a story with trouble, held against the vendors' own API descriptions."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import World as StandIns
from sandbox import build
from tests.contract.wire import Recorder, check, described
from tests.scenario import world as scenario
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World


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
    async with opens() as world:
        yield world


async def test_a(recorded_world: World, recorders: list[Recorder], vendor_specs: Path) -> None:
    world = recorded_world
    await world.scene("nobody answers")
    await world.breaks("twilio", status="accept_then_hang", count=1)
    await world.breaks("slack", status="accept_then_hang", count=1, path="chat.postMessage")
    await world.post("edr")
    await world.advance(minutes=6)
    for v in ("twilio","slack","pagerduty"):
        d = described(vendor_specs, v)
        for e in recorders[0].of(v):
            print(e.scope["method"], e.scope["path"], e.status, e.body[:300])
            check(d, v, e)
    for n in (await world.event()).rows: print(n.channel, n.kind, n.person, n.state, n.reason)
