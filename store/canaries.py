"""The messages by which Gridcall tries itself. A table of their own: no event, report or person's load knows them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from model.canary import Canary
from store.portable import upsert
from store.signals import DISPATCH, signal
from store.tables import WAITING_CANARY, canaries

_NEWEST = select(canaries).order_by(canaries.c.sent_at.desc()).limit(1)
_THROUGH_AT = select(func.max(canaries.c.sent_at)).where(canaries.c.told_at.is_not(None))
_WAITING = select(canaries.c.id).where(WAITING_CANARY)
_TELL = (
    update(canaries)
    .where(canaries.c.id.in_(bindparam("ids", expanding=True)), canaries.c.told_at.is_(None))
    .values(told_at=bindparam("at"))
)
_ROW = upsert(canaries)
_DECIDE = _ROW.on_conflict_do_update(
    index_elements=["id"],
    set_={name: _ROW.excluded[name] for name in ("received_at", "decided_at", "failure")},
    where=canaries.c.decided_at.is_(None),
)


def send(conn: Connection, id_: str, now: datetime) -> None:
    """Written before it is sent: one that gets nowhere is known too."""
    conn.execute(insert(canaries), {"id": id_, "sent_at": now, "failure": ""})


def fail(conn: Connection, id_: str, failure: str) -> None:
    conn.execute(update(canaries).where(canaries.c.id == id_).values(failure=failure))


def decide(conn: Connection, id_: str, received_at: datetime, now: datetime, failure: str = "") -> None:
    """It was planned, or could not be: then nobody is asked to tell it. A repeat changes nothing."""
    decided_at = None if failure else now
    row = {"id": id_, "sent_at": received_at, "received_at": received_at, "decided_at": decided_at, "failure": failure}
    conn.execute(_DECIDE, row)
    if not failure:
        signal(conn, DISPATCH)


def waiting(conn: Connection) -> list[str]:
    """Those that are planned and not told."""
    return list(conn.scalars(_WAITING))


def tell(conn: Connection, ids: Sequence[str], now: datetime) -> None:
    """The null channel has them."""
    conn.execute(_TELL, {"ids": list(ids), "at": now})


def newest(conn: Connection) -> Canary | None:
    row = conn.execute(_NEWEST).mappings().first()
    return Canary(**row) if row else None


def through_at(conn: Connection) -> datetime | None:
    """When the last one was sent that came through."""
    at: datetime | None = conn.scalar(_THROUGH_AT)
    return at


def of(conn: Connection, ids: list[str]) -> list[Canary]:
    return [Canary(**row) for row in conn.execute(select(canaries).where(canaries.c.id.in_(ids))).mappings()]


def forget(conn: Connection, before: datetime) -> None:
    """Delete those that were sent before then."""
    conn.execute(delete(canaries).where(canaries.c.sent_at < before))
