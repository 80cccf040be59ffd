"""A virtual clock, a customer's server that notes what it is called with, and a world between them."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response

from sandbox import Settings, World, build

START = datetime(2026, 11, 3, 14, 0, tzinfo=UTC)
ANA, BO, CY = "+15550101", "+15550102", "+15550103"
US = "+15550100"
CUSTOMER = "http://customer.test"


class ManualClock:
    """Time stands still until `advance` moves it, from one due instant to the next."""

    def __init__(self) -> None:
        self._now = START
        self._waiting: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, at: datetime) -> None:
        if at <= self._now:
            await asyncio.sleep(0)
            return
        self._count += 1
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (at, self._count, future))
        await future

    def next_due(self) -> datetime | None:
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def move(self, to: datetime) -> None:
        self._now = to
        while (due := self.next_due()) is not None and due <= to:
            heapq.heappop(self._waiting)[2].set_result(None)


@dataclass
class Customer:
    """The server that gets the callbacks. `twiml` answers by path; everything else is answered with an empty body."""

    calls: list[tuple[str, dict[str, str], dict[str, str], bytes]] = field(default_factory=list)
    twiml: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)  # of the next answers, 200 after them
    app: FastAPI = field(default_factory=FastAPI)

    def __post_init__(self) -> None:
        self.app.add_route("/{path:path}", self._take, methods=["POST"])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        self.calls.append((str(request.url), dict(parse_qsl(body.decode())), dict(request.headers), body))
        status = self.statuses.pop(0) if self.statuses else 200
        return Response(self.twiml.get(request.url.path, ""), status, media_type="text/xml")

    def got(self, path: str) -> list[dict[str, str]]:
        return [form for url, form, _, _ in self.calls if url == CUSTOMER + path]


@dataclass
class Stage:
    """A world, its customer, and hands to move both."""

    clock: ManualClock
    world: World
    customer: Customer
    http: httpx2.AsyncClient

    async def quiet(self) -> None:
        """Return when nothing is at work."""
        calm = 0
        for _ in range(10_000):
            await asyncio.sleep(0)
            calm = 0 if self.world.busy() else calm + 1
            if calm > 5:
                return
        raise AssertionError("the world does not come to rest")

    async def hung(self, requests: int) -> None:
        """Return when that many requests are kept waiting."""
        for _ in range(10_000):
            if self.world.hanging() == requests:
                return
            await asyncio.sleep(0)
        raise AssertionError(f"{self.world.hanging()} requests hang, not {requests}")

    async def advance(self, seconds: float) -> None:
        end = self.clock.now() + timedelta(seconds=seconds)
        await self.quiet()
        while (due := self.clock.next_due()) is not None and due <= end:
            self.clock.move(due)
            await self.quiet()
        self.clock.move(end)
        await self.quiet()

    async def call(self, to: str = ANA, **parameters: Any) -> dict[str, Any]:
        defaults = {"From": US, "Twiml": "<Response><Say>Hello.</Say></Response>"}
        answer = await self.http.post(self.twilio("Calls.json"), data=defaults | {"To": to} | parameters)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def text(self, to: str = ANA, body: str = "Hello", **parameters: Any) -> dict[str, Any]:
        form = {"From": US, "To": to, "Body": body} | parameters
        answer = await self.http.post(self.twilio("Messages.json"), data=form)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def status(self, call: dict[str, Any]) -> str:
        answer = await self.http.get(self.twilio(f"Calls/{call['sid']}.json"))
        return str(answer.json()["status"])

    async def put(self, path: str, **content: Any) -> None:
        answer = await self.http.put(path, json=content)
        assert answer.status_code == 200, answer.text

    async def feed(self) -> list[tuple[str, str]]:
        """Return (event, text) of everything noticed."""
        messages = (await self.http.get("/messages")).json()["messages"]
        return [(message["event"], message["text"]) for message in messages]

    async def events(self) -> list[str]:
        return [event for event, _ in await self.feed()]

    def twilio(self, path: str) -> str:
        return f"/twilio/2010-04-01/Accounts/{self.world.settings.twilio_account_sid}/{path}"


Staging = Callable[..., Stage]


@pytest.fixture
async def staging() -> AsyncIterator[Staging]:
    """Return a maker of stages, for tests that want other settings."""
    stages: list[Stage] = []

    def make(**settings: Any) -> Stage:
        urls = {
            "slack_actions_url": f"{CUSTOMER}/callbacks/slack/actions",
            "twilio_sms_inbound_url": f"{CUSTOMER}/callbacks/twilio/sms/inbound",
        }
        clock, customer = ManualClock(), Customer()
        chosen = Settings(**(urls | settings))
        world = World(clock, chosen, transport=httpx2.ASGITransport(customer.app))
        http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(build(world)),
            base_url="http://sandbox.test",
            auth=(chosen.twilio_account_sid, chosen.twilio_auth_token),
        )
        stages.append(Stage(clock, world, customer, http))
        return stages[-1]

    yield make
    for stage in stages:
        await stage.world.stop()
        await stage.http.aclose()
        assert stage.world.errors == 0


@pytest.fixture
def stage(staging: Staging) -> Stage:
    return staging()
