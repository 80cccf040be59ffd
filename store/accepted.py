"""What vendors have accepted, written down: many at once, in as many statements as one of them would take."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, case, func, or_, select, update

from model.attempt import Attempt, Sent
from model.ids import Ids
from model.plan import ChannelName, Kind, Notification, State
from store import attempts, bundles, plans, threads, timeline
from store.portable import lock_events
from store.signals import DISPATCH, signal
from store.tables import Instant, notifications, said
from store.timeline import News

_SENT = (
    update(notifications)
    .where(
        notifications.c.id == bindparam("row_id"),
        notifications.c.state.in_([said(state) for state in State if state.may_become(State.SENT)]),
    )
    .values(
        state=State.SENT,
        # Why it was tried again is over; why it is to be stopped is said to whoever listens.
        reason=case((notifications.c.cut_requested_at.is_(None), ""), else_=notifications.c.reason),
        lease_owner=None,
        sent_at=func.coalesce(notifications.c.sent_at, bindparam("at", type_=Instant())),
    )
)
_TOLD_IN_PART = (
    update(notifications)
    .where(
        or_(notifications.c.id == bindparam("row_id"), notifications.c.carried_by == bindparam("row_id")),
        notifications.c.sent_at.is_(None),
    )
    .values(sent_at=bindparam("at"))
)
_FOLLOWERS = (
    select(notifications.c.id)
    .where(
        notifications.c.event_pk.in_(bindparam("event_pks", expanding=True)),
        notifications.c.follows.in_(bindparam("row_ids", expanding=True)),
        notifications.c.state == said(State.PENDING),
    )
    .limit(1)
)
_SAID_AGAIN = (Kind.NOTE, Kind.ADMIN, Kind.EDIT)  # what is never the first message of an event


class Accepted(NamedTuple):
    """A vendor accepted this attempt of the row, at that instant by our clock."""

    row: Notification
    attempt: Attempt
    result: Sent
    at: datetime

    @property
    def whole(self) -> bool:
        """All parts of the message are out."""
        return self.attempt.part == self.attempt.parts


def write(conn: Connection, ids: Ids, accepted: Sequence[Accepted]) -> None:
    """A row is SENT when all its parts are, and so are those told with it."""
    bundled = [one for one in accepted if one.attempt.bundle]
    carried = [row for one in bundled for row in bundles.carried(conn, one.row.id)]
    lock_events(conn, {row.event_pk for row in (*(one.row for one in accepted), *carried)})
    attempts.record_accepted(conn, [(one.attempt.id, one.result, one.at) for one in accepted])
    whole, in_part = ([one for one in accepted if one.whole is whole] for whole in (True, False))
    if whole:
        conn.execute(_SENT, [{"row_id": one.row.id, "at": one.at} for one in whole])
        if _followed(conn, whole):
            signal(conn, DISPATCH)
    told_in_part(conn, {one.row.id: one.at for one in in_part})
    with_it = {one.row.id: _follow(conn, one) for one in bundled if one.whole}
    for one in whole:
        _remember_thread(conn, one, with_it.get(one.row.id, ()))
    timeline.append_each(conn, ids, [(one.at, n) for one in accepted for n in _news(one, with_it.get(one.row.id, ()))])


def told_in_part(conn: Connection, rows: Mapping[str, datetime]) -> None:
    """Who has read the first part knows of the event: whatever becomes of the rest, they must hear of its end.

    `rows`: when it was read, by the id of the row.
    """
    if rows:
        conn.execute(_TOLD_IN_PART, [{"row_id": row_id, "at": at} for row_id, at in rows.items()])


def _followed(conn: Connection, whole: Sequence[Accepted]) -> bool:
    """A row waits for one of them. What follows a call waits until it is over."""
    over = [one.row for one in whole if one.row.channel is not ChannelName.VOICE]
    wanted = {"event_pks": list({row.event_pk for row in over}), "row_ids": [row.id for row in over]}
    return bool(over) and conn.scalar(_FOLLOWERS, wanted) is not None


def _follow(conn: Connection, one: Accepted) -> Sequence[Notification]:
    rows = bundles.carried(conn, one.row.id)
    stopped = [row.id for row in rows if row.cut_requested_at is not None]
    going_on = [row.id for row in rows if row.cut_requested_at is None]
    if going_on:
        plans.move_all(conn, going_on, State.SENT, one.at, reason="", lease_owner=None)
    if stopped:
        plans.move_all(conn, stopped, State.SENT, one.at, lease_owner=None)
    return rows


def _remember_thread(conn: Connection, one: Accepted, with_it: Sequence[Notification]) -> None:
    row = one.row
    if row.channel is ChannelName.SLACK_CHANNEL and row.kind not in _SAID_AGAIN:
        for told in (row, *with_it):
            threads.remember(conn, told.event_pk, row.address, one.result.vendor_id)


def _news(one: Accepted, with_it: Sequence[Notification]) -> Iterator[News]:
    result, kind = one.result, "attempt_accepted"
    body = {"attempt": one.attempt.id, "vendor_id": result.vendor_id, "vendor_at": result.vendor_at}
    yield News(one.row.event_pk, kind, body, {"vendor_body": dict(result.raw)})
    yield from bundles.news(with_it, kind, body)
