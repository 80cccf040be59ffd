"""What shows that a source is alive: any message, or its heartbeats only."""

from dataclasses import replace

import pytest

from model.roster import Counts, Heartbeat
from tests.app_fixture import House


@pytest.mark.parametrize("counts", Counts)
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
