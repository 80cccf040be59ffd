"""Calls in the air that are to be ended: what was asked of the dispatcher, and that it was done."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from model.attempt import AttemptState
from model.ids import Ids
from model.plan import ChannelName, Notification, State
from store import timeline
from store.plans import notification
from store.tables import attempts, notifications, said

# Two statements: nearly always there is nothing to cut, and PostgreSQL joins badly what it believes to be many.
_TO_CUT = select(notifications).where(
    notifications.c.channel == said(ChannelName.VOICE),  # nothing else can be taken back once it is out
    notifications.c.cut_requested_at.is_not(None),
    notifications.c.cut_done_at.is_(None),
    notifications.c.state.in_([State.SENT, State.DELIVERED, State.ANSWERED]),
)
_CALLS = select(attempts.c.notification_id, attempts.c.vendor_id).where(
    attempts.c.notification_id.in_(bindparam("ids", expanding=True)),
    attempts.c.state == AttemptState.ACCEPTED,
)
_CUT_DONE = update(notifications).where(notifications.c.id == bindparam("row_id")).values(cut_done_at=bindparam("now"))


class Cut(NamedTuple):
    """A call to be ended."""

    notification: Notification
    vendor_id: str


def to_cut(conn: Connection) -> list[Cut]:
    rows = {row.id: notification(row) for row in conn.execute(_TO_CUT)}
    calls = conn.execute(_CALLS, {"ids": list(rows)}) if rows else ()
    return [Cut(rows[call.notification_id], call.vendor_id) for call in calls]


def cut_done(conn: Connection, ids: Ids, row: Notification, now: datetime) -> None:
    conn.execute(_CUT_DONE, {"row_id": row.id, "now": now})
    body = {"notification": row.id, "person": row.person, "reason": row.reason}
    timeline.append(conn, ids, row.event_pk, now, "call_stopped", body)
