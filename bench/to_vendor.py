"""From POST to the first request at a vendor: one Slack DM for each event, the stand-ins in this process."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import uvicorn

from app.serve import listen
from bench import event, filling, roster
from bench.engines import Engines, engines
from bench.load import Connection, Measured, request
from bench.processes import Idle, server
from model.clock import SystemClock
from sandbox import Settings, World, build
from store.postgres import at_once

# A server meets each person once: it asks Slack for somebody's DM only the first time.
SECONDS = 12
RATES = (20, 100)
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {roster.SECRET}"}
LAST_SECONDS = 20.0
FLOOD = 500
OPEN, CLOSED = 100_000, 1_000

Scope = MutableMapping[str, Any]


class Arrivals:
    """Notes when each Slack user's first request came in, before anything else is done with it."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self.at: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].endswith("conversations.open"):
            arrived = time.perf_counter()
            users = parse_qs(scope["query_string"].decode()).get("users", [""])
            self.at.setdefault(users[0], arrived)
        await self._app(scope, receive, send)


@asynccontextmanager
async def vendor() -> AsyncIterator[tuple[str, Arrivals]]:
    """The stand-ins in this process: their address, and when they are asked first."""
    standins = listen("127.0.0.1", 0, next_free=False)
    world = World(SystemClock(), Settings(slack_per_second=None, pagerduty_per_minute=None))
    arrivals = Arrivals(build(world))
    listening = uvicorn.Server(uvicorn.Config(arrivals, log_level="warning", access_log=False))
    serving = asyncio.create_task(listening.serve(sockets=[standins.socket]))
    yield standins.url, arrivals
    listening.should_exit = True
    await world.stop()
    await serving


async def run() -> None:
    print(f"\nPOST to first vendor request, {roster.PEOPLE} people, one Slack DM an event, {SECONDS} s each")
    print(f"{'':34}{'events':>8}{'told':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'CPU idle':>10}")
    with engines() as found:
        async with vendor() as (url, arrivals):
            for label, settings in _shapes(found):
                measured = await _shape(label, url, arrivals, settings)
            if found.database_url and found.amqp_url:
                await _with_open_events(url, arrivals, settings, measured)


def _shapes(found: Engines) -> list[tuple[str, dict[str, str]]]:
    shapes: list[tuple[str, dict[str, str]]] = [("SQLite, embedded queue", {})]
    if found.database_url:
        shapes.append(("PostgreSQL, embedded queue", {"database_url": found.database_url}))
    if found.database_url and found.amqp_url:
        shapes.append(("PostgreSQL, RabbitMQ", {"database_url": found.database_url, "amqp_url": found.amqp_url}))
    return shapes


async def _shape(
    label: str, standins: str, arrivals: Arrivals, settings: dict[str, str], rates: Sequence[int] = RATES
) -> Measured:
    """Steady rates, then as many as it can at once. Returns the last steady rate."""
    async with server("gridcall", standins, **settings) as running:
        _, first = await post_and_wait(running.port, arrivals, 0, rate=20, seconds=2)  # warm
        for rate in rates:
            idle = Idle()
            measured, sent = await post_and_wait(running.port, arrivals, first, rate=rate, seconds=SECONDS)
            first += sent
            share = idle.share()
            note = "" if share >= 0.2 else "  (under 20 % idle: throughput, not latency)"
            print(
                f"{f'{label}, {rate}/s':34}{sent:>8}{len(measured.seconds):>8}{measured.percentile(0.5):>9.2f}"
                f"{measured.percentile(0.99):>9.2f}{measured.percentile(1):>9.2f}{share:>9.0%}{note}"
            )
        flood, sent = await post_and_wait(running.port, arrivals, first, rate=FLOOD, seconds=1)
        told = len(flood.seconds)
        per_second = told / flood.took_seconds if told else 0
        print(f"{f'{label}, {FLOOD} at once':34}{sent:>8}{told:>8}   {per_second:.0f} events/s end to end")
        assert first + sent <= roster.PEOPLE
        return measured


async def _with_open_events(standins: str, arrivals: Arrivals, settings: dict[str, str], empty: Measured) -> None:
    """The same over a database in which many events are open and nothing of them is due."""
    url = settings["database_url"]
    await asyncio.to_thread(at_once, url, filling.a_year_of_months)
    await filling.fill(url, OPEN + CLOSED, OPEN)
    await filling.execute(url, filling.QUIET)
    full = await _shape(f"... {OPEN:,} open events", standins, arrivals, settings, RATES[-1:])
    ratios = [full.percentile(share) / empty.percentile(share) for share in (0.5, 0.99)]
    print(f"{f'... at {RATES[-1]}/s, to the empty one':34}{'':16}{ratios[0]:>8.2f}x{ratios[1]:>8.2f}x")


async def post_and_wait(port: int, arrivals: Arrivals, first: int, *, rate: int, seconds: int) -> tuple[Measured, int]:
    """Post `rate` events a second, evenly; whoever is slow does not slow the next (open loop)."""
    arrivals.at.clear()
    posted: dict[str, float] = {}
    connections: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(16):
        connections.put_nowait(await Connection.open(port))

    async def post(n: int) -> None:
        connection = await connections.get()
        raw = request("/v1/events", event.body(roster.program(n))[1], HEADERS)
        posted[roster.user(n)] = time.perf_counter()
        status = await connection.ask(raw)
        connections.put_nowait(connection)
        if status != 202:
            raise RuntimeError(f"answered {status}")

    count = rate * seconds
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for k in range(count):
            await asyncio.sleep(max(0.0, started + k / rate - time.perf_counter()))
            group.create_task(post(first + k))
    end = time.perf_counter() + LAST_SECONDS
    while time.perf_counter() < end and not posted.keys() <= arrivals.at.keys():
        await asyncio.sleep(0.02)
    told = [arrivals.at[user] - at for user, at in posted.items() if user in arrivals.at]
    while not connections.empty():
        connections.get_nowait().close()
    last = max((arrivals.at[user] for user in posted if user in arrivals.at), default=started)
    return Measured(seconds=told, took_seconds=last - started), count
