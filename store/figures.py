"""What is counted for metrics. Each is one short read, so that nobody who sends waits behind them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from model.event import EventStatus
from model.plan import ChannelName, State
from store.partitions import first_id
from store.tables import events, notifications, said, unreadables
from store.unreadables import UnreadableState

RECENT = timedelta(hours=1)
_PENDING = notifications.c.state == said(State.PENDING)
_URGENT_SINCE = select(func.min(notifications.c.due_at)).where(
    _PENDING,
    notifications.c.lane == 0,
    notifications.c.channel.in_([ChannelName.VOICE, ChannelName.SMS]),
    notifications.c.due_at <= bindparam("now"),
    notifications.c.hold.is_(None),
    notifications.c.follows.is_(None),
)


class Lag(NamedTuple):
    """Rows that are due and not sent. `oldest_due_at` is since when the first of them waits."""

    lane: int
    channel: str
    rows: int
    oldest_due_at: datetime


def lags(conn: Connection, now: datetime) -> Sequence[Lag]:
    c = notifications.c
    query = (
        select(c.lane, c.channel, func.count(), func.min(c.due_at))
        .where(_PENDING, c.due_at <= now)
        .group_by(c.lane, c.channel)
    )
    return [Lag(*row) for row in conn.execute(query)]


def urgent_since(conn: Connection, now: datetime) -> datetime | None:
    """Since when the oldest call or text of the first lane is due that waits for no limit and no other row."""
    at: datetime | None = conn.scalar(_URGENT_SINCE, {"now": now})
    return at


def recent_states(conn: Connection, now: datetime) -> dict[tuple[str, str], int]:
    """Notifications planned within the last hour, by channel and state."""
    c = notifications.c
    query = select(c.channel, c.state, func.count()).where(c.id >= first_id(now - RECENT)).group_by(c.channel, c.state)
    return {(channel, state): count for channel, state, count in conn.execute(query)}


def open_events(conn: Connection) -> int:
    return conn.scalar(select(func.count(events.c.pk)).where(events.c.status == said(EventStatus.OPEN))) or 0


def open_unreadables(conn: Connection) -> int:
    query = select(func.count()).select_from(unreadables).where(unreadables.c.state == UnreadableState.NEW)
    return conn.scalar(query) or 0
