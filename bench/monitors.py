"""`python -m bench monitors`: what a look at ten thousand sources costs, when ten are due, and when none is.

The real sweeper over the real database, telling by the embedded queue; time is handed to it. The looks take turns.
"""

import gc
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

import structlog

from app.stores import open_stores
from bench.engines import engines
from config.settings import load_settings
from heartbeat.hearing import Hearing
from heartbeat.sweeper import Sweeper
from model.clock import SystemClock
from model.ids import SystemIds
from model.monitor import Listening
from model.roster import Heartbeat, Roster, Source
from store import monitors
from store.database import Database

MONITORS, DUE, ROUNDS = 10_000, 10, 40
PERIOD = timedelta(hours=1)
ASKED_MS = 20


class Hand(SystemClock):
    """The clock, moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.at = super().now()

    def now(self) -> datetime:
        return self.at


async def run() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # a line for each alarm
    print(f"\nmonitors: one look at {MONITORS} sources, {ROUNDS} rounds by turns: median ms (fastest-slowest)")
    with engines() as found:
        await _measure("SQLite", None)
        if found.database_url:
            await _measure("PostgreSQL", found.database_url)
    structlog.reset_defaults()


async def _measure(name: str, database_url: str | None) -> None:
    with tempfile.TemporaryDirectory(prefix="gridcall-bench-") as folder:
        given = {"database_url": database_url} if database_url else {}
        stores = open_stores(load_settings(data_dir=Path(folder), **given), SystemClock())
        clock, began = Hand(), SystemClock().now()
        minded = Heartbeat(period_seconds=round(PERIOD.total_seconds()), grace_seconds=3600)
        ids = [f"source-{n:05}" for n in range(MONITORS)]
        roster = Roster(sources={id_: Source(id=id_, name=id_, heartbeat=minded) for id_ in ids})
        # Ten of them were heard last in each second, so that ten are late in each.
        seen = {id_: began + timedelta(seconds=n // DUE) for n, id_ in enumerate(ids)}
        clock.at = max(seen.values())
        await stores.database.transact(lambda conn: monitors.note_seen(conn, seen, clock.at))
        gc.collect()
        before = _resident()
        own = Listening(process="bench", since=began, until=began)
        hearing = Hearing(stores.database, clock, lambda: roster, dict, lambda: _until(own, clock.at))
        sweeper = Sweeper(stores.database, stores.broker, clock, SystemIds(), lambda: roster, hearing)
        clock.at = began + PERIOD
        await _ms(sweeper.tick)  # all of them, and what is due of them is written down
        gc.collect()
        resident = _resident() - before
        took: dict[str, list[float]] = {}
        for second in range(1, ROUNDS + 1):
            clock.at = began + PERIOD + timedelta(seconds=second)
            took.setdefault(f"{DUE} are due, and told", []).append(await _ms(sweeper.tick))
            took.setdefault(f"the look after it: {DUE} are looked at again", []).append(await _ms(sweeper.tick))
            took.setdefault("none is due", []).append(await _ms(sweeper.tick))
            sweeper.look_at_all()
            took.setdefault("all are looked at (a new roster, a start)", []).append(await _ms(sweeper.tick))
        late = await _late(stores.database)
        await stores.broker.close()
        await stores.database.close()
    for what, measured in took.items():
        print(f"{name:12}{what:48}{_spread(measured)}{_mark(what, measured)}")
    print(f"{name:12}late by now: {late}; the sweeper's memory: {1024 * resident / MONITORS:.1f} KiB a source")


def _until(own: Listening, at: datetime) -> Listening:
    return Listening(process=own.process, since=own.since, until=at)


async def _late(database: Database) -> int:
    return sum(known.late_told_at is not None for known in (await database.read(monitors.every)).values())


async def _ms(tick: Callable[[], Awaitable[None]]) -> float:
    began = perf_counter()
    await tick()
    return 1000 * (perf_counter() - began)


def _spread(measured: Sequence[float]) -> str:
    ordered = sorted(measured)
    return f"{ordered[len(ordered) // 2]:8.1f} ({ordered[0]:.1f}-{ordered[-1]:.1f})"


def _mark(what: str, measured: Sequence[float]) -> str:
    if not what.startswith(f"{DUE} are due"):
        return ""
    return "" if sorted(measured)[len(measured) // 2] < ASKED_MS else f"  (more than the {ASKED_MS} asked for)"


def _resident() -> float:
    """MiB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
