"""The events by which missing coverage is told, as far as the next look must know them."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, delete, select, update

from model.shortfall import Hours, Shortfall
from store.codec import canonical, mapping
from store.portable import lock_alone, upsert
from store.tables import shortfalls

_HOURS = TypeAdapter(tuple[Hours, ...])


def alone(conn: Connection) -> None:
    """Until this transaction ends nobody else decides what to tell."""
    lock_alone(conn, "shortfalls")


def every(conn: Connection) -> list[Shortfall]:
    return [_shortfall(row) for row in conn.execute(select(shortfalls).order_by(shortfalls.c.event_id))]


def to_tell(conn: Connection) -> list[Shortfall]:
    """Decided, and perhaps not published yet."""
    query = select(shortfalls).where(shortfalls.c.to_tell.is_not(None)).order_by(shortfalls.c.event_id)
    return [_shortfall(row) for row in conn.execute(query)]


def keep(conn: Connection, found: Iterable[Shortfall]) -> None:
    """New ones, and what is new about those that are there."""
    values = [
        {
            "event_id": s.event_id,
            "rotation": s.rotation,
            "revision": s.revision,
            "hours": _HOURS.dump_json(s.hours).decode(),
            "seen_until": s.seen_until,
            "over": s.over,
            "to_tell": canonical(s.to_tell) if s.to_tell is not None else None,
        }
        for s in found
    ]
    if values:
        adding = upsert(shortfalls)
        new = {c.name: adding.excluded[c.name] for c in shortfalls.c if c.name != "event_id"}
        conn.execute(adding.on_conflict_do_update(index_elements=["event_id"], set_=new), values)


def told(conn: Connection, event_id: str, revision: int) -> None:
    """What was to be said as of that revision is published."""
    said = (shortfalls.c.event_id == event_id) & (shortfalls.c.revision == revision)
    conn.execute(update(shortfalls).where(said).values(to_tell=None))


def forget(conn: Connection, now: datetime) -> None:
    """Those that are over, told, and so long past that none can begin at the same instant again."""
    past = shortfalls.c.over & shortfalls.c.to_tell.is_(None) & (shortfalls.c.seen_until <= now)
    conn.execute(delete(shortfalls).where(past))


def _shortfall(row: Row[tuple[object, ...]]) -> Shortfall:
    fields = dict(row._mapping)
    fields["hours"] = _HOURS.validate_json(row.hours)
    fields["to_tell"] = mapping(row.to_tell) if row.to_tell is not None else None
    return Shortfall(**fields)
