"""A system is told by signed webhooks what people are told."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from app import serve
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World, patient

SECRET = "whsec_" + "a2" * 22


class Receiver:
    """A system of the house that takes webhooks."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.told.append((await request.json())["data"] | {"id": request.headers["webhook-id"]})
        return web.Response(status=204)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    application, receiver = web.Application(), Receiver()
    application.router.add_post("/alerts", receiver.take)
    server = TestServer(application, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    yield receiver, str(server.make_url("/alerts"))
    await server.close()


def with_webhook(url: str) -> str:
    """The demo's roster in which Dee stands for a system that is told at once, and has no phone."""
    roster = patient(serve.DEMO_ROSTER.read_text())
    roster = roster.replace("    phone: +13125550104\n    slack: U0DEE\n", f"    webhook: {url}\n    slack: U0DEE\n")
    step = "      - {after_seconds: 0, rotations: [ops-primary], wake: awake_first}\n"
    assert step in roster
    return roster.replace(step, f"{step}      - {{after_seconds: 0, people: [dee], channels: [webhook]}}\n", 1)


async def test_a_system_is_told_all_of_it(opens: OpenWorld, receiver: tuple[Receiver, str]) -> None:
    """The order and its end, each once: the end although the release rings nobody."""
    system, url = receiver
    async with opens(roster=with_webhook(url), webhook_secret=SECRET) as world:
        await accepted(world)
        [order] = system.told
        assert order["summary"].startswith("MISO EDR: cut 12.5 MW")
        assert order["severity"] == "critical"
        assert order["custom_details"]["instruction"]["target_mw"] == 12.5
        await world.post("terminate", revision=2)
        await world.advance(seconds=5)
        await everything_comes(world, "ana", "ben")
    assert [told["custom_details"]["message_type"] for told in system.told] == ["new", "terminate"]
    assert len({told["id"] for told in system.told}) == 2


async def accepted(world: World) -> None:
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance(seconds=5)
    await everything_comes(world, "ana", "ben")
    await world.phone("ana").calls[-1].presses("1")
    await world.advance(seconds=5)
    await everything_comes(world, "ana", "ben")


async def everything_comes(world: World, *names: str) -> None:
    """Other stories look at what comes to these phones."""
    for phone in map(world.phone, names):
        for happened in (*phone.calls, *phone.texts):
            happened.expected = True
