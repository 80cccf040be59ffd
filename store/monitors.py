"""What was heard from each source, and whether its silence is being told."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, and_, case, func, select, update

from model.monitor import Monitor, MonitorStatus
from model.roster import OWN_SOURCE
from store.portable import upsert
from store.tables import monitors

_EVERY = select(monitors)


def note_seen(conn: Connection, seen: Mapping[str, datetime], now: datetime) -> None:
    """Keep when each source was last heard; never earlier than what is known, unless that has not come yet."""
    for source, at in sorted(seen.items()):  # in one order, so that two processes never wait for each other
        statement = upsert(monitors).values(source=source, status=MonitorStatus.UP, last_seen_at=at)
        known = monitors.c.last_seen_at
        known_later = and_(known > statement.excluded.last_seen_at, known <= now)
        later = case((known_later, known), else_=statement.excluded.last_seen_at)
        conn.execute(statement.on_conflict_do_update(index_elements=["source"], set_={"last_seen_at": later}))


def every(conn: Connection) -> dict[str, Monitor]:
    return {
        row["source"]: Monitor(**row | {"status": MonitorStatus(row["status"])})
        for row in (dict(found) for found in conn.execute(_EVERY).mappings())
    }


def tell_late(conn: Connection, source: str, silence_id: str, at: datetime) -> Monitor:
    """It is to be told that the source is late. Returns what holds: somebody may have decided it before."""
    return _decide(conn, source, silence_id, {"late_told_at": at})


def tell_silence(conn: Connection, source: str, silence_id: str, at: datetime) -> Monitor:
    """It is to be told that the source is silent. Returns what holds."""
    return _decide(conn, source, silence_id, {"silence_told_at": at})


def tell_together(conn: Connection, silence_id: str, at: datetime, words: str) -> Monitor:
    """It is to be told, in these words, that most sources are silent. Returns what holds."""
    return _decide(conn, OWN_SOURCE, silence_id, {"silence_told_at": at, "to_tell": words})


def hold_back(conn: Connection, source: str, silence_id: str, folded_into: str) -> None:
    """The source is silent, and that alarm says so."""
    monitor = {"silence_id": silence_id, "folded_into": folded_into, "status": MonitorStatus.SILENT}
    conn.execute(update(monitors).where(monitors.c.source == source).values(**monitor))


def hear_most_again(conn: Connection, silence_id: str) -> None:
    """The end of that alarm is published: who is silent still has an alarm of its own from now on."""
    settle(conn, OWN_SOURCE, silence_id)
    held_back = monitors.c.folded_into == silence_id
    conn.execute(update(monitors).where(held_back).values(status=MonitorStatus.LATE, folded_into=None))


def hear_again(conn: Connection, source: str, silence_id: str, at: datetime) -> Monitor:
    """It is to be told that the source is heard again. Returns what holds."""
    return _decide(conn, source, silence_id, {"heard_again_at": at})


def _decide(conn: Connection, source: str, silence_id: str, decided: Mapping[str, datetime | str]) -> Monitor:
    """What was decided first stays: a repeat must say the same."""
    first = {"silence_id": silence_id, **decided}
    statement = upsert(monitors).values(source=source, status=MonitorStatus.NEW, **first)
    kept = {name: func.coalesce(monitors.c[name], statement.excluded[name]) for name in first}
    conn.execute(statement.on_conflict_do_update(index_elements=["source"], set_=kept))
    return every(conn)[source]


def set_status(conn: Connection, source: str, status: MonitorStatus) -> None:
    """After it was published."""
    conn.execute(update(monitors).where(monitors.c.source == source).values(status=status))


def settle(conn: Connection, source: str, silence_id: str) -> None:
    """The end of this silence is published; nothing of it is kept here."""
    nothing = dict.fromkeys(
        ("silence_id", "late_told_at", "silence_told_at", "heard_again_at", "folded_into", "to_tell")
    )
    found = (monitors.c.source == source) & (monitors.c.silence_id == silence_id)
    conn.execute(update(monitors).where(found).values(status=MonitorStatus.UP, **nothing))
