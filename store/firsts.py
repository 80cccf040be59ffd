"""How long an event's first ring and first acknowledgement took: measured where they are written down, once each."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from model.event import Event
from model.plan import ChannelName, Kind, Notification
from model.reply import Answer, Reply
from store import events, plans
from store.signals import Measure, Measured, measure
from store.tables import notifications, said

_c = notifications.c
_RUNG = (
    select(_c.id)
    .where(
        _c.event_pk == bindparam("event_pk"),
        _c.revision == bindparam("revision"),
        _c.channel == said(ChannelName.VOICE),
        _c.kind == said(Kind.ALERT),
        func.coalesce(_c.delivered_at, _c.answered_at, _c.acknowledged_at).is_not(None),
    )
    .limit(1)
)


def ring(conn: Connection, notification_id: str, now: datetime) -> None:
    """A phone rings: what was left until the deadline, 0 after it, if none has rung for that revision before.

    Not of an event whose deadline had passed at its receipt: there nothing was left to lose.
    """
    row = plans.one(conn, notification_id)
    if row.channel is not ChannelName.VOICE or row.kind is not Kind.ALERT or _has_rung(conn, row):
        return
    event = events.load(conn, [row.event_pk])[row.event_pk]
    if row.revision == event.answer_revision and not event.late:
        left = max(0.0, (event.deadline_at - now).total_seconds())
        measure(conn, Measured(Measure.LEFT_AT_FIRST_RING, event.content.mode, left))


def _has_rung(conn: Connection, row: Notification) -> bool:
    return conn.scalar(_RUNG, {"event_pk": row.event_pk, "revision": row.revision}) is not None


def acknowledgement(conn: Connection, event: Event, reply: Reply, before: Collection[Reply]) -> None:
    """Somebody accepts, of all answers `before` the first: the time since the revision came that needs an answer."""
    accepted = [r for r in (*before, reply) if r.answer is Answer.ACKNOWLEDGE and r.revision == event.answer_revision]
    if accepted == [reply]:
        took = reply.received_at - event.revision(event.answer_revision).received_at
        seconds = max(0.0, took.total_seconds())
        measure(conn, Measured(Measure.UNTIL_FIRST_ACKNOWLEDGEMENT, event.content.mode, seconds))
