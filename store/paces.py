"""How fast an account may be used, over all processes: when the next one may go, one row for each account."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, delete, select, type_coerce

from store.portable import lockable, sorted_names, upsert
from store.tables import Instant, microseconds, paces

_MICROSECOND = timedelta(microseconds=1)
_FREE_AT = select(paces.c.free_at).where(paces.c.key == bindparam("row_key"))
_FREE_AT_EACH = select(paces.c.key, paces.c.free_at).where(paces.c.key.in_(bindparam("row_keys", expanding=True)))
_ADD = upsert(paces)
_KEEP = _ADD.on_conflict_do_update(index_elements=["key"], set_={"free_at": _ADD.excluded.free_at})


_MICROSECONDS = type_coerce(paces.c.free_at, BigInteger)
_NOW = bindparam("now", type_=BigInteger)
_NEXT = case((_MICROSECONDS > _NOW, _MICROSECONDS), else_=_NOW) + bindparam("step", type_=BigInteger)
_ALLOWS = _MICROSECONDS - bindparam("credit", type_=BigInteger) <= _NOW
_TURN = _ADD.on_conflict_do_update(index_elements=["key"], set_={"free_at": type_coerce(_NEXT, Instant)}, where=_ALLOWS)
_EACH = select(sorted_names.c.name, bindparam("free_at", type_=Instant()))
_TURN_OF_EACH = (
    upsert(paces)
    .from_select(["key", "free_at"], _EACH)
    .on_conflict_do_update(index_elements=["key"], set_={"free_at": type_coerce(_NEXT, Instant)}, where=_ALLOWS)
    .returning(paces.c.key)
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One of at most `burst` at once and `per_second` on average, of the account named by `key`."""

    key: str
    per_second: float
    burst: int


def take_turn(conn: Connection, turn: Turn, now: datetime) -> datetime | None:
    """One goes now. Otherwise the time at which the next one may."""
    given = _given(turn, now)
    if conn.execute(_TURN, {"key": turn.key, **given}).rowcount == 1:
        return None
    free_at: datetime = conn.execute(_FREE_AT, {"row_key": turn.key}).scalar_one()
    return free_at - _credit(turn)


def take_turns(conn: Connection, turns: Sequence[Turn], now: datetime) -> list[datetime | None]:
    """As `take_turn` for each of them; on PostgreSQL those of one pace, each of another account, in one statement.

    Accounts come in one order everywhere, so that processes never wait for each other in a circle.
    """
    at: dict[int, datetime | None] = {}
    in_order = sorted(range(len(turns)), key=lambda n: (_pace(turns[n]), turns[n].key))
    for _, group in groupby(in_order, key=lambda n: _pace(turns[n])):
        numbers = list(group)
        keys = {turns[n].key for n in numbers}
        if lockable(conn) and 1 < len(keys) == len(numbers):
            refused = _refused(conn, keys, turns[numbers[0]], now)
            at |= {n: refused.get(turns[n].key) for n in numbers}
        else:
            at |= {n: take_turn(conn, turns[n], now) for n in numbers}
    return [at[n] for n in range(len(turns))]


def _refused(conn: Connection, keys: Collection[str], pace: Turn, now: datetime) -> dict[str, datetime]:
    """When the next one of these accounts may go, of those where none may now; of the others one goes."""
    taken = conn.scalars(_TURN_OF_EACH, {"names": list(keys), **_given(pace, now)})
    left = set(keys).difference(taken)
    found = conn.execute(_FREE_AT_EACH, {"row_keys": list(left)}) if left else ()
    return {key: free_at - _credit(pace) for key, free_at in found}


def _pace(turn: Turn) -> tuple[float, int]:
    return turn.per_second, turn.burst


def _step(turn: Turn) -> timedelta:
    return timedelta(seconds=1 / turn.per_second)


def _credit(turn: Turn) -> timedelta:
    return _step(turn) * (turn.burst - 1)


def _given(turn: Turn, now: datetime) -> dict[str, Any]:
    step, credit = _step(turn) // _MICROSECOND, _credit(turn) // _MICROSECOND
    return {"free_at": now + _step(turn), "now": microseconds(now), "step": step, "credit": credit}


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
