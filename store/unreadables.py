"""Messages nobody could read: one row for each body of a source, counted, until a person is done with it."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, case, null, select, update

from store.codec import canonical
from store.portable import lock_alone, upsert
from store.tables import bodies, deliveries, unreadables


class UnreadableState(StrEnum):
    NEW = "new"  # waits for a person
    REPLAYED = "replayed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRow:
    """`id` is the first delivery's, `received_at` and `body_id` are of it too; `last_at` is of the latest.

    `told_as`: the event id under which people were told last, at `told_at`; None: it was counted with what was told
    then. `more`: how many others of its source came after that and were counted with this one. `reason`: why it was
    dismissed.
    """

    id: str
    body_id: str
    member: int
    source: str
    sha256: str
    received_at: datetime
    last_at: datetime
    problems: tuple[str, ...]
    count: int = 1
    state: UnreadableState = UnreadableState.NEW
    told_as: str | None = None
    told_at: datetime | None = None
    more: int = 0
    repaired: bytes | None = None
    replayed_as: str | None = None
    acted_by: str = ""
    reason: str = ""


_KEEP = upsert(unreadables)
# It waits for a person again, and was not told of since the last one was done with it.
_AGAIN = {
    "count": unreadables.c.count + 1,
    "last_at": _KEEP.excluded.last_at,
    "told_at": case((unreadables.c.state == UnreadableState.NEW, unreadables.c.told_at), else_=null()),
    "state": UnreadableState.NEW,
}
_KEEP = _KEEP.on_conflict_do_update(index_elements=["source", "sha256", "member"], set_=_AGAIN)
_ONE = select(unreadables).where(
    unreadables.c.source == bindparam("source"),
    unreadables.c.sha256 == bindparam("sha256"),
    unreadables.c.member == bindparam("member"),
)
_TOLD_LATELY = (
    select(unreadables.c.id, unreadables.c.told_as)
    .where(
        unreadables.c.source == bindparam("source"),
        unreadables.c.told_at > bindparam("since"),
        unreadables.c.state == UnreadableState.NEW,
    )
    .order_by(unreadables.c.told_at.desc())
    .limit(1)
)


def keep(conn: Connection, row: UnreadableRow) -> UnreadableRow:
    """Keep it, or count it with the same body; as it stands then. One of a source at a time."""
    lock_alone(conn, f"unreadable {row.source}")
    conn.execute(
        _KEEP, {c.name: getattr(row, c.name) for c in unreadables.columns} | {"problems": canonical(row.problems)}
    )
    return _row(conn.execute(_ONE, {"source": row.source, "sha256": row.sha256, "member": row.member}).one())


class Told(NamedTuple):
    """Of which people were told, and as which event."""

    id: str
    told_as: str


def told_lately(conn: Connection, source: str, since: datetime) -> Told | None:
    """The last one of the source of which people were told since then, and which still waits for one of them."""
    row = conn.execute(_TOLD_LATELY, {"source": source, "since": since}).first()
    return Told(*row) if row else None


def tell(conn: Connection, unreadable_id: str, told_as: str, now: datetime) -> None:
    _change(conn, unreadable_id, told_as=told_as, told_at=now, more=0)


def count_with(conn: Connection, unreadable_id: str) -> None:
    """Another one of the source came, and is told with what comes of it by and by."""
    _change(conn, unreadable_id, more=unreadables.c.more + 1)


def counted(conn: Connection, told_before: datetime) -> list[UnreadableRow]:
    """Those with which others were counted, that were told before then."""
    query = select(unreadables).where(unreadables.c.more > 0, unreadables.c.told_at <= told_before)
    return [_row(row) for row in conn.execute(query.order_by(unreadables.c.id))]


def count_told(conn: Connection, unreadable_id: str) -> None:
    _change(conn, unreadable_id, more=0)


def page(conn: Connection, limit: int, after: str | None, state: str | None = None) -> list[UnreadableRow]:
    """Newest first, those older than `after` (an id)."""
    query = select(unreadables).order_by(unreadables.c.id.desc()).limit(limit)
    if after:
        query = query.where(unreadables.c.id < after)
    if state:
        query = query.where(unreadables.c.state == state)
    return [_row(row) for row in conn.execute(query)]


def find(conn: Connection, unreadable_id: str) -> UnreadableRow | None:
    """By its id, or by that of any delivery that was counted with it."""
    row = conn.execute(select(unreadables).where(unreadables.c.id == unreadable_id)).first()
    if row is None:
        same = (
            (unreadables.c.source == bodies.c.source)
            & (unreadables.c.sha256 == bodies.c.sha256)
            & (unreadables.c.member == deliveries.c.member)
        )
        posted = deliveries.join(bodies, bodies.c.id == deliveries.c.body_id).join(unreadables, same)
        counted = select(unreadables).select_from(posted).where(deliveries.c.id == unreadable_id)
        row = conn.execute(counted).first()
    return _row(row) if row else None


def repair(conn: Connection, unreadable_id: str, body: bytes, by: str) -> None:
    _change(conn, unreadable_id, repaired=body, acted_by=by)


def replayed(conn: Connection, unreadable_id: str, delivery_id: str, by: str) -> None:
    _change(conn, unreadable_id, state=UnreadableState.REPLAYED, replayed_as=delivery_id, acted_by=by)


def dismiss(conn: Connection, unreadable_id: str, reason: str, by: str) -> None:
    _change(conn, unreadable_id, state=UnreadableState.DISMISSED, reason=reason, acted_by=by)


def _change(conn: Connection, unreadable_id: str, **values: Any) -> None:
    conn.execute(update(unreadables).where(unreadables.c.id == unreadable_id).values(values))


def _row(row: Row[Any]) -> UnreadableRow:
    fields = dict(row._mapping)
    fields |= {"problems": tuple(json.loads(row.problems)), "state": UnreadableState(row.state)}
    return UnreadableRow(**fields)
