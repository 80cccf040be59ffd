"""`python -m bench claims`: what two and four notifiers send, against one, over PostgreSQL.

Everything is due before it is measured, each row of an event of its own, to PagerDuty, whose stand-in answers after
200 ms. A notifier asks PagerDuty with four threads (notifiers/limits.py): so much it can send at most, however fast the
machine is, and notifiers that were in each other's way would send less.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median
from typing import Any

import uvicorn
from sqlalchemy import func, select

from app.rosters import load_rosters
from app.serve import listen
from bench import load, roster
from bench.engines import engines
from bench.issued import issued
from bench.processes import Idle, cpu_seconds, server
from model.clock import SystemClock
from model.event import Event
from model.ids import SystemIds
from model.plan import ChannelName, Kind, Notification, PagerDutyAction, State
from notifiers.limits import AT_ONCE
from sandbox import Settings, World, build
from sandbox.faults import Fault
from store import events, plans
from store.database import Connection
from store.places import Postgres
from store.tables import notifications

COUNTS = (1, 2, 4)
ROUNDS = 3
SECONDS = 5
VENDOR_SECONDS = 0.2
LAST_SECONDS = 60.0
ADDRESSES = 200
KEY = "bench" * 8
AT_MOST = AT_ONCE[ChannelName.PAGERDUTY] / VENDOR_SECONDS  # a second, by one notifier
LOOK = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
IDS = SystemIds()

Scope = MutableMapping[str, Any]


class Requests:
    """Notes when each request for PagerDuty came in."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self.at: list[float] = []

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/enqueue"):
            self.at.append(time.perf_counter())
        await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Round:
    per_second: float
    cpu_ms: float
    idle: float
    twice: int


async def run() -> None:
    standins = listen("127.0.0.1", 0, next_free=False)
    world = World(SystemClock(), Settings())
    world.faults.active["pagerduty"] = Fault(delay_seconds=VENDOR_SECONDS)
    requests = Requests(build(world))
    vendor = uvicorn.Server(uvicorn.Config(requests, log_level="warning", access_log=False))
    serving = asyncio.create_task(vendor.serve(sockets=[standins.socket]))
    with engines() as found:
        if found.database_url and found.amqp_url:
            urls = {"database_url": found.database_url, "amqp_url": found.amqp_url, "installation_key": KEY}
            await _measure(Bench(requests, standins.url, urls))
    vendor.should_exit = True
    await world.stop()
    await serving


async def _measure(bench: "Bench") -> None:
    print(
        f"\nClaims over PostgreSQL, a vendor that answers after {VENDOR_SECONDS * 1000:.0f} ms, all due at once, "
        f"{ROUNDS} rounds of {SECONDS} s by turns\n"
        f"PagerDuty, {AT_ONCE[ChannelName.PAGERDUTY]} requests at once: one notifier can send {AT_MOST:.0f} a second"
    )
    await bench.open()
    names = ("events/s", "to one", "least", "most", "sent twice", "CPU ms each", "idle")
    print(
        f"{'notifiers':10}"
        + "".join(f"{name:>{width}}" for name, width in zip(names, (10, 8, 7, 7, 12, 13, 7), strict=True))
    )
    rounds: dict[int, list[Round]] = {count: [] for count in COUNTS}
    for _ in range(ROUNDS):
        for count in COUNTS:
            rounds[count].append(await bench.round(count))
    for count, measured in rounds.items():
        _show(count, measured, rounds[1])
    await bench.close()


def _show(count: int, measured: Sequence[Round], alone: Sequence[Round]) -> None:
    """Medians; the ratios are those of one turn."""
    ratios = [many.per_second / one.per_second for many, one in zip(measured, alone, strict=True)]
    rate, cpu_ms, idle = (median(getattr(r, name) for r in measured) for name in ("per_second", "cpu_ms", "idle"))
    note = "" if idle >= 0.2 else "  (the machine was full)"
    print(
        f"{count:<10}{rate:>10.1f}{median(ratios):>8.2f}{min(ratios):>7.2f}{max(ratios):>7.2f}"
        f"{sum(r.twice for r in measured):>12}{cpu_ms:>13.1f}{idle:>7.0%}{note}"
    )


class Bench:
    """The database, and what it is filled with; the notifiers of each round."""

    def __init__(self, requests: Requests, standins: str, urls: dict[str, str]) -> None:
        self._requests = requests
        self._standins = standins
        self._urls = urls
        self._clock = SystemClock()
        self._made = 0
        place = Postgres(urls["database_url"])
        place.upgrade()
        self._database = place.open()

    async def open(self) -> None:
        """The notifiers read the roster from the database; nobody posts, so it has no keys."""
        await load_rosters(self._database, replace(roster.roster(), keys=()), self._clock.now(), demo=False)

    async def close(self) -> None:
        await self._database.close()

    async def round(self, count: int) -> Round:
        async with AsyncExitStack() as stack:
            starting = [server("notifier", self._standins, **self._urls) for _ in range(count)]
            running = [await stack.enter_async_context(one) for one in starting]
            pids = [one.pid for one in running]
            for one in running:
                await _answering(one.port)
            await self._send(10 * count)  # warm
            used, idle = cpu_seconds(*pids), Idle()
            rows = round(AT_MOST * count * SECONDS)
            at = await self._send(rows)
            cpu_ms = (cpu_seconds(*pids) - used) / rows * 1000
            # The row of the first request was not waited for.
            return Round((len(at) - 1) / (at[-1] - at[0]), cpu_ms, idle.share(), len(at) - rows)

    async def _send(self, rows: int) -> Sequence[float]:
        """Make so many rows due. Returns when the vendor was asked for each, and all are known to be sent."""
        self._requests.at.clear()
        first = self._made
        self._made += rows
        await self._database.transact(lambda conn: self._fill(conn, range(first, first + rows)))
        end = time.perf_counter() + LAST_SECONDS
        while await self._database.read(_sent) < self._made:
            if time.perf_counter() > end:
                raise RuntimeError(f"of {rows} rows {len(self._requests.at)} were sent within {LAST_SECONDS:g} s")
            await asyncio.sleep(0.2)
        return list(self._requests.at)

    def _fill(self, conn: Connection, numbers: range) -> None:
        now = self._clock.now()
        due = []
        for n in numbers:
            made = issued(now, policy="to-p0")
            events.save(conn, made)
            events.add_revision(conn, made.pk, made.latest, {})
            due.append(_row(made, n, now))
        plans.add_notifications(conn, due)


async def _answering(port: int) -> None:
    connection = await load.Connection.open(port)
    await connection.ask(LOOK)
    connection.close()


def _sent(conn: Connection) -> int:
    return conn.scalar(select(func.count()).where(notifications.c.state == State.SENT)) or 0


def _row(made: Event, n: int, now: datetime) -> Notification:
    """To one of many routing keys: each has a rate of its own."""
    details: dict[str, str | int | bool] = {
        "action": PagerDutyAction.TRIGGER,
        "generation": 1,
        "severity": "info",
        "dedup_key": made.event_id,
    }
    return Notification(
        id=IDS.new(),
        event_pk=made.pk,
        revision=1,
        kind=Kind.ALERT,
        channel=ChannelName.PAGERDUTY,
        address=f"{n % ADDRESSES:032x}",
        team="ops",
        details=details,
        due_at=now,
        until=made.deadline_at,
        lane=0,
    )
