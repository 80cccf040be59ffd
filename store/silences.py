"""Silences, and which events each of them holds."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from model.event import EventStatus
from model.silence import Noise, Silence
from store.portable import upsert
from store.tables import events, said, silence_holds, silences

_NOISE = TypeAdapter(Noise)
_EVERY = select(silences).order_by(silences.c.until, silences.c.id)
_ACTIVE = _EVERY.where(silences.c.since <= bindparam("now"), silences.c.until > bindparam("now"))
_HOLD = upsert(silence_holds).on_conflict_do_nothing(index_elements=["silence_id", "event_pk", "revision"])
_UNTIL = select(silences.c.until).where(silences.c.id == bindparam("id")).with_for_update(read=True)
NAMED = 20


class Held(NamedTuple):
    """What a silence holds, or held: how many events, and the ids of the first."""

    total: int
    named: tuple[str, ...]


class Told(NamedTuple):
    """A silence of which people have not heard that it began, or that it is over."""

    silence: Silence
    began: bool


def begin(conn: Connection, silence: Silence) -> None:
    conn.execute(
        insert(silences).values(
            id=silence.id,
            noise=_NOISE.dump_json(silence.noise).decode(),
            since=silence.since,
            until=silence.until,
            reason=silence.reason,
            author=silence.author,
            told=False,
            over_told=False,
        )
    )


def end(conn: Connection, id_: str, now: datetime) -> Silence | None:
    """It is over. None when it is not there, or was over."""
    ended = update(silences).where(silences.c.id == id_, silences.c.until > now).values(until=now)
    return find(conn, id_) if conn.execute(ended).rowcount else None


def find(conn: Connection, id_: str) -> Silence | None:
    row = conn.execute(select(silences).where(silences.c.id == id_)).first()
    return _silence(row) if row else None


def active(conn: Connection, now: datetime) -> list[Silence]:
    """In force now, the first to end first."""
    return [_silence(row) for row in conn.execute(_ACTIVE, {"now": now})]


def ended_since(conn: Connection, then: datetime, now: datetime) -> list[Silence]:
    """Over by now, and not longer than since then."""
    over = silences.c.until.between(then, now)
    return [_silence(row) for row in conn.execute(_EVERY.where(over))]


_UNHEARD = _EVERY.where(
    silences.c.told.is_(False) | (silences.c.over_told.is_(False) & (silences.c.until <= bindparam("now")))
)


def to_tell(conn: Connection, now: datetime) -> list[Told]:
    """What people have not heard. One whose end is not told yet is told to have begun before."""
    return [Told(_silence(row), row.told) for row in conn.execute(_UNHEARD, {"now": now})]


def told(conn: Connection, id_: str, *, over: bool) -> None:
    column = "over_told" if over else "told"
    conn.execute(update(silences).where(silences.c.id == id_).values({column: True}))


def hold(conn: Connection, silence_id: str, event_pk: str, revision: int, now: datetime) -> datetime:
    """Returns until when it is in force by now. Whoever ends it sooner waits, and sees what it holds."""
    until: datetime = conn.execute(_UNTIL, {"id": silence_id}).scalar_one()
    conn.execute(_HOLD, {"silence_id": silence_id, "event_pk": event_pk, "revision": revision, "at": now})
    return until


def held(conn: Connection, ids: Collection[str]) -> dict[str, Held]:
    """What each of these silences holds."""
    pairs = select(silence_holds.c.silence_id, silence_holds.c.event_pk).where(silence_holds.c.silence_id.in_(ids))
    each = pairs.distinct().subquery()
    rows = (
        select(
            each.c.silence_id,
            events.c.source,
            events.c.event_id,
            func.row_number().over(partition_by=each.c.silence_id, order_by=each.c.event_pk).label("n"),
            func.count().over(partition_by=each.c.silence_id).label("total"),
        )
        .join(events, events.c.pk == each.c.event_pk)
        .subquery()
    )
    found = dict.fromkeys(ids, Held(0, ()))
    for row in conn.execute(select(rows).where(rows.c.n <= NAMED).order_by(rows.c.n)):
        found[row.silence_id] = Held(row.total, (*found[row.silence_id].named, f"{row.source}/{row.event_id}"))
    return found


def still_open(conn: Connection, silence_id: str, now: datetime) -> list[str]:
    """The events it held that are open and not past their time: they are to be told after all."""
    query = (
        select(events.c.pk)
        .join(silence_holds, silence_holds.c.event_pk == events.c.pk)
        .where(
            silence_holds.c.silence_id == silence_id,
            events.c.status == said(EventStatus.OPEN),
            events.c.work_until > now,
        )
    )
    return list(conn.scalars(query.distinct()))


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        id=row.id,
        noise=_NOISE.validate_json(row.noise),
        since=row.since,
        until=row.until,
        reason=row.reason,
        author=row.author,
    )
