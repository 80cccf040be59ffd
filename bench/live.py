"""`python -m bench live`: how soon an entry that one process writes reaches who watches at others.

Two api processes and a router over PostgreSQL and RabbitMQ, one watcher by server-sent events at each api. Entries are
written by a further process, this one, and the time is from the end of its commit until the watcher has the entry.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from sqlalchemy import select

from app.rosters import load_rosters
from bench import event, roster
from bench.engines import engines
from bench.load import Connection as Client
from bench.load import Measured, got, request
from bench.processes import Idle, server
from config.keys import KeySpec, Role
from model.clock import SystemClock
from model.ids import SystemIds
from store import timeline
from store.database import Connection, Database
from store.places import Postgres
from store.tables import events

KEY = "bench" * 8
SENDER = KeySpec(id="bench", role=Role.UPSTREAM, source="bench", secret="bench-of-the-live-feed")
WITH_KEY = {"Authorization": f"Bearer {SENDER.secret}"}
ENTRIES = 200
PER_SECOND = 20
KIND = "bench"
LAST_SECONDS = 10.0
SHARES = (("p50", 0.5), ("p99", 0.99), ("longest", 1.0))
CLOCK, IDS = SystemClock(), SystemIds()


async def run() -> None:
    with engines() as found:
        if not (found.database_url and found.amqp_url):
            return
        urls = {"database_url": found.database_url, "amqp_url": found.amqp_url, "installation_key": KEY}
        place = Postgres(found.database_url)
        place.upgrade()
        database = place.open()
        await load_rosters(database, replace(roster.roster(), keys=(SENDER,)), CLOCK.now(), demo=False)
        async with AsyncExitStack() as stack:
            one, other, _ = [await stack.enter_async_context(server(k, **urls)) for k in ("api", "api", "router")]
            await _measure(database, one.port, other.port)
        await database.close()


async def _measure(database: Database, *ports: int) -> None:
    print(f"\nLive feed, {len(ports)} api processes, {ENTRIES} entries by another process, {PER_SECOND} a second")
    await _post(ports[0])
    event_pk = await _written(database)
    for label, load in (
        ("nothing else", _nothing),
        (f"{PER_SECOND} events a second besides", lambda: _post(ports[0])),
    ):
        idle, watchers = Idle(), [Watcher(port) for port in ports]
        reading = [asyncio.create_task(watcher.run()) for watcher in watchers]
        await asyncio.gather(*(watcher.ready.wait() for watcher in watchers))
        committed = await _write(database, event_pk, load)
        async with asyncio.timeout(LAST_SECONDS):
            while any(len(watcher.came) < ENTRIES for watcher in watchers):
                await asyncio.sleep(0.05)
        for task in reading:
            task.cancel()
        whole = Measured([w.came[n] - at for w in watchers for n, at in committed.items()])
        shown = ", ".join(f"{name} {whole.percentile(part):.0f} ms" for name, part in SHARES)
        share = idle.share()
        note = "" if share >= 0.2 else "  (the machine was full: not latency)"
        print(f"{label}: commit to watcher {shown} ({len(whole.seconds)} of them; idle {share:.0%}){note}")


class Watcher:
    """`came`: when each entry of ours did, by its number."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.ready = asyncio.Event()
        self.came: dict[int, float] = {}

    async def run(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(got("/v1/live", WITH_KEY))
        while line := await reader.readline():
            if line.startswith(b"retry:"):
                self.ready.set()
            elif line.startswith(b"data:") and (entry := json.loads(line[5:]))["kind"] == KIND:
                self.came[entry["body"]["n"]] = time.perf_counter()


async def _write(database: Database, event_pk: str, load: Callable[[], Awaitable[object]]) -> dict[int, float]:
    """When each was committed."""
    committed, begun = {}, time.perf_counter()
    for n in range(ENTRIES):
        await asyncio.sleep(begun + n / PER_SECOND - time.perf_counter())
        await load()

        def append(conn: Connection, n: int = n) -> None:
            timeline.append(conn, IDS, event_pk, CLOCK.now(), KIND, {"n": n})

        await database.transact(append)
        committed[n] = time.perf_counter()
    return committed


async def _nothing() -> None: ...


async def _post(port: int) -> None:
    client, (_, body) = await Client.open(port), event.body(roster.program(0))
    await client.ask(request("/v1/events", body, WITH_KEY | {"Content-Type": "application/json"}))
    client.close()


async def _written(database: Database) -> str:
    """The event's key, once the router has decided."""
    async with asyncio.timeout(LAST_SECONDS):
        while (pk := await database.read(lambda conn: conn.scalar(select(events.c.pk).limit(1)))) is None:
            await asyncio.sleep(0.05)
    return str(pk)
