"""What happened to an event, in order: plain appends that the sealer chains afterwards (store/seal.py).

A row's `body` is for everybody. Its `private` part (addresses, vendors' bodies) is covered by the chain through a
salted hash only, so that it can be purged and the chain still checks.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Text, cast, func, insert, select

from model.ids import Ids
from store.codec import canonical, mapping, plain, sha256
from store.portable import lockable
from store.signals import TIMELINE, signal
from store.tables import events, timeline


class Entry(NamedTuple):
    """One row as people see it. `n` grows with each row of the database and is the id of live feeds."""

    n: int
    source: str
    event_id: str
    at: datetime
    kind: str
    body: dict[str, Any]


# Statements are built once: building one costs four times what running it does.
_APPEND = insert(timeline)


class News(NamedTuple):
    """What is to be appended about an event."""

    event_pk: str
    kind: str
    body: Mapping[str, Any]
    private: Mapping[str, Any] | None = None


def append(
    conn: Connection,
    ids: Ids,
    event_pk: str,
    at: datetime,
    kind: str,
    body: Mapping[str, Any],
    private: Mapping[str, Any] | None = None,
) -> None:
    append_all(conn, ids, at, [News(event_pk, kind, body, private)])


def append_all(conn: Connection, ids: Ids, at: datetime, news: Sequence[News]) -> None:
    """In that order."""
    append_each(conn, ids, [(at, one) for one in news])


def append_each(conn: Connection, ids: Ids, news: Sequence[tuple[datetime, News]]) -> None:
    """As `append_all`, each of a time of its own."""
    if news:
        rows = [_row(ids, at, one) for at, one in news]
        conn.execute(_APPEND, rows if len(rows) > 1 else rows[0])
        signal(conn, TIMELINE)


def _row(ids: Ids, at: datetime, news: News) -> dict[str, Any]:
    salt = ids.salt() if news.private else ""
    private_text = canonical(plain(news.private)) if news.private else None
    return {
        "id": ids.new(),
        "event_pk": news.event_pk,
        "at": at,
        "kind": news.kind,
        "body": canonical(plain(news.body)),
        "private": private_text,
        "salt": salt,
        "private_sha256": sha256(salt + private_text) if private_text else "",
    }


_ENTRIES = select(
    timeline.c.n, events.c.source, events.c.event_id, timeline.c.at, timeline.c.kind, timeline.c.body
).join_from(timeline, events, timeline.c.event_pk == events.c.pk)


def _entries(conn: Connection, query: Any) -> list[Entry]:
    return [
        Entry(n, source, event_id, at, kind, mapping(body))
        for n, source, event_id, at, kind, body in conn.execute(query)
    ]


def of_event(conn: Connection, event_pk: str) -> list[Entry]:
    return _entries(conn, _ENTRIES.where(timeline.c.event_pk == event_pk).order_by(timeline.c.n))


def since(
    conn: Connection, n: int, limit: int = 500, source: str | None = None, upto: int | None = None
) -> list[Entry]:
    """Entries after number `n`, oldest first; of one source, or (None) of all; `upto` number, or (None) to the end."""
    query = _ENTRIES.where(timeline.c.n > n).order_by(timeline.c.n).limit(limit)
    if upto is not None:
        query = query.where(timeline.c.n <= upto)
    return _entries(conn, query.where(events.c.source == source) if source else query)


def numbers(conn: Connection, n: int, limit: int = 500) -> list[int]:
    """The numbers of the entries after `n`."""
    return list(conn.scalars(select(timeline.c.n).where(timeline.c.n > n).order_by(timeline.c.n).limit(limit)))


class Transactions(NamedTuple):
    """Of the database at one moment: the oldest that still runs, and the next that will begin."""

    oldest: int = 0
    following: int = 0


_TRANSACTIONS = select(
    cast(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text), BigInteger),
    cast(cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), Text), BigInteger),
)


def transactions(conn: Connection) -> Transactions:
    """Where several write at once, a number may be missing because its transaction still runs.

    SQLite has one writer: nothing runs beside what is read.
    """
    return Transactions(*conn.execute(_TRANSACTIONS).one()) if lockable(conn) else Transactions()


def last_n(conn: Connection) -> int:
    """The number of the newest entry, 0 when there is none."""
    return conn.scalar(select(timeline.c.n).order_by(timeline.c.n.desc()).limit(1)) or 0
