"""The timetable's rows: notifications and agenda. Deciding is routing's, sending is notifiers'; here they are kept."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, Update, bindparam, case, func, insert, select, update

from model.ids import Ids
from model.plan import TERMINAL, Agenda, AgendaKind, AgendaState, ChannelName, Hold, Kind, Notification, State
from store.codec import canonical, mapping
from store.portable import lesser, lock_timetable, portions, upsert
from store.signals import DISPATCH, REVISE, revise_at, signal
from store.tables import ONE_REVISE, Instant, agenda, notification_events, notifications, said

IN_THE_AIR = (State.SENDING, State.UNKNOWN, State.SENT, State.DELIVERED, State.ANSWERED)
REVISE_EVERY = timedelta(seconds=1)

_NOTIFICATION_FIELDS = [f.name for f in fields(Notification) if f.name not in ("group", "details")]
_AGENDA_FIELDS = [f.name for f in fields(Agenda)]
_of_notification, _of_agenda = attrgetter(*_NOTIFICATION_FIELDS), attrgetter(*_AGENDA_FIELDS)


# Statements are built once: building one costs four times what running it does.
_ADD_NOTIFICATIONS = (
    upsert(notifications)
    .on_conflict_do_nothing(index_elements=["event_pk", "slot"])
    .returning(notifications.c.id, notifications.c.event_pk)
)
_ADD_LINKS = insert(notification_events)
_ADD_AGENDA = upsert(agenda).on_conflict_do_nothing()
_WAITING = agenda.c.state == said(AgendaState.PENDING)
_DUE_AGENDA = (
    select(agenda)
    .where(_WAITING, agenda.c.due_at <= bindparam("now"))
    .order_by(agenda.c.lane, agenda.c.kind != AgendaKind.REVISE, agenda.c.due_at)
    .limit(bindparam("limit"))
)
_ADD_REVISE = upsert(agenda)
_SOONER = _ADD_REVISE.excluded.due_at < agenda.c.due_at
_ASK_REVISE = _ADD_REVISE.on_conflict_do_update(
    index_elements=["event_pk"],
    index_where=ONE_REVISE,
    set_={name: lesser(agenda.c[name], _ADD_REVISE.excluded[name]) for name in ("due_at", "lane")}
    | {"cause": case((_SOONER, _ADD_REVISE.excluded.cause), else_=agenda.c.cause)},
)
_NEXT_AGENDA = select(func.min(agenda.c.due_at)).where(_WAITING)
_ONE = select(notifications).where(notifications.c.id == bindparam("id"))
_OF_EVENT = (
    select(notifications)
    .where(notifications.c.event_pk == bindparam("event_pk"))
    .order_by(notifications.c.due_at, notifications.c.id)
)
_AGENDA_OF_EVENT = (
    select(agenda).where(agenda.c.event_pk == bindparam("event_pk")).order_by(agenda.c.due_at, agenda.c.id)
)
_THESE = notifications.c.id.in_(bindparam("ids", expanding=True))
_SUPERSEDE = (
    update(notifications)
    .where(_THESE, notifications.c.state == State.PENDING)
    .values(state=State.SUPERSEDED, reason=bindparam("why"), hold=None)
)
_REQUEST_CUT = (
    update(notifications)
    .where(_THESE, notifications.c.state.in_(IN_THE_AIR), notifications.c.cut_requested_at.is_(None))
    .values(cut_requested_at=bindparam("now"), reason=bindparam("why"))
)
_FINISH_AGENDA = (
    update(agenda)
    .where(agenda.c.id.in_(bindparam("ids", expanding=True)), agenda.c.state == AgendaState.PENDING)
    .values(state=bindparam("now_is"), done_at=bindparam("now"))
)
_LAST_REVISE = select(func.max(agenda.c.done_at)).where(
    agenda.c.event_pk == bindparam("event_pk"), agenda.c.kind == AgendaKind.REVISE
)


def add_notifications(conn: Connection, rows: Sequence[Notification]) -> None:
    """Add rows; one whose slot is taken already changes nothing."""
    if not rows:
        return
    values = [
        {
            **{name: getattr(row, name) for name in _NOTIFICATION_FIELDS},
            "grp": row.group,
            "details": canonical(dict(row.details)),
            "slot": row.slot,
        }
        for row in rows
    ]
    if kept := conn.execute(_ADD_NOTIFICATIONS, values).all():
        conn.execute(_ADD_LINKS, [{"notification_id": row.id, "event_pk": row.event_pk} for row in kept])
    signal(conn, DISPATCH)


def notification(row: Row[Any]) -> Notification:
    values = dict(zip(_NOTIFICATION_FIELDS, _of_notification(row), strict=True))
    values |= {
        "kind": Kind(row.kind),
        "channel": ChannelName(row.channel),
        "state": State(row.state),
        "hold": Hold(row.hold) if row.hold else None,
    }
    return Notification(**values, group=row.grp, details=mapping(row.details))


def one(conn: Connection, notification_id: str) -> Notification:
    """Raises StopIteration when there is no such row."""
    return next(map(notification, conn.execute(_ONE, {"id": notification_id})))


def lock(conn: Connection, event_pk: str) -> None:
    """Nobody else changes the event's timetable, or claims a row of it, until the transaction ends."""
    lock_timetable(conn, event_pk)


def of_event(conn: Connection, event_pk: str) -> list[Notification]:
    """Every row of the event's timetable, in order of their due time."""
    return [notification(row) for row in conn.execute(_OF_EVENT, {"event_pk": event_pk})]


def supersede(conn: Connection, ids: Collection[str], reason: str) -> None:
    """PENDING -> SUPERSEDED; a row that was claimed meanwhile stays what it is."""
    for some in portions(ids):
        conn.execute(_SUPERSEDE, {"ids": some, "why": reason})
        signal(conn, DISPATCH)  # what follows one of them need not wait for it any more


def request_cut(conn: Connection, ids: Collection[str], reason: str, now: datetime) -> None:
    """Ask the dispatcher to end what is in the air."""
    for some in portions(ids):
        conn.execute(_REQUEST_CUT, {"ids": some, "now": now, "why": reason})
        signal(conn, DISPATCH)


def add_agenda(conn: Connection, rows: Sequence[Agenda]) -> None:
    """Add rows. Of the wishes to look at an event the soonest stands, as with `ask_revise`."""
    for statement, wish in ((_ADD_AGENDA, False), (_ASK_REVISE, True)):
        if values := [_agenda_values(row) for row in rows if (row.kind is AgendaKind.REVISE) is wish]:
            conn.execute(statement, values)
    if rows:
        revise_at(conn, min(row.due_at for row in rows))


def _agenda_values(row: Agenda) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in _AGENDA_FIELDS}, "slot": row.slot}


def _agenda(row: Row[Any]) -> Agenda:
    values = dict(zip(_AGENDA_FIELDS, _of_agenda(row), strict=True))
    return Agenda(**values | {"kind": AgendaKind(row.kind), "state": AgendaState(row.state)})


def agenda_of_event(conn: Connection, event_pk: str) -> list[Agenda]:
    return [_agenda(row) for row in conn.execute(_AGENDA_OF_EVENT, {"event_pk": event_pk})]


def due_agenda(conn: Connection, now: datetime, limit: int = 200) -> list[Agenda]:
    """What the router must look at now, most urgent first: by lane, wishes to revise before the rest."""
    return [_agenda(row) for row in conn.execute(_DUE_AGENDA, {"now": now, "limit": limit})]


def next_agenda_at(conn: Connection) -> datetime | None:
    at: datetime | None = conn.scalar(_NEXT_AGENDA)
    return at


def finish_agenda(conn: Connection, ids: Collection[str], state: AgendaState, now: datetime) -> int:
    """Mark rows done or superseded. Returns how many were still pending: 0 means somebody else had them."""
    given = {"now_is": state, "now": now}
    return sum(conn.execute(_FINISH_AGENDA, given | {"ids": some}).rowcount for some in portions(ids))


def put_off(conn: Connection, ids: Collection[str], until: datetime) -> None:
    """Look at pending rows then, not now."""
    conn.execute(update(agenda).where(agenda.c.id.in_(ids), agenda.c.state == AgendaState.PENDING).values(due_at=until))


def bring_forward(conn: Connection, agenda_id: str, now: datetime, brought_by: str, cause: str) -> None:
    conn.execute(
        update(agenda)
        .where(agenda.c.id == agenda_id, agenda.c.state == AgendaState.PENDING)
        .values(due_at=now, brought_by=brought_by, cause=cause)
    )
    signal(conn, REVISE)


def ask_revise(
    conn: Connection, ids: Ids, event_pk: str, lane: int, cause: str, now: datetime, *, urgent: bool
) -> None:
    """Ask the router to look at the event again. Replies and new revisions are urgent; the rest once a second."""
    due_at = now if urgent else max(now, _last_revise(conn, event_pk, now) + REVISE_EVERY)
    row = Agenda(
        id=ids.new(), event_pk=event_pk, kind=AgendaKind.REVISE, due_at=due_at, lane=0 if urgent else lane, cause=cause
    )
    conn.execute(_ASK_REVISE, _agenda_values(row))
    revise_at(conn, due_at)


def ask_revise_each(
    conn: Connection, ids: Ids, event_pks: Collection[str], lane: int, cause: str, due_at: datetime
) -> None:
    """As `ask_revise`, of several events at that instant, in one statement."""
    rows = [
        Agenda(id=ids.new(), event_pk=pk, kind=AgendaKind.REVISE, due_at=due_at, lane=lane, cause=cause)
        for pk in event_pks
    ]
    if rows:
        conn.execute(_ASK_REVISE, [_agenda_values(row) for row in rows])
        revise_at(conn, due_at)


def _last_revise(conn: Connection, event_pk: str, now: datetime) -> datetime:
    return conn.scalar(_LAST_REVISE, {"event_pk": event_pk}) or now - REVISE_EVERY


def highest_sent(conn: Connection, event_pk: str, person: str) -> int | None:
    """The newest revision that this person was told of."""
    query = select(func.max(notifications.c.revision)).where(
        notifications.c.event_pk == event_pk,
        notifications.c.person == person,
        notifications.c.kind.in_([Kind.ALERT, Kind.UPDATE]),
        notifications.c.sent_at.is_not(None),
    )
    number: int | None = conn.scalar(query)
    return number


# When a row first comes to a state, this column keeps the instant; it is set once.
_INSTANT = {
    State.SENT: "sent_at",
    State.DELIVERED: "delivered_at",
    State.ANSWERED: "answered_at",
    State.ACKNOWLEDGED: "acknowledged_at",
    State.DECLINED: "acknowledged_at",
}


@cache
def _move(state: State, columns: frozenset[str]) -> Update:
    """The statement that takes a row to `state` where the table of states allows it, and sets `columns` too."""
    changes: dict[str, Any] = {name: bindparam(f"new_{name}") for name in columns}
    if (instant := _INSTANT.get(state)) is not None:
        changes[instant] = func.coalesce(notifications.c[instant], bindparam("now", type_=Instant()))
    return (
        update(notifications)
        .where(
            notifications.c.id.in_(bindparam("row_ids", expanding=True)),
            notifications.c.state.in_([s for s in State if s.may_become(state)]),
        )
        .values(state=state, **changes)
    )


def move(
    conn: Connection, notification_id: str, state: State, now: datetime, *, reason: str | None = None, **values: Any
) -> bool:
    """Take a row to `state` where the table of states allows it. False when it does not: the row stays as it is."""
    if reason is not None:
        values["reason"] = reason
    return move_all(conn, [notification_id], state, now, **values) == 1


def move_all(conn: Connection, ids: Collection[str], state: State, now: datetime, **values: Any) -> int:
    """As `move`, several rows. Returns how many went."""
    parameters = {f"new_{name}": value for name, value in values.items()}
    if state in _INSTANT:
        parameters["now"] = now
    return conn.execute(_move(state, frozenset(values)), {"row_ids": list(ids), **parameters}).rowcount


def correct(conn: Connection, notification_id: str, was: str, is_: str) -> bool:
    """It ended for another reason than was thought. False where it did not end for that one."""
    ended = update(notifications).where(notifications.c.id == notification_id, notifications.c.state == State.FAILED)
    return conn.execute(ended.where(notifications.c.reason == was).values(reason=is_)).rowcount == 1


def explain(conn: Connection, notification_id: str, reason: str) -> None:
    """Say why a row that is not over yet will end as it will."""
    conn.execute(
        update(notifications)
        .where(notifications.c.id == notification_id, notifications.c.state.not_in(TERMINAL))
        .values(reason=reason)
    )
