"""Messages nobody could read: kept whole, listed, repaired by a person, replayed."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select, update

from store.codec import canonical
from store.portable import upsert
from store.tables import unreadables


class UnreadableState(StrEnum):
    NEW = "new"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRow:
    """`id` is the delivery's. `told_as`: the event id under which people were told."""

    id: str
    body_id: str
    member: int
    source: str
    received_at: datetime
    problems: tuple[str, ...]
    state: UnreadableState = UnreadableState.NEW
    told_as: str | None = None
    repaired: bytes | None = None
    replayed_as: str | None = None
    acted_by: str = ""


def save(conn: Connection, row: UnreadableRow) -> None:
    values = {c.name: getattr(row, c.name) for c in unreadables.columns} | {"problems": canonical(row.problems)}
    conn.execute(upsert(unreadables).values(values).on_conflict_do_nothing())


def page(conn: Connection, limit: int, after: str | None, state: str | None = None) -> list[UnreadableRow]:
    """Newest first, those older than `after` (an id)."""
    query = select(unreadables).order_by(unreadables.c.id.desc()).limit(limit)
    if after:
        query = query.where(unreadables.c.id < after)
    if state:
        query = query.where(unreadables.c.state == state)
    return [_row(row) for row in conn.execute(query)]


def find(conn: Connection, unreadable_id: str) -> UnreadableRow | None:
    row = conn.execute(select(unreadables).where(unreadables.c.id == unreadable_id)).first()
    return _row(row) if row else None


def repair(conn: Connection, unreadable_id: str, body: bytes, by: str) -> None:
    conn.execute(update(unreadables).where(unreadables.c.id == unreadable_id).values(repaired=body, acted_by=by))


def replayed(conn: Connection, unreadable_id: str, delivery_id: str, by: str) -> None:
    conn.execute(
        update(unreadables)
        .where(unreadables.c.id == unreadable_id)
        .values(state=UnreadableState.REPLAYED, replayed_as=delivery_id, acted_by=by)
    )


def _row(row: Row[Any]) -> UnreadableRow:
    fields = dict(row._mapping)
    fields |= {"problems": tuple(json.loads(row.problems)), "state": UnreadableState(row.state)}
    return UnreadableRow(**fields)
