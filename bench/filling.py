"""Fills a PostgreSQL with what a year leaves behind, by statements of its own: bench/fill.sql."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from sqlalchemy import Connection

from store import address, partitions

SCRIPT = Path(__file__).with_name("fill.sql")
_DUE = "state = 'pending' AND due_at <= extract(epoch FROM now()) * 1000000"
# Nothing is due, on its way or unknown: for those who measure something else beside it.
QUIET = (
    f"UPDATE notifications SET due_at = due_at + 7200000000 WHERE {_DUE}",
    f"UPDATE agenda SET due_at = due_at + 7200000000 WHERE {_DUE}",
    "UPDATE notifications SET state = 'sent', look_at = NULL, lease_owner = NULL WHERE state IN ('sending', 'unknown')",
    "DELETE FROM voice_in_flight",
    "VACUUM ANALYZE",
)


def a_year_of_months(conn: Connection) -> None:
    now = datetime.now(UTC)
    for months in range(12, 0, -3):
        partitions.make(conn, now - timedelta(days=30.5 * months))


async def fill(url: str, events: int, still_open: int) -> None:
    script = SCRIPT.read_text().replace(":events", str(events)).replace(":open", str(still_open))
    await execute(url, (statement for statement in script.split(";\n") if statement.strip()))


async def execute(url: str, statements: Iterable[str]) -> None:
    conn = await asyncpg.connect(**address.read(url).for_asyncpg())
    try:
        # Only a superuser may leave the foreign keys unchecked; others wait a little longer.
        if await conn.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            await conn.execute("SET session_replication_role = replica")
        await conn.execute("SET synchronous_commit = off")
        for statement in statements:
            await conn.execute(statement, timeout=900)
    finally:
        await conn.close()
