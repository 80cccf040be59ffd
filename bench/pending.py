"""A table full of what is to come: POST to the first vendor request beside it, and what it is of a process's memory.

Two servers, one over an empty database and one over 20,000 open events with 100,000 notifications that fall due in two
hours, every fifth of them held back; both are asked by turns, for one Slack DM an event.
"""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median

from bench import to_vendor
from bench.issued import issued
from bench.load import Measured
from bench.processes import Idle, Running, server
from bench.to_vendor import Arrivals
from model.clock import SystemClock
from model.ids import SystemIds
from model.plan import Agenda, AgendaKind, ChannelName, Hold, Kind, Notification
from store import events, plans
from store.database import Connection
from store.places import Place, Postgres, SqliteFile
from tests import postgres

OPEN, EACH = 20_000, 5
HELD_ONE_IN = 5
AT_ONCE = 500  # events in a transaction
RATE, SECONDS, ROUNDS = 20, 5, 5
# The servers look up some people of the roster's beginning by themselves: these are not asked for.
FIRST = 500
ASKED = 1.2
ASKED_KIB = 2.0
FALLS_DUE = timedelta(hours=2)
IDS = SystemIds()


@dataclass
class Server:
    running: Running
    next: int = FIRST
    rounds: list[Measured] = field(default_factory=list)

    async def round(self, arrivals: Arrivals, seconds: int) -> Measured:
        measured, sent = await to_vendor.post_and_wait(
            self.running.port, arrivals, self.next, rate=RATE, seconds=seconds
        )
        self.next += sent
        return measured

    def percentile(self, share: float) -> float:
        whole = Measured()
        for one in self.rounds:
            whole.add(one)
        return whole.percentile(share)


async def run(postgres_url: str | None) -> None:
    print(
        f"\npending: {OPEN:,} open events with {OPEN * EACH:,} notifications to come, against an empty table; "
        f"{ROUNDS} rounds of {SECONDS} s at {RATE} events a second by turns\n"
        f"{'':12}{'empty: p50 ms':>14}{'p99':>8}{'full: p50':>11}{'p99':>8}{'p50 to the empty one':>24}{'idle':>8}"
    )
    async with to_vendor.vendor() as (url, arrivals):
        with tempfile.TemporaryDirectory(prefix="gridcall-bench-") as folder:
            empty, full = (Path(folder) / name for name in ("empty.db", "full.db"))
            await _fill(SqliteFile(full))
            await _measure("SQLite", url, arrivals, [f"sqlite:///{empty}", f"sqlite:///{full}"])
        if postgres_url:
            with postgres.database(postgres_url) as empty_url, postgres.database(postgres_url) as full_url:
                await _fill(Postgres(full_url))
                await _measure("PostgreSQL", url, arrivals, [empty_url, full_url])


async def _measure(name: str, standins: str, arrivals: Arrivals, databases: Sequence[str]) -> None:
    async with AsyncExitStack() as stack:
        starting = [server("gridcall", standins, database_url=database) for database in databases]
        empty, full = [Server(await stack.enter_async_context(one)) for one in starting]
        for one in (empty, full):
            await one.round(arrivals, seconds=2)  # warm
        idle, before = Idle(), _resident(empty.running.pid)
        for n in range(ROUNDS):
            for one in (empty, full) if n % 2 == 0 else (full, empty):
                one.rounds.append(await one.round(arrivals, SECONDS))
        ratios = sorted(b.percentile(0.5) / a.percentile(0.5) for a, b in zip(empty.rounds, full.rounds, strict=True))
        alone, beside = ((one.percentile(0.5), one.percentile(0.99)) for one in (empty, full))
        over = "" if median(ratios) <= ASKED else f"  (more than the {ASKED} asked for)"
        ratio = f"{median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(
            f"{name:12}{alone[0]:>14.1f}{alone[1]:>8.1f}{beside[0]:>11.1f}{beside[1]:>8.1f}{ratio:>24}{idle.share():>8.0%}{over}"
        )
        _memory(name, empty, full, before)


def _memory(name: str, empty: Server, full: Server, before: float) -> None:
    """Of the open events in the table, and how much a process grew while it took some in and told of them."""
    known = (_resident(full.running.pid) - _resident(empty.running.pid)) / OPEN
    taken = RATE * SECONDS * ROUNDS
    own = (_resident(empty.running.pid) - before) / taken
    over = "" if known <= ASKED_KIB else f"  (more than the {ASKED_KIB:g} asked for)"
    print(
        f"{name:12}a process over the full table has {known:+.2f} KiB more for each open event in it{over}; "
        f"one grew by {own:.1f} KiB for each of {taken} that it took in, SQLite's cache of pages included"
    )


def _resident(pid: int) -> float:
    """KiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


async def _fill(place: Place) -> None:
    await asyncio.to_thread(place.upgrade)
    database = place.open()
    for _ in range(OPEN // AT_ONCE):
        await database.transact(_some)
    await database.close()


def _some(conn: Connection) -> None:
    now = SystemClock().now()
    rows: list[Notification] = []
    agenda: list[Agenda] = []
    for _ in range(AT_ONCE):
        made = issued(now, policy="to-p0", seconds=3 * FALLS_DUE.total_seconds())
        events.save(conn, made)
        events.add_revision(conn, made.pk, made.latest, {})
        for n in range(EACH):
            rows.append(
                Notification(
                    id=IDS.new(),
                    event_pk=made.pk,
                    revision=1,
                    kind=Kind.ALERT,
                    channel=ChannelName.SLACK_DM,
                    address=f"U9{n:05}",
                    person=f"p{n}",
                    team="ops",
                    step=n,
                    due_at=now + FALLS_DUE,
                    until=made.deadline_at,
                    lane=0,
                    hold=Hold.VENDOR if n % HELD_ONE_IN == 0 else None,
                )
            )
        agenda.append(
            Agenda(
                id=IDS.new(),
                event_pk=made.pk,
                kind=AgendaKind.VERDICT,
                due_at=made.deadline_at,
                lane=0,
                revision=1,
            )
        )
    plans.add_notifications(conn, rows)
    plans.add_agenda(conn, agenda)
