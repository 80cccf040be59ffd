"""Events and what was said about them."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, insert, select, text

from model.event import Also, Event, EventStatus, Revision, Severity
from store.codec import CONTENT, canonical, content_text
from store.portable import lock_event, lockable, upsert
from store.tables import events, placing_keys, revisions, said

_LOCK = upsert(placing_keys).on_conflict_do_nothing()
_LOCK_KNOWN = (
    select(placing_keys.c.key)
    .where(placing_keys.c.source == bindparam("source"), placing_keys.c.key == bindparam("key"))
    .with_for_update()
)
_FIND = select(events).where(events.c.source == bindparam("source"), events.c.event_id == bindparam("event_id"))
_FIND_AND_LOCK = _FIND.with_for_update(key_share=True)
OPEN_AT_ONCE = 500
NO_OTHERS = "[]"
_OPEN_OF = (
    select(events)
    .where(events.c.source == bindparam("source"), events.c.status == text("'open'"))  # as the index says it
    .order_by(events.c.pk.desc())
    .limit(OPEN_AT_ONCE)
)
_BY_PK = select(events).where(events.c.pk.in_(bindparam("pks", expanding=True)))
_SAID = select(revisions).where(revisions.c.event_pk.in_(bindparam("pks", expanding=True))).order_by(revisions.c.number)


def lock_key(conn: Connection, source: str, key: str) -> None:
    """Nobody else decides about this key until the transaction ends."""
    named = {"source": source, "key": key}
    if conn.execute(_LOCK, named).rowcount == 0 and lockable(conn):
        conn.execute(_LOCK_KNOWN, named)


def lock(conn: Connection, event_pk: str) -> None:
    """Nobody else changes the event's plan until the transaction ends."""
    lock_event(conn, event_pk)


def find(conn: Connection, source: str, event_id: str, *, lock: bool = False) -> Event | None:
    """`lock`: nobody else changes the event's plan until the transaction ends."""
    query = _FIND_AND_LOCK if lock else _FIND
    found = _whole(conn, conn.execute(query, {"source": source, "event_id": event_id}).all())
    return found[0] if found else None


def open_of(conn: Connection, source: str) -> list[Event]:
    """The open events of a source, the oldest first, the OPEN_AT_ONCE newest."""
    return _whole(conn, conn.execute(_OPEN_OF, {"source": source}).all())[::-1]


def open_with_long_names(conn: Connection, chars: int) -> list[Event]:
    """The open events whose source and id are longer together, the newest OPEN_AT_ONCE."""
    named = func.length(events.c.source) + func.length(events.c.event_id)
    query = select(events).where(events.c.status == text("'open'"), named > chars)
    return _whole(conn, conn.execute(query.order_by(events.c.pk.desc()).limit(OPEN_AT_ONCE)).all())


def load(conn: Connection, pks: Collection[str]) -> dict[str, Event]:
    """The events of those keys, by key."""
    if not pks:
        return {}
    return {event.pk: event for event in _whole(conn, conn.execute(_BY_PK, {"pks": list(pks)}).all())}


def page(
    conn: Connection, limit: int, after: str | None, source: str | None = None, *, members: bool = True
) -> list[Event]:
    """The newest events first, those older than `after` (a pk); of one source, or (None) of all.

    `members`: also those for which another one rings.
    """
    query = select(events.c.pk).order_by(events.c.pk.desc()).limit(limit)
    if not members:
        query = query.where(events.c.leader_pk.is_(None))
    if after:
        query = query.where(events.c.pk < after)
    if source:
        query = query.where(events.c.source == source)
    pks = list(conn.scalars(query))
    by_pk = load(conn, pks)
    return [by_pk[pk] for pk in pks]


def _whole(conn: Connection, rows: Sequence[Row[Any]]) -> list[Event]:
    """Rows of events with what was said about them."""
    said = defaultdict(list)
    if rows:
        for row in conn.execute(_SAID, {"pks": [r.pk for r in rows]}):
            said[row.event_pk].append(_revision(row))
    return [_event(row, said[row.pk]) for row in rows]


def _revision(row: Row[Any]) -> Revision:
    return Revision(
        number=row.number,
        content=CONTENT.validate_json(row.content),
        digest=row.digest,
        delivery_id=row.delivery_id,
        received_at=row.received_at,
        needs_answer=row.needs_answer,
        changes=tuple(json.loads(row.changes)),
    )


def _event(row: Row[Any], said: Iterable[Revision]) -> Event:
    fields = dict(row._mapping)
    fields["status"] = EventStatus(row.status)
    fields["severity"] = Severity(row.severity)
    fields["also"] = tuple(Also(*named) for named in json.loads(row.also)) if row.also != NO_OTHERS else ()
    return Event(**fields, revisions=tuple(said))


_INSERT_EVENT = upsert(events)
_SAVE = _INSERT_EVENT.on_conflict_do_update(
    index_elements=["pk"],
    set_={c.name: _INSERT_EVENT.excluded[c.name] for c in events.c if c.name not in ("pk", "source", "event_id")},
)
_ADD_REVISION = insert(revisions)


def save(conn: Connection, event: Event) -> None:
    """Write the event's own row, new or changed. Revisions are added by `add_revision`."""
    row = {column.name: getattr(event, column.name) for column in events.columns}
    conn.execute(_SAVE, row | {"also": json.dumps(event.also) if event.also else NO_OTHERS})


def add_revision(conn: Connection, event_pk: str, revision: Revision, parsed: Any, trace: str = "") -> None:
    """`trace`: the traceparent of the message that said it (store/traces.py)."""
    conn.execute(
        _ADD_REVISION,
        {
            "event_pk": event_pk,
            "number": revision.number,
            "content": content_text(revision.content),
            "parsed": canonical(parsed),
            "digest": revision.digest,
            "delivery_id": revision.delivery_id,
            "received_at": revision.received_at,
            "needs_answer": revision.needs_answer,
            "changes": canonical(revision.changes),
            "trace": trace,
        },
    )


class InUse(NamedTuple):
    """A policy or team (`noun`) by which so many open events go."""

    noun: str
    name: str
    events: int


def in_use(conn: Connection, policies: Collection[str], teams: Collection[str]) -> list[InUse]:
    """Those of them by which open events go."""
    is_open = events.c.status == said(EventStatus.OPEN)
    others = [
        [Also(*named) for named in json.loads(text)]
        for text in conn.scalars(select(events.c.also).where(is_open, events.c.also != NO_OTHERS))
    ]
    found: list[InUse] = []
    for column, names in ((events.c.policy, policies), (events.c.team, teams)):
        counted = conn.execute(select(column, func.count()).where(is_open, column.in_(names)).group_by(column))
        total = Counter({name: count for name, count in counted})
        for also in others:
            total.update({getattr(other, column.name) for other in also} & set(names))
        found += [InUse(column.name, name, total[name]) for name in sorted(total)]
    return found


def parsed(conn: Connection, event_pk: str) -> dict[int, Any]:
    """What the issuer sent, as JSON data, by revision."""
    query = select(revisions.c.number, revisions.c.parsed).where(revisions.c.event_pk == event_pk)
    return {number: json.loads(text) for number, text in conn.execute(query)}
