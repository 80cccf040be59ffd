"""Times in which a source is not expected to be heard, because somebody said so. Kept: they explain a silence."""

from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from model.monitor import Maintenance
from store.tables import maintenance

_EVERY = (
    select(maintenance)
    .where(maintenance.c.until > bindparam("after"), maintenance.c.since < maintenance.c.until)
    .order_by(maintenance.c.until)
)
_LAST_ENDS = (
    select(maintenance.c.source, func.max(maintenance.c.until))
    .where(maintenance.c.until <= bindparam("now"), maintenance.c.since < maintenance.c.until)
    .group_by(maintenance.c.source)
)


def begin(conn: Connection, id_: str, window: Maintenance, now: datetime) -> None:
    """From then on this holds for the source, and what was said before no more."""
    end(conn, window.source, now)
    conn.execute(
        insert(maintenance).values(
            id=id_,
            source=window.source,
            since=window.since,
            until=window.until,
            reason=window.reason,
            author=window.author,
        )
    )


def end(conn: Connection, source: str, now: datetime) -> bool:
    """It is over, or will not begin. False when there was none."""
    open_ = and_(maintenance.c.source == source, maintenance.c.until > now)
    return conn.execute(update(maintenance).where(open_).values(until=now)).rowcount > 0


def every(conn: Connection, after: datetime) -> list[Maintenance]:
    """Those that end later than that, the first to end first; what was ended before it began is none."""
    rows = conn.execute(_EVERY, {"after": after})
    return [Maintenance(r.source, r.since, r.until, r.reason, r.author) for r in rows]


def last_ends(conn: Connection, now: datetime) -> dict[str, datetime]:
    """When the last maintenance of each source was over, however long ago. Reads all of them."""
    return {source: until for source, until in conn.execute(_LAST_ENDS, {"now": now})}
