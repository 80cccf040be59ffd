"""How fast an account may be used, over all processes: when the next one may go, one row for each account."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from store.portable import upsert
from store.tables import paces

_FREE_AT = select(paces.c.free_at).where(paces.c.key == bindparam("row_key"))
_ADD = upsert(paces)
_KEEP = _ADD.on_conflict_do_update(index_elements=["key"], set_={"free_at": _ADD.excluded.free_at})


def next_at(conn: Connection, key: str, now: datetime) -> datetime:
    """When the next one may go: `now` or later. The caller has locked the account (`lock_alone`)."""
    free_at: datetime | None = conn.scalar(_FREE_AT, {"row_key": key})
    return max(now, free_at or now)


def take(conn: Connection, key: str, per_second: float, now: datetime) -> None:
    """One goes now."""
    conn.execute(_KEEP, {"key": key, "free_at": next_at(conn, key, now) + timedelta(seconds=1 / per_second)})
