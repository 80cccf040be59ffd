"""What is counted for metrics. Each is one short read, so that nobody who sends waits behind them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from model.event import EventStatus
from model.plan import ChannelName, State
from store.partitions import first_id
from store.tables import events, notifications, said, unreadables
from store.unreadables import UnreadableState

RECENT = timedelta(hours=1)
_PENDING = notifications.c.state == said(State.PENDING)


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
    c = notifications.c
    urgent = (c.lane == 0, c.channel.in_([ChannelName.VOICE, ChannelName.SMS]))
    waits_for_nothing = (c.hold.is_(None), c.follows.is_(None))
    query = select(func.min(c.due_at)).where(_PENDING, c.due_at <= now, *urgent, *waits_for_nothing)
    at: datetime | None = conn.scalar(query)
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
