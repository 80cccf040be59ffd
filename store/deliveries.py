"""What upstreams posted, whole, and what became of each member of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from broker.base import Message
from store import signals
from store.codec import canonical, sha256
from store.portable import portions, upsert
from store.tables import bodies, deliveries, events


class DeliveryState(StrEnum):
    ACCEPTED = "accepted"  # durable, not decided yet: never stored, answered for ids without a row
    PLANNED = "planned"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    id: str
    body_id: str
    member: int
    source: str
    received_at: datetime
    decided_at: datetime
    state: DeliveryState
    detail: str
    event_pk: str | None = None
    event_id: str | None = None
    revision: int | None = None
    native_id: str | None = None
    ce_source: str | None = None
    rings: bool | None = None
    at_risk: bool | None = None
    deadline_at: datetime | None = None
    digest: str | None = None


_KEEP_BODY = upsert(bodies).on_conflict_do_nothing()
_SAVE = insert(deliveries)
_STORED = select(bodies.c.id).where(bodies.c.id.in_(bindparam("ids", expanding=True)))
_ANSWERED = update(bodies).where(bodies.c.id == bindparam("body_id")).values(answered_at=bindparam("at"))
# By way of the events, which a source of this kind has few of: deliveries have no index on native ids.
_PLACED = (
    select(deliveries.c.native_id, deliveries.c.event_id, deliveries.c.revision)
    .join(events, events.c.pk == deliveries.c.event_pk)
    .where(events.c.source == bindparam("source"))
    .where(deliveries.c.native_id.in_(bindparam("native_ids", expanding=True)))
    .order_by(deliveries.c.id)
)
_KNOWN = select(deliveries.c.id).where(deliveries.c.id.in_(bindparam("ids", expanding=True)))

_MEMBER = select(deliveries).where(
    deliveries.c.body_id == bindparam("body_id"), deliveries.c.member == bindparam("number")
)


def save_body(conn: Connection, message: Message) -> str:
    """Keep the POST as it came. Returns the body's id (the message's)."""
    conn.execute(
        _KEEP_BODY,
        {
            "id": message.id,
            "source": message.source,
            "received_at": message.received_at,
            "body": message.body,
            "sha256": sha256(message.body),
            "headers": canonical(dict(message.headers)),
            "sender": message.sender,
            "signature": message.signature,
            "key_id": message.key_id,
            "request_id": message.request_id,
            "truncated": message.truncated,
        },
    )
    return message.id


def save(conn: Connection, delivery: Delivery) -> None:
    conn.execute(_SAVE, {column.name: getattr(delivery, column.name) for column in deliveries.columns})
    signals.signal(conn, signals.delivery(delivery.id))


def known(conn: Connection, ids: tuple[str, ...]) -> set[str]:
    """Which of these were decided about already."""
    return set(conn.scalars(_KNOWN, {"ids": list(ids)}))


def find(conn: Connection, delivery_id: str) -> Delivery | None:
    row = conn.execute(select(deliveries).where(deliveries.c.id == delivery_id)).first()
    return _delivery(row) if row else None


def member(conn: Connection, body_id: str, number: int) -> Delivery | None:
    """What became of that member of a POST; None while it is not decided."""
    row = conn.execute(_MEMBER, {"body_id": body_id, "number": number}).first()
    return _delivery(row) if row else None


def of_event(conn: Connection, event_pk: str) -> list[Delivery]:
    query = select(deliveries).where(deliveries.c.event_pk == event_pk).order_by(deliveries.c.id)
    return [_delivery(row) for row in conn.execute(query)]


def placed(conn: Connection, source: str, native_ids: Collection[str]) -> dict[str, tuple[str, int]]:
    """Event id and revision of the statements that the source calls so. Those of other sources do not count."""
    found = conn.execute(_PLACED, {"source": source, "native_ids": list(native_ids)})
    return {native_id: (event_id, number) for native_id, event_id, number in found}


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**dict(row._mapping) | {"state": DeliveryState(row.state)})


def body(conn: Connection, body_id: str) -> Row[Any] | None:
    """The POST itself: body, sha256, headers (JSON text), sender, signature, received_at, answered_at, truncated."""
    return conn.execute(select(bodies).where(bodies.c.id == body_id)).first()


class Evidence(NamedTuple):
    """A POST without its bytes. `answered_at` None: not noted yet."""

    id: str
    sha256: str
    sender: str
    signature: str
    key_id: str | None
    received_at: datetime
    answered_at: datetime | None


def evidence(conn: Connection, body_ids: Collection[str]) -> dict[str, Evidence]:
    """What is known of those POSTs, by id."""
    query = select(*(bodies.c[name] for name in Evidence._fields))
    found = (row for some in portions(body_ids) for row in conn.execute(query.where(bodies.c.id.in_(some))))
    return {row.id: Evidence(*row) for row in found}


def note_answered(conn: Connection, answered: Mapping[str, datetime]) -> set[str]:
    """Write when each message was answered. Returns the ids that are stored; the others may come later."""
    stored = {id_ for some in portions(answered) for id_ in conn.scalars(_STORED, {"ids": some})}
    if stored:
        conn.execute(_ANSWERED, [{"body_id": id_, "at": answered[id_]} for id_ in sorted(stored)])
    return stored
