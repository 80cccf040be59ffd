"""Calls that try whether somebody can be reached, and what became of them."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from store.tables import rings

KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """`by`: which key asked for it. `outcome`: why it ended, "" while it has not."""

    id: str
    person: str
    started_at: datetime
    by: str
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""

    @property
    def state(self) -> str:
        if self.confirmed_at:
            return "confirmed"
        if self.ended_at:
            return "failed"
        return "answered" if self.answered_at else "ringing" if self.rang_at else "calling"


def add(conn: Connection, ring: Ring) -> None:
    """Those of a month ago are forgotten."""
    conn.execute(delete(rings).where(rings.c.started_at < ring.started_at - KEPT))
    conn.execute(insert(rings).values(asdict(ring)))


def change(conn: Connection, ring_id: str, how: Callable[[Ring], Ring]) -> Ring | None:
    """None: there is no such ring. Of two at once the second changes what the first has left."""
    row = conn.execute(select(rings).where(rings.c.id == ring_id).with_for_update()).mappings().first()
    if row is None:
        return None
    changed = how(Ring(**row))
    conn.execute(update(rings).where(rings.c.id == ring_id).values(asdict(changed)))
    return changed


def newest(conn: Connection, person: str) -> Ring | None:
    query = select(rings).where(rings.c.person == person).order_by(rings.c.started_at.desc(), rings.c.id.desc())
    row = conn.execute(query.limit(1)).mappings().first()
    return Ring(**row) if row else None
