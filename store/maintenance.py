"""Times in which a source is not expected to be heard, because somebody said so. Kept: they explain a silence."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update

from model.monitor import Maintenance
from store.tables import maintenance

_c = maintenance.c
_EVERY = select(maintenance).where(_c.until > bindparam("after"), _c.since < _c.until).order_by(_c.until)
_LAST_ENDS = (
    select(_c.source, func.max(_c.until)).where(_c.until <= bindparam("now"), _c.since < _c.until).group_by(_c.source)
)
_BEGIN = insert(maintenance)
_END = update(maintenance).where(_c.id.in_(bindparam("ids", expanding=True))).values(until=bindparam("now"))


def begin(conn: Connection, window: Maintenance) -> None:
    """It adds to what was said before."""
    conn.execute(_BEGIN, {column.name: getattr(window, column.name) for column in _c})


def end(conn: Connection, source: str, now: datetime, id_: str | None = None) -> list[Maintenance]:
    """Those of the source that run are over; or the one of that id is, or will not begin. Returns them as they were."""
    found = [w for w in ahead(conn, now, source) if (w.id == id_ if id_ else w.runs(now))]
    if found:
        conn.execute(_END, {"ids": [window.id for window in found], "now": now})
    return found


def ahead(conn: Connection, now: datetime, source: str | None = None) -> list[Maintenance]:
    """Those that run or are to come, of one source or of all; the first to begin first."""
    found = [window for window in every(conn, now) if source in (None, window.source)]
    return sorted(found, key=lambda window: (window.since, window.id))


def every(conn: Connection, after: datetime) -> list[Maintenance]:
    """Those that end later than that, the first to end first; what was ended before it began is none."""
    return [Maintenance(**row._mapping) for row in conn.execute(_EVERY, {"after": after})]


def last_ends(conn: Connection, now: datetime) -> dict[str, datetime]:
    """When the last maintenance of each source was over, however long ago. Reads all of them."""
    return {source: until for source, until in conn.execute(_LAST_ENDS, {"now": now})}
