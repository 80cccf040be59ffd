"""`python -m bench plans`: PostgreSQL's plans for the statements of the hot loops, over a database that is full.

A million notifications with their attempts, timeline and agenda, 100,000 open events, a year of months. Printed are
the plans for the parameters at hand. The plans without them (PostgreSQL takes those after five runs when they look no
worse) are made too. A plan that reads a large table from end to end, or sorts many rows, is a failure.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, select, text

from bench import filling, hot
from bench.hot import Sample, Statement
from model.plan import ChannelName
from store import outbox, tables
from store.places import Postgres
from store.postgres import at_once
from tests import postgres

EVENTS = 200_000
OPEN = 100_000
MANY = 5_000  # rows read or sorted beyond which a plan is wrong
DUE = ("due rows", "next due", "calls without a line", "free a line")


async def run() -> None:
    await asyncio.to_thread(_run)


def _run() -> None:
    scale = float(os.environ.get("BENCH_SCALE", "1"))
    with postgres.server() as server, postgres.database(server) as url:
        started = time.perf_counter()
        Postgres(url).upgrade()
        at_once(url, filling.a_year_of_months)
        asyncio.run(filling.fill(url, int(EVENTS * scale), int(OPEN * scale)))
        size = at_once(url, lambda conn: conn.scalar(text("SELECT pg_database_size(current_database())")))
        print(f"filled in {time.perf_counter() - started:.0f} s, {size / 1e9:.2f} GB")
        good = at_once(url, _explained)
        asyncio.run(
            filling.execute(url, ("UPDATE notifications SET due_at = 0 WHERE state = 'pending'", "VACUUM ANALYZE"))
        )
        print("\n=== a storm: everything that is pending is due at once")
        if not (at_once(url, partial(_explained, only=DUE)) and good):
            sys.exit("some plans are wrong")


# --- plans ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    lines: tuple[str, ...]

    def wrong(self) -> Iterator[str]:
        for line in self.lines:
            found = re.search(r"actual time=\S+ rows=(\d+) loops=(\d+)", line)
            rows = int(found[1]) * int(found[2]) if found else 0
            if re.search(r"Seq Scan|Sort", line) and rows > MANY:
                yield f"{rows} rows: {line.strip()}"
            removed = re.search(r"Rows Removed by (?:Index Recheck|Filter|Join Filter): (\d+)", line)
            if removed and int(removed[1]) > MANY:
                yield line.strip()

    def short(self) -> Iterator[str]:
        """Without what only the planner wonders about."""
        for line in self.lines:
            if not re.search(r"never executed|Planning:|Planning Time|^\s+Buffers|Sort Method|Heap Blocks", line):
                yield re.sub(r"  \(cost=[^)]*\)|time=[\d.]+\.\.", "", line).replace("actual ", "ms ")


def _explained(conn: Connection, only: Collection[str] = ()) -> bool:
    sample = _sample(conn)
    good = True
    for name, operation in hot.operations(sample).items():
        if only and name not in only:
            continue
        print(f"\n--- {name}")
        for statement in hot.statements(conn, operation):
            plan = hot.undone(conn, partial(_plan, conn, statement))
            generic = hot.undone(conn, partial(_generic, conn, statement))
            print("\n".join(plan.short()))
            for kind, made in (("", plan), ("without parameters: ", generic)):
                for why in made.wrong():
                    good = False
                    print(f"WRONG {kind}{why}")
    return good


def _plan(conn: Connection, statement: Statement) -> Plan:
    explain = f"EXPLAIN (ANALYZE, BUFFERS) {statement.text}"
    return Plan(tuple(conn.exec_driver_sql(explain, statement.parameters).scalars()))


def _generic(conn: Connection, statement: Statement) -> Plan:
    conn.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    conn.exec_driver_sql(f"PREPARE as_prepared AS {statement.text}")
    given = ", ".join(map(_literal, statement.parameters))
    explain = f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE as_prepared{f'({given})' if given else ''}"
    try:
        return Plan(tuple(conn.exec_driver_sql(explain).scalars()))
    finally:
        conn.exec_driver_sql("DEALLOCATE as_prepared")


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def _sample(conn: Connection) -> Sample:
    now = datetime.now(UTC)
    call = outbox.due(conn, {ChannelName.VOICE: 1}, now)[ChannelName.VOICE][0].notification
    event = conn.execute(select(tables.events).where(tables.events.c.pk == call.event_pk)).one()
    tried = tables.attempts.c.event_pk == call.event_pk
    asked = tables.agenda.c.event_pk == call.event_pk
    newest = tables.timeline.c.n.desc()
    return Sample(
        now=now,
        call=call,
        attempt_id=conn.scalars(select(tables.attempts.c.id).where(tried)).first() or "",
        event_pk=event.pk,
        source=event.source,
        event_id=event.event_id,
        delivery_id=conn.scalars(select(tables.deliveries.c.id).limit(1)).one(),
        agenda_id=conn.scalars(select(tables.agenda.c.id).where(asked)).first() or "",
        timeline_n=conn.scalars(select(tables.timeline.c.n).order_by(newest).offset(20).limit(1)).one(),
    )
