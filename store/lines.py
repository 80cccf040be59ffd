"""Phone lines in use: one row for each call in the air, at most one a number."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select, update

from model.phones import lines_open_to
from model.plan import ChannelName, Hold, Notification, State
from store.portable import upsert
from store.signals import DISPATCH, signal
from store.tables import notifications, said, voice_in_flight

WOKEN_AT_ONCE = 100  # the others look for themselves after some seconds

# Who has one of those rows in hand looks at it now anyway.
_GO_ON = (
    update(notifications)
    .where(
        notifications.c.id.in_(
            select(notifications.c.id)
            .where(
                notifications.c.state == State.PENDING,
                notifications.c.channel == ChannelName.VOICE,
                notifications.c.hold == said(Hold.NUMBER_BUSY),
                notifications.c.address == bindparam("number"),
            )
            .limit(WOKEN_AT_ONCE)
            .with_for_update(key_share=True, skip_locked=True)
        )
    )
    .values(due_at=bindparam("now"))
)


def take(conn: Connection, number: str, attempt_id: str, now: datetime, until: datetime) -> bool:
    """Take a line to that number. False when a call to it is in the air already."""
    return bool(
        conn.execute(
            upsert(voice_in_flight)
            .values(number=number, attempt_id=attempt_id, since=now, until=until)
            .on_conflict_do_nothing()
        ).rowcount
    )


def release(conn: Connection, attempt_id: str, now: datetime) -> None:
    """The call is over; who waited for a line, or for this very number, may go on."""
    number = conn.scalar(
        delete(voice_in_flight).where(voice_in_flight.c.attempt_id == attempt_id).returning(voice_in_flight.c.number)
    )
    if number is not None:
        conn.execute(_GO_ON, {"number": number, "now": now})
        signal(conn, DISPATCH)


def in_use(conn: Connection) -> int:
    return conn.scalar(select(func.count()).select_from(voice_in_flight)) or 0


def full(conn: Connection, row: Notification, lines: int) -> bool:
    """No line of so many is free that this call may take: some are kept for the first rings of lane 0."""
    return in_use(conn) >= lines_open_to(lines, row.lane, row.redial)


def overdue(conn: Connection, now: datetime) -> list[str]:
    """Attempts whose call must be over by all we know, but whose end nobody told us."""
    return list(conn.scalars(select(voice_in_flight.c.attempt_id).where(voice_in_flight.c.until <= now)))


def extend(conn: Connection, attempt_id: str, until: datetime) -> None:
    conn.execute(update(voice_in_flight).where(voice_in_flight.c.attempt_id == attempt_id).values(until=until))
