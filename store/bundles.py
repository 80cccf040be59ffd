"""Messages that tell several events: which rows go along, and that these go where their message goes."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, bindparam, case, func, or_, select, update

from model.attempt import Attempt
from model.ids import Ids
from model.plan import ChannelName, Hold, Notification, State
from store import plans, timeline
from store.portable import lock_event, lock_events
from store.tables import notifications, said
from store.timeline import News

_PENDING = notifications.c.state == said(State.PENDING)
_HELD = (Hold.BUNDLE, Hold.PERSON_LIMIT, Hold.NUMBER_BUSY)
_TO_THE_SAME = (
    notifications.c.channel == bindparam("its_channel"),
    notifications.c.address == bindparam("its_address"),
    notifications.c.kind == bindparam("its_kind"),
    # A re-dial is made when the call before it is over, and may be told with others as the first was.
    or_(notifications.c.follows.is_(None), notifications.c.channel == said(ChannelName.VOICE)),
    notifications.c.sent_at.is_(None),  # of what is told in part, the rest is
    notifications.c.id != bindparam("leader"),
)
_COMPANIONS = (
    select(notifications)
    .where(
        _PENDING,
        *_TO_THE_SAME,
        or_(notifications.c.due_at <= bindparam("now"), notifications.c.hold.in_(_HELD)),
        notifications.c.until >= bindparam("now"),
    )
    .order_by(notifications.c.lane, notifications.c.until, notifications.c.due_at, notifications.c.id)
    .limit(bindparam("at_most"))
)
_OF_OTHER = (
    select(notifications)
    .where(
        notifications.c.event_pk == bindparam("event_pk"),
        notifications.c.channel == bindparam("its_channel"),
        notifications.c.address == bindparam("its_address"),
        notifications.c.kind == bindparam("its_kind"),
        notifications.c.id != bindparam("leader"),
    )
    .order_by(notifications.c.revision.desc(), notifications.c.id)
    .limit(1)
)
_TAKE = (
    update(notifications)
    .where(notifications.c.id.in_(bindparam("ids", expanding=True)), notifications.c.state == State.PENDING)
    .values(state=State.SENDING, hold=None, carried_by=bindparam("leader"), lease_owner=bindparam("owner"))
    .returning(notifications.c.id)
)
_GIVE_BACK = (
    update(notifications)
    .where(notifications.c.carried_by == bindparam("leader"), notifications.c.state.in_([State.SENDING, State.UNKNOWN]))
    .values(
        state=case((notifications.c.cut_requested_at.is_not(None), State.SUPERSEDED), else_=State.PENDING),
        hold=case((notifications.c.cut_requested_at.is_not(None), None), else_=Hold.BUNDLE),
        reason=case(
            (notifications.c.cut_requested_at.is_not(None), notifications.c.reason),
            else_=func.coalesce(bindparam("why", type_=String), notifications.c.reason),
        ),
        due_at=bindparam("new_due_at"),
        carried_by=None,
        lease_owner=None,
    )
)
_THESE = select(notifications).where(notifications.c.id.in_(bindparam("ids", expanding=True)))
_EVENTS_OF = select(notifications.c.event_pk).where(notifications.c.id.in_(bindparam("ids", expanding=True))).distinct()
_EVENTS_CARRIED = (
    select(notifications.c.event_pk)
    .where(notifications.c.carried_by.in_(bindparam("leaders", expanding=True)))
    .distinct()
)
_CARRIED = (
    select(notifications).where(notifications.c.carried_by == bindparam("leader")).order_by(notifications.c.event_pk)
)


def companions(conn: Connection, leader: Notification, now: datetime, at_most: int) -> list[Notification]:
    """What else waits to be told to the same reader in the same way, most urgent first."""
    found = conn.execute(_COMPANIONS, {**_to_the_same(leader), "now": now, "at_most": at_most})
    return [plans.notification(row) for row in found]


def _to_the_same(row: Notification) -> dict[str, str]:
    return {"its_channel": row.channel, "its_address": row.address, "its_kind": row.kind, "leader": row.id}


def take(conn: Connection, leader: str, ids: Collection[str], owner: str) -> bool:
    """They go along: PENDING -> SENDING. False when one of them cannot; then all must be given back."""
    taken = conn.scalars(_TAKE, {"ids": list(ids), "leader": leader, "owner": owner}).all()
    return len(taken) == len(ids)


def give_back(conn: Connection, leader: str, due_at: datetime, reason: str | None = None) -> None:
    """Their message was not sent: they wait for another one, but for those that were stopped meanwhile.

    `reason` None: as it was before.
    """
    conn.execute(_GIVE_BACK, {"leader": leader, "new_due_at": due_at, "why": reason})


def carried(conn: Connection, leader: str) -> list[Notification]:
    return [plans.notification(row) for row in conn.execute(_CARRIED, {"leader": leader})]


def told(conn: Connection, attempt: Attempt) -> list[Notification]:
    """What the message of this attempt tells by now: its own row first, and those that go along."""
    own = plans.one(conn, attempt.notification_id)
    if not attempt.bundle:
        return [own]
    # A call that was thought lost may be heard of when the next one of its row tells others.
    named = attempt.named if attempt.channel is ChannelName.VOICE else None
    return [own, *(row for row in carried(conn, own.id) if named is None or row.id in named)]


def told_several(conn: Connection, row_id: str) -> bool:
    """Whether the message that told this row told others too."""
    row = plans.one(conn, row_id)
    return bool(carried(conn, row.carried_by or row.id))


def named(conn: Connection, attempt: Attempt) -> list[Notification]:
    """What a call speaks of, in that order, as far as it is kept."""
    found = {row.id: plans.notification(row) for row in conn.execute(_THESE, {"ids": attempt.named})}
    return [found[row_id] for row_id in attempt.named if row_id in found]


def lock(conn: Connection, event_pk: str, leader: str, *, bundle: bool = True, named: Collection[str] = ()) -> None:
    """Nobody else changes the plan of the event, or of the others that its message tells, if it is a `bundle`.

    `named`: rows that it names, whether they still go along or not.
    """
    if bundle:
        also = conn.scalars(_EVENTS_OF, {"ids": list(named)}) if named else ()
        lock_events(conn, {event_pk, *also, *(row.event_pk for row in carried(conn, leader))})
    else:
        lock_event(conn, event_pk)


def lock_each(conn: Connection, leaders: Sequence[Notification]) -> None:
    """As `lock`, for several messages: all at once, or two processes could wait for each other in a circle."""
    if leaders:
        also = conn.scalars(_EVENTS_CARRIED, {"leaders": [row.id for row in leaders]})
        lock_events(conn, {*(row.event_pk for row in leaders), *also})


def follow(conn: Connection, leader: str, state: State, now: datetime, **values: Any) -> Sequence[Notification]:
    """What the message tells goes where its own row goes, as far as the table of states lets it. Returns all of it."""
    if rows := carried(conn, leader):
        plans.move_all(conn, [row.id for row in rows], state, now, **values)
    return rows


def note(
    conn: Connection, ids: Ids, rows: Sequence[Notification], now: datetime, kind: str, body: dict[str, Any]
) -> None:
    """An entry in the timeline of each of the events."""
    timeline.append_all(conn, ids, now, list(news(rows, kind, body)))


def news(rows: Sequence[Notification], kind: str, body: dict[str, Any]) -> Iterator[News]:
    """What `note` appends."""
    for row in rows:
        yield News(row.event_pk, kind, {**body, "notification": row.id, "told_with_others": True}, {})


def told_by(conn: Connection, leader: str, event_pk: str | None) -> Notification | None:
    """The row of that event which the message of `leader` tells; its own where no event is named, None for others.

    A message that the vendor did not seem to have may be read all the same: what it told waits again by then, or goes
    along with another one, and whoever answers has read of it.
    """
    row = plans.one(conn, leader)
    if event_pk in (None, row.event_pk):
        return row
    told = next((other for other in carried(conn, leader) if other.event_pk == event_pk), None)
    if told is None and (found := conn.execute(_OF_OTHER, {**_to_the_same(row), "event_pk": event_pk}).first()):
        told = plans.notification(found)
    return told
