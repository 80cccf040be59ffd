"""Months of `timeline` and `attempts` on PostgreSQL. An id (UUIDv7) begins with its time, so a month is a range of ids.

SQLite has no partitions: there all of this does nothing.
"""

from datetime import UTC, datetime
from itertools import pairwise

from sqlalchemy import Connection, bindparam, func, select, text

from store.portable import lock_alone, lockable

TABLES = ("timeline", "attempts")
MONTHS_AHEAD = 3  # a process that makes none for so long still has months to write to, and then the rest partition

_EXISTS = select(func.to_regclass(bindparam("name")))


def first_id(at: datetime) -> str:
    """The lowest UUIDv7 of that millisecond: ids sort by time, so the primary key finds what is recent."""
    digits = f"{int(at.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"


def months(now: datetime) -> list[datetime]:
    """The beginning of this month and of those for which there must be partitions; the last one only ends them."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = [first]
    for _ in range(MONTHS_AHEAD + 1):
        last = found[-1]
        found.append(last.replace(year=last.year + last.month // 12, month=last.month % 12 + 1))
    return found


def make(conn: Connection, now: datetime) -> list[str]:
    """Make the partitions that are missing from this month on. Returns their names."""
    if not lockable(conn):
        return []
    lock_alone(conn, "partitions")
    made = []
    begins = months(now)
    for table in TABLES:
        for begin, end in pairwise(begins):
            name = f"{table}_{begin:%Y_%m}"
            if conn.scalar(_EXISTS, {"name": name}) is None:
                # Names and ids are our own making; PostgreSQL takes no parameters here.
                conn.execute(
                    text(
                        f"CREATE TABLE {name} PARTITION OF {table} "
                        f"FOR VALUES FROM ('{first_id(begin)}') TO ('{first_id(end)}')"
                    )
                )
                made.append(name)
    return made
