"""What was heard from each source, and whether its silence is being told."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from model.monitor import MonitorStatus
from store.tables import monitors


class MonitorRow(NamedTuple):
    source: str
    status: MonitorStatus
    last_seen_at: datetime | None
    silence_id: str | None


def note_seen(conn: Connection, seen: Mapping[str, datetime]) -> None:
    """Keep when each source was last heard; never earlier than what is known."""
    for source, at in seen.items():
        statement = upsert(monitors).values(source=source, status=MonitorStatus.UP, last_seen_at=at)
        later = case(
            (func.coalesce(monitors.c.last_seen_at, 0) > statement.excluded.last_seen_at, monitors.c.last_seen_at),
            else_=statement.excluded.last_seen_at,
        )
        conn.execute(statement.on_conflict_do_update(index_elements=["source"], set_={"last_seen_at": later}))


def every(conn: Connection) -> dict[str, MonitorRow]:
    columns = monitors.c
    query = select(columns.source, columns.status, columns.last_seen_at, columns.silence_id)
    return {
        row.source: MonitorRow(row.source, MonitorStatus(row.status), row.last_seen_at, row.silence_id)
        for row in conn.execute(query)
    }


def set_status(conn: Connection, source: str, status: MonitorStatus, silence_id: str | None) -> None:
    values = {"status": status, "silence_id": silence_id}
    conn.execute(
        upsert(monitors).values(source=source, **values).on_conflict_do_update(index_elements=["source"], set_=values)
    )


def forget_silence(conn: Connection, source: str) -> None:
    conn.execute(update(monitors).where(monitors.c.source == source).values(silence_id=None))
