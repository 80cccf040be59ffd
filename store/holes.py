"""The highest number that came of each source that numbers its messages, and the holes below it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, delete, select, update

from model.hole import Hole, Range, take
from store.portable import lock_alone, upsert
from store.tables import holes, sequences

_RANGES = TypeAdapter(tuple[Range, ...])


def note(conn: Connection, source: str, number: int, received_at: datetime, *, again: bool) -> None:
    """A message with that number came; `again`: it was known before."""
    lock_alone(conn, f"sequence {source}")
    highest = conn.scalar(select(sequences.c.highest).where(sequences.c.source == source))
    taken = take(source, highest, of_source(conn, source), number, received_at, again=again)
    if taken.hole is not None:
        keep(conn, [taken.hole])
    if taken.highest != highest:
        adding = upsert(sequences)
        new = {"highest": adding.excluded.highest}
        statement = adding.on_conflict_do_update(index_elements=["source"], set_=new)
        conn.execute(statement, {"source": source, "highest": taken.highest})


def of_source(conn: Connection, source: str) -> list[Hole]:
    return [_hole(row) for row in conn.execute(select(holes).where(holes.c.source == source).order_by(holes.c.first))]


def every(conn: Connection) -> list[Hole]:
    return [_hole(row) for row in conn.execute(select(holes).order_by(holes.c.source, holes.c.first))]


def keep(conn: Connection, found: Iterable[Hole]) -> None:
    """New ones, and what is new about those that are there."""
    values = [
        {
            "source": hole.source,
            "first": hole.first,
            "last": hole.last,
            "missing": _RANGES.dump_json(hole.missing).decode(),
            "seen_at": hole.seen_at,
            "closed_at": hole.closed_at,
            "told": None if hole.told is None else _RANGES.dump_json(hole.told).decode(),
            "told_at": hole.told_at,
            "said": hole.said,
        }
        for hole in found
    ]
    if values:
        adding = upsert(holes)
        new = {c.name: adding.excluded[c.name] for c in holes.c if c.name not in ("source", "first")}
        conn.execute(adding.on_conflict_do_update(index_elements=["source", "first"], set_=new), values)


def tell(conn: Connection, hole: Hole, now: datetime) -> Hole | None:
    """What is missing of it by now is what will be said, however often. None: it was filled meanwhile."""
    lock_alone(conn, f"sequence {hole.source}")
    found = next((one for one in of_source(conn, hole.source) if one.first == hole.first), None)
    if found is None or found.told is not None:
        return found
    if found.closed_at is not None:
        return None
    told = replace(found, told=found.missing, told_at=now)
    keep(conn, [told])
    return told


def said(conn: Connection, hole: Hole) -> None:
    """What was to be said of it is published."""
    conn.execute(update(holes).where(holes.c.source == hole.source, holes.c.first == hole.first).values(said=True))


def forget(conn: Connection, hole: Hole) -> None:
    conn.execute(delete(holes).where(holes.c.source == hole.source, holes.c.first == hole.first))


def _hole(row: Row[tuple[object, ...]]) -> Hole:
    fields = dict(row._mapping)
    fields["missing"] = _RANGES.validate_json(row.missing)
    fields["told"] = None if row.told is None else _RANGES.validate_json(row.told)
    return Hole(**fields)
