"""What shows that a source is alive: any message, events of some kinds, or its heartbeats only."""

from dataclasses import replace

import pytest

from intake.examples import example
from model.event import MessageType, Mode
from model.roster import Counts, Heartbeat
from tests.app_fixture import House


@pytest.mark.parametrize("counts", [Counts.ANY, Counts.HEARTBEATS])
async def test_events_count_unless_only_heartbeats_do(house: House, counts: Counts) -> None:
    known = house.service.rosters.roster
    miso = replace(known.sources["miso"], heartbeat=Heartbeat(counts=counts))
    house.service.rosters.roster = replace(known, sources={**known.sources, "miso": miso})
    assert (await house.send("E-1"))["http_status"] == 202
    assert (await house.post("/v1/events", "demo-upstream", content=b"rubbish")).status_code == 422
    assert ("miso" in house.service.notebook.last_seen) is (counts is Counts.ANY)
    house.advance(60)
    assert (await house.post("/v1/sources/miso/heartbeat", "demo-upstream")).status_code == 200
    assert house.service.notebook.last_seen["miso"] == house.clock.now()
    shown = (await house.get("/v1/sources/miso")).json()["heartbeat"]
    assert shown == {"period_seconds": 300, "grace_seconds": 60, "counts": counts}


async def test_of_events_only_some_kinds_count(house: House) -> None:
    known = house.service.rosters.roster
    minded = Heartbeat(counts=Counts.KINDS, kinds=(Mode.TEST, MessageType.CANCEL))
    miso = replace(known.sources["miso"], heartbeat=minded)
    house.service.rosters.roster = replace(known, sources={**known.sources, "miso": miso})
    seen = house.service.notebook.last_seen
    await house.send("E-1")
    await house.post("/v1/events", "demo-upstream", content=b"rubbish")
    assert "miso" not in seen
    for kind, more in (("edr", {"mode": "test"}), ("cancel", {})):
        house.advance(60)
        event = example(kind, house.clock.now(), f"E-{kind}") | more
        await house.send(f"E-{kind}", body=event)
        assert seen["miso"] == house.clock.now()
    assert (await house.get("/v1/sources/miso")).json()["heartbeat"]["counts"] == ["test", "cancel"]


async def test_a_repeat_counts_as_the_first_did(house: House) -> None:
    known = house.service.rosters.roster
    miso = replace(known.sources["miso"], heartbeat=Heartbeat(counts=Counts.HEARTBEATS))
    house.service.rosters.roster = replace(known, sources={**known.sources, "miso": miso})
    event = example("edr", house.clock.now(), "E-1")
    for _ in range(2):
        answer = await house.post("/v1/events", "demo-upstream", json=event, headers={"Idempotency-Key": "k" * 20})
    assert answer.headers["idempotency-replayed"] == "true"
    assert "miso" not in house.service.notebook.last_seen
