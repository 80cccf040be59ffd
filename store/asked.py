"""What a person was asked about and has not answered, over all open events."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, exists, func, or_, select, text

from model.plan import Kind, State
from store.tables import events, notifications, replies

_LANE = (
    select(func.min(notifications.c.lane))
    .where(
        notifications.c.event_pk == events.c.pk,
        notifications.c.person == bindparam("person"),
        notifications.c.kind == Kind.ALERT,
        notifications.c.state != State.SUPERSEDED,
        # What waits for a while to be told with others has been due before.
        or_(
            notifications.c.state != State.PENDING,
            notifications.c.hold.is_not(None),
            notifications.c.due_at <= bindparam("now"),
        ),
    )
    .scalar_subquery()
)
_ANSWERED = exists().where(
    replies.c.event_pk == events.c.pk,
    replies.c.person == bindparam("person"),
    replies.c.revision >= events.c.answer_revision,
)
_UNANSWERED = (
    select(events.c.pk, events.c.answer_revision, _LANE.label("lane"))
    .where(events.c.status == text("'open'"), _LANE.is_not(None), ~_ANSWERED)  # as the index says it
    .order_by("lane", events.c.deadline_at, events.c.pk)
)


class Asked(NamedTuple):
    """An event that waits for somebody's answer, and the revision that needs it."""

    event_pk: str
    revision: int


def unanswered(conn: Connection, person: str, now: datetime) -> list[Asked]:
    """Open events that the person was asked about, in whatever way, most urgent first."""
    return [Asked(row.pk, row.answer_revision) for row in conn.execute(_UNANSWERED, {"person": person, "now": now})]
