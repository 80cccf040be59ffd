"""A whole service over a temporary folder, asked through its HTTP application; time moves only when a test says so."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx2

from app import http
from app.roles import EVERY_ROLE, Role
from app.rosters import load_rosters
from app.service import Service
from app.stores import open_stores
from app.vendors import Vendors
from config.roster_file import load_roster
from config.settings import PREFIX, Settings, load_settings
from intake.examples import example
from model.ids import SystemIds
from store.database import Connection
from store.tables import metadata
from tests.databases import put_migrated
from tests.scenario.clock import ManualClock

START = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
ROSTER = Path(__file__).parent.parent / "config" / "demo_roster.yaml"
NUMBERS = [f"+1312555010{n}" for n in range(1, 6)]  # the phones of the demo's roster
PATIENCE_SECONDS = 20.0  # a busy disk may take seconds for one commit
OFF = {"canary_seconds": 0.0, "vendor_check_seconds": 0.0}  # what asks something by itself, unless a test asks for it
ROUTING_KEY = "d3m0000000000000000000000000c0de"


@dataclass
class House:
    """A service and its callers."""

    service: Service
    clock: ManualClock
    client: httpx2.AsyncClient

    async def get(self, path: str, key: str | None = "demo-operator", **more: Any) -> httpx2.Response:
        return await self.client.get(path, headers=_bearer(key), **more)

    async def post(self, path: str, key: str | None = "demo-operator", **more: Any) -> httpx2.Response:
        headers = _bearer(key) | more.pop("headers", {})
        return await self.client.post(path, headers=headers, **more)

    async def put(self, path: str, key: str | None = "demo-operator", **more: Any) -> httpx2.Response:
        headers = _bearer(key) | more.pop("headers", {})
        return await self.client.put(path, headers=headers, **more)

    async def send(
        self, event_id: str, kind: str = "edr", key: str = "demo-upstream", body: Any = None, **more: Any
    ) -> dict[str, Any]:
        """Post an event and wait until the router has decided about it."""
        event = body if body is not None else example(kind, self.clock.now(), event_id, **more)
        answer = await self.post("/v1/events", key, json=event, headers={"Prefer": "wait=5"})
        return dict(answer.json()) | {"http_status": answer.status_code}

    async def rows(self) -> dict[str, int]:
        """How many rows each table has, but for the leases, which only tell who lives."""

        def count(conn: Connection) -> dict[str, int]:
            counted = {}
            for name in metadata.tables.keys() - {"leases"}:
                counted[name] = conn.exec_driver_sql(f'SELECT COUNT(*) FROM "{name}"').scalar_one()
            return counted

        return await self.service.database.read(count)

    def advance(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))

    async def until(self, done: Callable[[], bool]) -> None:
        """Let everything at work go on until it is so; the database's threads need a turn now and then."""
        limit = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not done():
            assert asyncio.get_running_loop().time() < limit, "it did not come to that"
            await self.rows()


def _bearer(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


read_roster = cache(load_roster)  # of the same text comes the same, and nobody changes it


def settings_of(folder: Path, **given: Any) -> Settings:
    """As `load_settings` says, which takes longer than many a test: loaded once for all that are given the same."""
    environment = frozenset(item for item in os.environ.items() if item[0].startswith(PREFIX))
    return _loaded(frozenset(given.items()), environment).model_copy(update={"data_dir": folder})


@cache
def _loaded(given: frozenset[tuple[str, Any]], _environment: frozenset[tuple[str, str]]) -> Settings:
    return load_settings(data_dir=Path("of-each-its-own"), **dict(given))


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    loops: bool = True,
    roles: Collection[Role] = EVERY_ROLE,
    roster_text: str | None = None,
    **settings: Any,
) -> AsyncIterator[House]:
    """A house without vendors: what is due is decided and written down, nothing leaves it."""
    clock = ManualClock(START)
    loaded = settings_of(folder, **{"public_url": "http://gridcall.test"} | OFF | settings)
    if loaded.database_url is None:
        put_migrated(folder / "gridcall.db")
    stores = open_stores(loaded, clock)
    file = read_roster(roster_text or ROSTER.read_text(), ROSTER.name)
    rosters = await load_rosters(stores.database, file, clock.now(), demo=True)
    vendors = Vendors({}, pagerduty_secrets=loaded.pagerduty_secrets)
    service = Service(loaded, stores, rosters, vendors, clock, SystemIds(), roles)
    transport = httpx2.ASGITransport(http.build(service), raise_app_exceptions=False)
    running = asyncio.create_task(service.run()) if loops else None
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://gridcall.test") as client:
            yield House(service, clock, client)
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await service.close()
