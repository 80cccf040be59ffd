"""What SQLite and PostgreSQL say differently, in one place: inserts that meet a row, and locks.

SQLite has one writer (BEGIN IMMEDIATE), which is every lock at once: there the locks here do nothing. On PostgreSQL
they are taken in one order everywhere: placing key, merge key, event rows by id, rows of its timetable, the rest.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import ARRAY, ColumnElement, Connection, Text, bindparam, case, func, select

# PostgreSQL's form is compiled for SQLite too: the clauses read the same in both (tests/contract/test_store.py).
from sqlalchemy.dialects.postgresql import insert as upsert

from store.tables import events, notifications

__all__ = [
    "lesser",
    "lock_alone",
    "lock_event",
    "lock_events",
    "lock_pending",
    "lock_timetable",
    "lockable",
    "portions",
    "sorted_names",
    "try_alone",
    "upsert",
]

NAMED_AT_ONCE = 10_000  # both databases take some 32,000 parameters, and a statement may need each name twice

_EVENT = select(events.c.pk).where(events.c.pk == bindparam("pk")).with_for_update(key_share=True)
_EVENTS = (
    select(events.c.pk)
    .where(events.c.pk.in_(bindparam("pks", expanding=True)))
    .order_by(events.c.pk)
    .with_for_update(key_share=True)
)
_TIMETABLE = (
    select(notifications.c.id)
    .where(notifications.c.event_pk == bindparam("pk"))
    .order_by(notifications.c.id)
    .with_for_update(key_share=True)
)
_ALONE = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))
_NAMES = func.unnest(bindparam("names", type_=ARRAY(Text))).column_valued("name")
sorted_names = select(_NAMES).order_by(_NAMES).subquery()  # the parameter `names`, one a row; PostgreSQL's alone
_EACH_ALONE = select(func.pg_advisory_xact_lock(func.hashtextextended(sorted_names.c.name, 0)))
_TRY_ALONE = select(func.pg_try_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))


def lesser(a: ColumnElement[object], b: ColumnElement[object]) -> ColumnElement[object]:
    """The smaller of two values that are both there."""
    return case((a < b, a), else_=b)


def portions(values: Collection[str]) -> Iterator[list[str]]:
    """As many as one statement may name, at a time: an event of 10,000 people has some 50,000 rows."""
    given = list(values)
    for first in range(0, len(given), NAMED_AT_ONCE):
        yield given[first : first + NAMED_AT_ONCE]


def lockable(conn: Connection) -> bool:
    """Other writers may be at work at the same time, so rows must be locked."""
    return conn.dialect.name == "postgresql"


def lock_event(conn: Connection, event_pk: str) -> None:
    """Nobody else changes this event's plan until the transaction ends."""
    if lockable(conn):
        conn.execute(_EVENT, {"pk": event_pk})


def lock_events(conn: Connection, event_pks: Collection[str]) -> None:
    """As `lock_event`, for several."""
    if lockable(conn):
        conn.execute(_EVENTS, {"pks": list(event_pks)})


def lock_timetable(conn: Connection, event_pk: str) -> None:
    """As `lock_event`, and nobody claims a row of it either: what is read now still holds when it is written."""
    if lockable(conn):
        conn.execute(_EVENT, {"pk": event_pk})
        conn.execute(_TIMETABLE, {"pk": event_pk})


def lock_alone(conn: Connection, name: str) -> None:
    """One transaction of that name at a time, over all processes."""
    if lockable(conn):
        conn.execute(_ALONE, {"name": name})


def lock_each_alone(conn: Connection, names: Collection[str]) -> None:
    """As `lock_alone`, for several names."""
    if names and lockable(conn):
        conn.execute(_EACH_ALONE, {"names": sorted(names)})


def try_alone(conn: Connection, name: str) -> bool:
    """As `lock_alone`, without waiting. False: somebody else is at it."""
    return not lockable(conn) or bool(conn.scalar(_TRY_ALONE, {"name": name}))


def lock_pending(conn: Connection, ids: Collection[str]) -> Collection[str]:
    """Those of the rows that nobody else has in hand; the others are left to them, without waiting."""
    if not lockable(conn):
        return ids
    return set(conn.scalars(_PENDING, {"ids": list(ids)})) if ids else ids


_PENDING = (
    select(notifications.c.id)
    .where(notifications.c.id.in_(bindparam("ids", expanding=True)), notifications.c.state == "pending")
    .order_by(notifications.c.id)
    .with_for_update(key_share=True, skip_locked=True)
)
