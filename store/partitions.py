"""Months of `timeline` and `attempts` on PostgreSQL. An id (UUIDv7) begins with its time, so a month is a range of ids.

SQLite has no partitions: there all of this does nothing.
"""

from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.exc import IntegrityError

from store.portable import lock_alone, lockable

TABLES = ("timeline", "attempts")
MONTHS_AHEAD = 3  # a process that makes none for so long still has months to write to, and then the rest partition

# For the log: everything works, and deleting and looking back grow slow.
BARRED = "a month has no partition: the rest partition has rows of it"

_IN_THE_WAY = "23514"  # PostgreSQL's: a row of the default partition belongs to the new one
_EXISTS = select(func.to_regclass(bindparam("name")))


def first_id(at: datetime) -> str:
    """The lowest UUIDv7 of that millisecond: ids sort by time, so the primary key finds what is recent."""
    digits = f"{int(at.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"


def made_at(id_: str) -> datetime:
    """When that UUIDv7 was made, to the millisecond."""
    return datetime.fromtimestamp(int(id_[:8] + id_[9:13], 16) / 1000, UTC)


def months(now: datetime) -> list[datetime]:
    """The beginning of this month and of those for which there must be partitions; the last one only ends them."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = [first]
    for _ in range(MONTHS_AHEAD + 1):
        last = found[-1]
        found.append(last.replace(year=last.year + last.month // 12, month=last.month % 12 + 1))
    return found


class Months(NamedTuple):
    """Partitions by their names. `barred`: they cannot be made, the rest partition has rows of theirs."""

    made: list[str]
    barred: list[str]


def make(conn: Connection, now: datetime) -> Months:
    """Make the partitions that are missing from this month on."""
    found = Months([], [])
    if not lockable(conn):
        return found
    lock_alone(conn, "partitions")
    begins = months(now)
    for table in TABLES:
        for begin, end in pairwise(begins):
            name = f"{table}_{begin:%Y_%m}"
            if conn.scalar(_EXISTS, {"name": name}) is None:
                made = _make(conn, table, name, first_id(begin), first_id(end))
                (found.made if made else found.barred).append(name)
    return found


def _make(conn: Connection, table: str, name: str, first: str, end: str) -> bool:
    """False: the rest partition has rows that belong there."""
    # Asked by its index first: PostgreSQL would read the whole rest, with everybody locked out.
    if _rests(conn, table, first, end):
        return False
    try:
        with conn.begin_nested():
            # Names and ids are our own making; PostgreSQL takes no parameters here.
            conn.execute(text(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{first}') TO ('{end}')"))
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != _IN_THE_WAY:
            raise
        return False  # one came since we asked
    return True


def _rests(conn: Connection, table: str, first: str, end: str) -> bool:
    query = text(f"SELECT EXISTS (SELECT FROM {table}_rest WHERE id >= :first AND id < :end)")  # noqa: S608
    return bool(conn.scalar(query, {"first": first, "end": end}))
