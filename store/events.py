"""Events and what was said about them."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from model.event import Event, EventStatus, Revision, Severity
from store.codec import CONTENT, canonical, content_text
from store.tables import events, placing_keys, revisions


def lock_key(conn: Connection, source: str, key: str) -> None:
    """Nobody else decides about this key until the transaction ends."""
    conn.execute(upsert(placing_keys).values(source=source, key=key).on_conflict_do_nothing())


def find(conn: Connection, source: str, event_id: str) -> Event | None:
    found = _load(conn, (events.c.source == source) & (events.c.event_id == event_id))
    return found[0] if found else None


def load(conn: Connection, pks: Collection[str]) -> dict[str, Event]:
    """The events of those keys, by key."""
    return {event.pk: event for event in _load(conn, events.c.pk.in_(pks))} if pks else {}


def page(conn: Connection, limit: int, after: str | None, source: str | None = None) -> list[Event]:
    """The newest events first, those older than `after` (a pk); of one source, or (None) of all."""
    query = select(events.c.pk).order_by(events.c.pk.desc()).limit(limit)
    if after:
        query = query.where(events.c.pk < after)
    if source:
        query = query.where(events.c.source == source)
    pks = list(conn.scalars(query))
    by_pk = load(conn, pks)
    return [by_pk[pk] for pk in pks]


def _load(conn: Connection, where: Any) -> list[Event]:
    rows = conn.execute(select(events).where(where)).all()
    said = defaultdict(list)
    if rows:
        query = select(revisions).where(revisions.c.event_pk.in_([r.pk for r in rows])).order_by(revisions.c.number)
        for row in conn.execute(query):
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
    return Event(**fields, revisions=tuple(said))


def save(conn: Connection, event: Event) -> None:
    """Write the event's own row, new or changed. Revisions are added by `add_revision`."""
    values = {column.name: getattr(event, column.name) for column in events.columns}
    changed = {k: v for k, v in values.items() if k not in ("pk", "source", "event_id")}
    conn.execute(upsert(events).values(values).on_conflict_do_update(index_elements=["pk"], set_=changed))


def add_revision(conn: Connection, event_pk: str, revision: Revision, parsed: Any) -> None:
    conn.execute(
        insert(revisions).values(
            event_pk=event_pk,
            number=revision.number,
            content=content_text(revision.content),
            parsed=canonical(parsed),
            digest=revision.digest,
            delivery_id=revision.delivery_id,
            received_at=revision.received_at,
            needs_answer=revision.needs_answer,
            changes=canonical(revision.changes),
        )
    )


def parsed(conn: Connection, event_pk: str) -> dict[int, Any]:
    """What the issuer sent, as JSON data, by revision."""
    query = select(revisions.c.number, revisions.c.parsed).where(revisions.c.event_pk == event_pk)
    return {number: json.loads(text) for number, text in conn.execute(query)}


def close(conn: Connection, event: Event) -> None:
    conn.execute(update(events).where(events.c.pk == event.pk).values(status=event.status, closed_at=event.closed_at))
