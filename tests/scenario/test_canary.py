"""A message of our own goes the whole road each minute: nobody hears of it, and somebody does when it is stuck."""

from datetime import timedelta
from unittest.mock import patch

import pytest

from store import canaries
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World


async def status(world: World) -> list[str]:
    """What is wrong with it. Loops wait for their signals in stories, so that they count as stuck."""
    reasons = (await world.http.get("/statusz")).json()["reasons"]
    return [reason for reason in reasons if "of our own" in reason]


async def figures(world: World) -> dict[str, float]:
    lines = (await world.http.get("/metrics")).text.splitlines()
    found = [line.rpartition(" ") for line in lines if line.startswith("gridcall_canar")]
    return {name: float(value) for name, _, value in found}


async def test_each_minute_one_comes_through_and_nobody_hears_of_it(opens: OpenWorld) -> None:
    async with opens(canary_seconds=60, every_tick=True) as world:
        await world.advance_until("2:20")
        operator = {"Authorization": "Bearer demo-admin"}
        assert (await world.http.get("/v1/events", headers=operator)).json()["events"] == []
        assert world.slack() == [], "and no phone: the world's end says so"
        assert await status(world) == []
        found = await figures(world)
        assert found['gridcall_canaries_total{outcome="through"}'] == 3  # the first one at once
        for step in ("accept", "decide", "tell", "whole"):
            assert found[f'gridcall_canary_seconds_count{{step="{step}"}}'] == 3
        assert found["gridcall_canary_age_seconds"] < 65
        service = world.service
        assert not service.notebook.last_seen, "it is no source's word"
        rows = await service.database.read(lambda conn: [canaries.newest(conn), canaries.waiting(conn)])
        assert rows[0] is not None
        assert rows[0].told_at is not None
        assert rows[1] == []


async def test_one_that_no_notifier_takes_is_told_by_the_watch(opens: OpenWorld) -> None:
    async with opens(canary_seconds=60, every_tick=True) as world:
        await world.advance_until("1:10")
        with patch.object(world.service.dispatcher._looking, "_canaries", False):
            await world.advance_until("1:34")
            assert await status(world) == []
            await world.advance_until("2:40")
            (said,) = await status(world)
            assert said.startswith("a message of our own does not come through: one was sent at 18:02")
            assert said.endswith("UTC and no notifier took it")
        await world.advance_until("3:20")
        assert await status(world) == []


@pytest.mark.long
async def test_one_that_is_not_taken_in_says_why(opens: OpenWorld) -> None:
    async with opens(canary_seconds=60, canary_url="http://127.0.0.1:9", every_tick=True) as world:
        await world.advance_until("1:29")
        assert await status(world) == []
        await world.advance_until("1:35")
        (said,) = await status(world)
        assert said == (
            "a message of our own does not come through: http://127.0.0.1:9/v1/events cannot be reached "
            "(ClientConnectorError)"
        )
        found = await figures(world)
        assert found["gridcall_canary_age_seconds"] >= 95, "none ever came through"


@pytest.mark.long
async def test_that_none_is_sent_is_told_too(opens: OpenWorld) -> None:
    async with opens(canary_seconds=60, every_tick=True) as world:
        with patch.object(world.service.rounds.canary, "_every", timedelta(days=1)):
            await world.advance_until("1:35")
        (said,) = await status(world)
        assert said == "no message of our own was sent lately: whether others arrive is not tried"
