"""What happened to an event, in order: plain appends that the sealer chains afterwards (store/seal.py).

A row's `body` is for everybody. Its `private` part (addresses, vendors' bodies) is covered by the chain through a
salted hash only, so that it can be purged and the chain still checks.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from model.ids import Ids
from store.codec import canonical, mapping, plain, sha256
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


def append(
    conn: Connection,
    ids: Ids,
    event_pk: str,
    at: datetime,
    kind: str,
    body: Mapping[str, Any],
    private: Mapping[str, Any] | None = None,
) -> None:
    salt = ids.salt() if private else ""
    private_text = canonical(plain(private)) if private else None
    conn.execute(
        _APPEND,
        {
            "id": ids.new(),
            "event_pk": event_pk,
            "at": at,
            "kind": kind,
            "body": canonical(plain(body)),
            "private": private_text,
            "salt": salt,
            "private_sha256": sha256(salt + private_text) if private_text else "",
        },
    )
    signal(conn, TIMELINE)


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


_NUMBERS = select(timeline.c.n).where(timeline.c.n > bindparam("n")).order_by(timeline.c.n).limit(1000)


def numbers(conn: Connection, n: int) -> list[int]:
    """The next numbers after `n` that there are."""
    return list(conn.scalars(_NUMBERS, {"n": n}))


def since(conn: Connection, n: int, limit: int = 500, source: str | None = None, end: int | None = None) -> list[Entry]:
    """Entries after number `n` (up to `end`), oldest first; of one source, or (None) of all."""
    query = _ENTRIES.where(timeline.c.n > n).order_by(timeline.c.n).limit(limit)
    query = query if end is None else query.where(timeline.c.n <= end)
    return _entries(conn, query.where(events.c.source == source) if source else query)


def last_n(conn: Connection) -> int:
    """The number of the newest entry, 0 when there is none."""
    return conn.scalar(select(timeline.c.n).order_by(timeline.c.n.desc()).limit(1)) or 0
