"""A line in the event's Slack thread that no plan asks for. A plain function of a Connection."""

from dataclasses import replace
from datetime import datetime, timedelta

from model.event import Event, EventStatus
from model.ids import Ids
from model.plan import ChannelName, Kind, State
from store import plans
from store.database import Connection

NOTE_LIFE = timedelta(minutes=10)


def add(conn: Connection, ids: Ids, event: Event, note: str, now: datetime) -> None:
    """Nothing where the event has no thread or is over."""
    first = next((n for n in plans.of_event(conn, event.pk) if n.channel is ChannelName.SLACK_CHANNEL), None)
    if first is None or event.status is not EventStatus.OPEN:
        return
    line = replace(
        first,
        id=ids.new(),
        kind=Kind.NOTE,
        revision=event.answer_revision,
        due_at=now,
        until=max(event.work_until, now + NOTE_LIFE),
        follows=first.id,
        details={"note": note},
        state=State.PENDING,
        hold=None,
        reason="",
        sent_at=None,
        delivered_at=None,
        answered_at=None,
        acknowledged_at=None,
        cut_requested_at=None,
    )
    plans.add_notifications(conn, [line])
