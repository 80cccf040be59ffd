"""Calls that were picked up and ended without a key, of which nobody has said who picked up: the vendor is asked once.

Hardly ever more than a few: a row is gone when the vendor has answered, or when it is told without being asked.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from store.portable import upsert
from store.signals import RECONCILE, signal
from store.tables import pick_ups

AT_A_LOOK = 20
_ADD = upsert(pick_ups).on_conflict_do_nothing()
_THIS = pick_ups.c.attempt_id == bindparam("attempt")
_DONE = delete(pick_ups).where(_THIS)
_DUE = (
    select(pick_ups.c.attempt_id, pick_ups.c.ended_at)
    .where(pick_ups.c.ask_at <= bindparam("now"))
    .order_by(pick_ups.c.ask_at, pick_ups.c.attempt_id)
    .limit(AT_A_LOOK)
)
_NEXT = select(func.min(pick_ups.c.ask_at))
_PUT_OFF = update(pick_ups).where(_THIS, pick_ups.c.ask_at <= bindparam("now")).values(ask_at=bindparam("until"))


class PickUp(NamedTuple):
    """A call that ended then."""

    attempt_id: str
    ended_at: datetime


def ask(conn: Connection, attempt_id: str, now: datetime, at: datetime) -> None:
    """Have the vendor asked then who picked up, unless somebody says so before."""
    conn.execute(_ADD, {"attempt_id": attempt_id, "ended_at": now, "ask_at": at})
    signal(conn, RECONCILE)


def done(conn: Connection, attempt_id: str) -> None:
    conn.execute(_DONE, {"attempt": attempt_id})


def due(conn: Connection, now: datetime) -> list[PickUp]:
    return [PickUp(*row) for row in conn.execute(_DUE, {"now": now})]


def next_at(conn: Connection) -> datetime | None:
    at: datetime | None = conn.scalar(_NEXT)
    return at


def put_off(conn: Connection, attempt_id: str, now: datetime, until: datetime) -> bool:
    """It is ours to ask, and due again then. False: another process is at it, or it is told."""
    return conn.execute(_PUT_OFF, {"attempt": attempt_id, "now": now, "until": until}).rowcount == 1
