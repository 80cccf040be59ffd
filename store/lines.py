"""Phone lines in use: one row for each call in the air, at most one a number."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from model.event import EventStatus
from model.phones import lines_open_to
from model.plan import AgendaKind, AgendaState, ChannelName, Hold, Notification, State
from store.portable import upsert
from store.signals import DISPATCH, signal
from store.tables import agenda, attempts, events, notifications, said, voice_in_flight

SLACK = timedelta(seconds=60)  # a line whose call must long be over is asked about at the vendor
WOKEN_AT_ONCE = 100  # the others look for themselves after some seconds

# Who has one of those rows in hand looks at it now anyway.
_GO_ON = (
    update(notifications)
    .where(
        notifications.c.id.in_(
            select(notifications.c.id)
            .where(
                notifications.c.state == said(State.PENDING),
                notifications.c.channel == said(ChannelName.VOICE),
                notifications.c.hold == said(Hold.NUMBER_BUSY),
                notifications.c.address == bindparam("number"),
            )
            .limit(WOKEN_AT_ONCE)
            .with_for_update(key_share=True, skip_locked=True)
        )
    )
    .values(due_at=bindparam("now"))
)


_REDIAL = notifications.c.follows.is_not(None)
_WAITING = (
    select(
        notifications.c.id,
        notifications.c.event_pk,
        notifications.c.lane,
        _REDIAL,
        notifications.c.due_at,
        notifications.c.until,
        events.c.policy,
    )
    .join(events, events.c.pk == notifications.c.event_pk)
    .where(
        notifications.c.state == said(State.PENDING),
        notifications.c.channel == said(ChannelName.VOICE),
        notifications.c.due_at <= bindparam("by"),
        notifications.c.event_pk != bindparam("but"),
    )
    .order_by(notifications.c.lane, _REDIAL, notifications.c.until, notifications.c.due_at, notifications.c.id)
    .limit(bindparam("at_most"))
)


_TO_COME = (
    select(agenda.c.id, agenda.c.event_pk, agenda.c.lane, agenda.c.due_at, events.c.policy)
    .join(events, events.c.pk == agenda.c.event_pk)
    .where(
        agenda.c.state == said(AgendaState.PENDING),
        agenda.c.kind == said(AgendaKind.PAGE_AGAIN),
        agenda.c.due_at <= bindparam("by"),
        agenda.c.event_pk != bindparam("but"),
        events.c.status == said(EventStatus.OPEN),
    )
    .order_by(agenda.c.due_at, agenda.c.id)
    .limit(bindparam("at_most"))
)


_TAKE = upsert(voice_in_flight).on_conflict_do_nothing()
_CALL_TO = select(voice_in_flight.c.attempt_id).where(voice_in_flight.c.number == bindparam("number"))
_RELEASE = (
    delete(voice_in_flight)
    .where(voice_in_flight.c.attempt_id == bindparam("attempt_id"))
    .returning(voice_in_flight.c.number)
)


def take(conn: Connection, number: str, attempt_id: str, now: datetime, until: datetime) -> bool:
    """Take a line to that number. False when a call to it is in the air already."""
    line = {"number": number, "attempt_id": attempt_id, "since": now, "until": until}
    return bool(conn.execute(_TAKE, line).rowcount)


def busy(conn: Connection, number: str) -> bool:
    """A call to it is in the air."""
    return conn.scalar(_CALL_TO, {"number": number}) is not None


def rings(conn: Connection, number: str) -> bool:
    """Whether somebody is being called there about an event."""
    return busy(conn, number)


def release(conn: Connection, attempt_id: str, now: datetime) -> None:
    """The call is over; who waited for a line, or for this very number, may go on."""
    number = conn.scalar(_RELEASE, {"attempt_id": attempt_id})
    if number is not None:
        conn.execute(_GO_ON, {"number": number, "now": now})
        signal(conn, DISPATCH)


_IN_USE = select(func.count()).select_from(voice_in_flight)
# Asked for each of the few lines: a join may be done by reading all attempts in their order.
_POLICY = (
    select(events.c.policy)
    .join(attempts, attempts.c.event_pk == events.c.pk)
    .where(attempts.c.id == voice_in_flight.c.attempt_id)
    .scalar_subquery()
)
_IN_THE_AIR = select(voice_in_flight.c.since, voice_in_flight.c.until, _POLICY)
_OVERDUE = select(voice_in_flight.c.attempt_id).where(voice_in_flight.c.until <= bindparam("now"))


def in_use(conn: Connection) -> int:
    return conn.scalar(_IN_USE) or 0


def full(conn: Connection, row: Notification, lines: int) -> bool:
    """No line of so many is free that this call may take: some are kept for the first rings of lane 0."""
    return in_use(conn) >= lines_open_to(lines, row.lane, row.redial)


class InTheAir(NamedTuple):
    """A line in use, since when, and until when by what its policy gives a call."""

    since: datetime
    over_at: datetime
    policy: str | None


class Waiting(NamedTuple):
    """A call that waits for a line."""

    id: str
    event_pk: str
    lane: int
    redial: bool
    due_at: datetime
    until: datetime
    policy: str


def in_the_air(conn: Connection, now: datetime) -> list[InTheAir]:
    """One whose call should be over and whose end nobody told us counts until it is asked about."""
    rows = conn.execute(_IN_THE_AIR)
    return [InTheAir(since, until - SLACK if until - SLACK > now else until, policy) for since, until, policy in rows]


def waiting(conn: Connection, until: datetime, *, but: str, at_most: int) -> list[Waiting]:
    """The most urgent calls due by then, of all events but that one."""
    return [Waiting(*row) for row in conn.execute(_WAITING, {"by": until, "but": but, "at_most": at_most})]


class ToCome(NamedTuple):
    """Somebody who accepted will be asked again then, unless something is heard before."""

    id: str
    event_pk: str
    lane: int
    due_at: datetime
    policy: str


def to_come(conn: Connection, until: datetime, *, but: str, at_most: int) -> list[ToCome]:
    """The first calls that ask again by then, of all open events but that one; what was asked already waits."""
    return [ToCome(*row) for row in conn.execute(_TO_COME, {"by": until, "but": but, "at_most": at_most})]


def overdue(conn: Connection, now: datetime) -> list[str]:
    """Attempts whose call must be over by all we know, but whose end nobody told us."""
    return list(conn.scalars(_OVERDUE, {"now": now}))


def extend(conn: Connection, attempt_id: str, until: datetime) -> None:
    conn.execute(update(voice_in_flight).where(voice_in_flight.c.attempt_id == attempt_id).values(until=until))
