"""Calls in the air that are to be ended: what was asked of the dispatcher, and that it was done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, or_, select, update

from model.attempt import Attempt
from model.event import Event
from model.ids import Ids
from model.plan import ChannelName, Notification, State
from model.reply import Answer
from store import attempts, events, replies, timeline
from store.plans import notification
from store.portable import portions
from store.tables import notifications, said
from store.timeline import News

# Several statements: nearly always there is nothing to cut, and PostgreSQL joins badly what it believes to be many.
_TO_CUT = select(notifications).where(
    notifications.c.channel == said(ChannelName.VOICE),  # nothing else can be taken back once it is out
    notifications.c.cut_requested_at.is_not(None),
    notifications.c.cut_done_at.is_(None),
    notifications.c.state.in_([State.SENT, State.DELIVERED, State.ANSWERED]),
)
_TOLD = (
    select(notifications)
    .where(
        or_(
            notifications.c.id.in_(bindparam("ids", expanding=True)),
            notifications.c.carried_by.in_(bindparam("ids", expanding=True)),
        )
    )
    .order_by(notifications.c.carried_by.is_not(None), notifications.c.id)  # a call's own row first
)
_CUT_DONE = (
    update(notifications)
    .where(notifications.c.id.in_(bindparam("ids", expanding=True)))
    .values(cut_done_at=bindparam("now"))
)


class Cut(NamedTuple):
    """A call to be ended. Or one that somebody listens to, that goes on about those of its rows that `still` hold.

    Of one that is ended: its `events` by key, and by row what its person has last `answered` to what it tells.
    """

    rows: Sequence[Notification]
    attempt: Attempt
    still: tuple[str, ...] = ()
    events: Mapping[str, Event] = MappingProxyType({})
    answered: Mapping[str, Answer] = MappingProxyType({})

    @property
    def notification(self) -> Notification:
        return self.rows[0]


def to_cut(conn: Connection) -> list[Cut]:
    """A call is ended when all that it tells is over; until then who has answered hears of the rest."""
    leaders = {row.carried_by or row.id for row in conn.execute(_TO_CUT)}
    return [cut for some in portions(sorted(leaders)) for cut in _cuts(conn, some)]


def _cuts(conn: Connection, leaders: Sequence[str]) -> list[Cut]:
    told: dict[str, list[Notification]] = {}
    for row in map(notification, conn.execute(_TOLD, {"ids": leaders})):
        told.setdefault(row.carried_by or row.id, []).append(row)
    cuts = [_cut(told[attempt.notification_id], attempt) for attempt in attempts.accepted(conn, leaders)]
    return _with_answers(conn, [cut for cut in cuts if cut])


def _with_answers(conn: Connection, cuts: Sequence[Cut]) -> list[Cut]:
    """What whoever listens is told depends on what they have answered, and on what became of the event."""
    pks = {row.event_pk for cut in cuts if not cut.still for row in cut.rows}
    known = events.load(conn, pks)
    said_last = {(r.event_pk, r.revision, r.person): r.answer for r in replies.of_events(conn, pks)} if pks else {}

    def answers(cut: Cut) -> Cut:
        asked = {row.id: said_last.get((row.event_pk, row.revision, row.person or "")) for row in cut.rows}
        return cut._replace(
            events={row.event_pk: known[row.event_pk] for row in cut.rows},
            answered={row_id: answer for row_id, answer in asked.items() if answer},
        )

    return [cut if cut.still else answers(cut) for cut in cuts]


def _cut(rows: Sequence[Notification], attempt: Attempt) -> Cut | None:
    over = [row for row in rows if row.cut_requested_at is not None]
    if len(over) == len(rows):
        return Cut(rows, attempt)
    still = [row for row in rows if row.cut_requested_at is None]
    # Whoever has pressed a key hears for how many it counts; to a phone that rings nothing can be said.
    listens = all(row.state is State.ANSWERED for row in still)
    return Cut(over, attempt, tuple(row.id for row in still)) if listens else None


def cut_done(conn: Connection, ids: Ids, rows: Sequence[Notification], now: datetime) -> None:
    _done(conn, ids, rows, "call_stopped", {row.id: row.reason for row in rows}, now)


def cannot_cut(conn: Connection, ids: Ids, rows: Sequence[Notification], why: str, now: datetime) -> None:
    """Nobody can be asked to end the call: it rings on, and is not looked at again."""
    _done(conn, ids, rows, "call_not_stopped", dict.fromkeys((row.id for row in rows), why), now)


def _done(
    conn: Connection, ids: Ids, rows: Sequence[Notification], kind: str, reasons: Mapping[str, str], now: datetime
) -> None:
    conn.execute(_CUT_DONE, {"ids": [row.id for row in rows], "now": now})
    bodies = [(row.event_pk, {"notification": row.id, "person": row.person, "reason": reasons[row.id]}) for row in rows]
    timeline.append_all(conn, ids, now, [News(event_pk, kind, body, {}) for event_pk, body in bodies])
