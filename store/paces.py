"""How fast an account may be used, over all processes: when the next one may go, one row for each account."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, bindparam, case, delete, select, type_coerce

from store.portable import upsert
from store.tables import Instant, microseconds, paces

_MICROSECOND = timedelta(microseconds=1)
_FREE_AT = select(paces.c.free_at).where(paces.c.key == bindparam("row_key"))
_ADD = upsert(paces)
_KEEP = _ADD.on_conflict_do_update(index_elements=["key"], set_={"free_at": _ADD.excluded.free_at})


_MICROSECONDS = type_coerce(paces.c.free_at, BigInteger)
_NOW = bindparam("now", type_=BigInteger)
_NEXT = case((_MICROSECONDS > _NOW, _MICROSECONDS), else_=_NOW) + bindparam("step", type_=BigInteger)
_TURN = _ADD.on_conflict_do_update(
    index_elements=["key"],
    set_={"free_at": type_coerce(_NEXT, Instant)},
    where=_MICROSECONDS - bindparam("credit", type_=BigInteger) <= _NOW,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One of at most `burst` at once and `per_second` on average, of the account named by `key`."""

    key: str
    per_second: float
    burst: int


def take_turn(conn: Connection, turn: Turn, now: datetime) -> datetime | None:
    """One goes now. Otherwise the time at which the next one may."""
    step = timedelta(seconds=1 / turn.per_second)
    credit = step * (turn.burst - 1)
    values = {"now": microseconds(now), "step": step // _MICROSECOND, "credit": credit // _MICROSECOND}
    if conn.execute(_TURN, {"key": turn.key, "free_at": now + step, **values}).rowcount == 1:
        return None
    free_at: datetime = conn.execute(_FREE_AT, {"row_key": turn.key}).scalar_one()
    return free_at - credit


def forget(conn: Connection, before: datetime) -> None:
    """Accounts that have not been used since then."""
    conn.execute(delete(paces).where(paces.c.free_at < before))


def next_at(conn: Connection, key: str, now: datetime) -> datetime:
    """When the next one may go: `now` or later. The caller has locked the account (`lock_alone`)."""
    free_at: datetime | None = conn.scalar(_FREE_AT, {"row_key": key})
    return max(now, free_at or now)


def take(conn: Connection, key: str, per_second: float, now: datetime) -> None:
    """One goes now."""
    conn.execute(_KEEP, {"key": key, "free_at": next_at(conn, key, now) + timedelta(seconds=1 / per_second)})
