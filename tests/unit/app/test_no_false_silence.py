"""What goes wrong with us is nobody's silence, and no silence is missed over it."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.roles import EVERY_ROLE, Role
from intake.examples import example
from model.monitor import MonitorStatus
from tests.app_fixture import START, House, opened

TICKS = ("notebook", "heartbeat", "alive")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Nobody routes: what is accepted waits in the queue."""
    async with opened(tmp_path, loops=False, roles=EVERY_ROLE - {Role.ROUTER}) as found:
        yield found


async def seconds(house: House, count: int) -> None:
    """Each job of a process at its pace."""
    ticks = [tick for tick in house.service.ticks() if tick.name in TICKS]
    assert len(ticks) == len(TICKS)
    for _ in range(count):
        house.advance(1)
        for tick in ticks:
            if (house.clock.now() - START).seconds % tick.every_seconds == 0:
                await tick.tick()


def status(house: House) -> MonitorStatus:
    return house.service.hearing.statuses()["miso"].status


async def test_while_the_router_is_dead_who_beats_is_not_silent_and_who_does_not_is(house: House) -> None:
    """For seven minutes nothing is decided, and somebody is to be called for that."""
    for n in range(3):
        event = example("edr", house.clock.now(), f"E-{n}")
        assert (await house.post("/v1/events", "demo-upstream", json=event)).status_code == 202
        await seconds(house, 140)
        assert status(house) is MonitorStatus.UP
    assert house.service.broker.depth() == 3, "nothing but the events waits there"
    assert "no process with the role router lives" in [one.text for one in house.service.vital.conditions()]
    await seconds(house, 221)
    assert status(house) is MonitorStatus.SILENT
    assert house.service.broker.depth() == 6, "late, silent, and that it is not only late"


async def test_a_word_at_the_very_instant_of_the_look_counts(house: House) -> None:
    """Late at 5:00 by then, silent at 6:00: a word of that second keeps either back."""
    ping = "/v1/sources/miso/heartbeat"
    await house.post(ping, "demo-upstream")
    await seconds(house, 299)
    house.advance(1)
    await house.post(ping, "demo-upstream")
    await house.service._watch_sources()
    assert house.service.broker.depth() == 0
    await seconds(house, 359)
    assert house.service.broker.depth() == 1, "late"
    house.advance(1)
    await house.post(ping, "demo-upstream")
    await house.service._watch_sources()
    assert status(house) is MonitorStatus.UP
    assert house.service.broker.depth() == 2, "it is heard again"


async def test_a_batch_that_comes_late_counts_from_when_it_came(house: House) -> None:
    """What it says happened long ago is no old word of its source."""
    await house.post("/v1/sources/miso/heartbeat", "demo-upstream")
    await seconds(house, 350)
    assert status(house) is MonitorStatus.LATE
    old = house.clock.now() - timedelta(minutes=30)
    batch = [example("edr", old, f"E-{n}") for n in range(3)]
    headers = {"Content-Type": "application/json"}
    answer = await house.post("/v1/events", "demo-upstream", content=json.dumps(batch), headers=headers)
    assert answer.status_code == 202
    assert house.service.hearing.statuses()["miso"].last_seen_at == house.clock.now()
    await seconds(house, 299)
    assert status(house) is MonitorStatus.UP
