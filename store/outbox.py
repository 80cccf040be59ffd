"""Notifications on their way to a vendor: what is due, the claim, what is held back or too late, what must be cut."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Subquery,
    bindparam,
    func,
    or_,
    select,
    union_all,
    update,
)

from model.ids import Ids
from model.plan import ChannelName, Hold, Kind, Notification, State
from store import plans, timeline
from store.partitions import first_id
from store.plans import notification
from store.portable import lock_pending
from store.signals import DISPATCH, signal
from store.tables import events, notifications, said

HELD_AT_ONCE = 500
_WAITS_FOR = [said(state) for state in (State.PENDING, State.SENDING, State.UNKNOWN)]
_PENDING = notifications.c.state == said(State.PENDING)


class Due(NamedTuple):
    """A row to be sent, and how often it was tried."""

    notification: Notification
    tries: int


_before = notifications.alias("before")
# Asked row by row, by its key: as a join PostgreSQL reads the whole table.
_FOLLOWED = select(_before.c.state).where(_before.c.id == notifications.c.follows).scalar_subquery()
# What it follows is out, or never will be.
_FREE = or_(notifications.c.follows.is_(None), func.coalesce(_FOLLOWED, said(State.SENT)).not_in(_WAITS_FOR))
ID_CHARS = 36
HEX_DIGITS = "0123456789abcdef"
LATELY = timedelta(minutes=15)  # longer than an event is told, unless it is reopened
USUALLY = timedelta(minutes=10)  # until an event is due
LEFT = timedelta(milliseconds=250)  # what has been due for longer, its notifier has no time for


@dataclass(frozen=True, slots=True)
class Share:
    """What is whose among several notifiers, so that they do not render the same words for one of them to win.

    The last digit of a row's id, which is random, says whose it is; what its own has left undone is everybody's.
    """

    number: int = 0
    of: int = 1

    def has(self, row_id: str) -> bool:
        return self.of == 1 or row_id[-1] in self.digits()

    def digits(self) -> list[str]:
        return list(HEX_DIGITS[self.number % len(HEX_DIGITS) :: self.of])


ALONE = Share()


_BY_TIME_LEFT = (notifications.c.until, notifications.c.due_at, notifications.c.id)


def _redials_last(channel: ChannelName) -> tuple[ColumnElement[bool], ...]:
    """Somebody not yet rung comes before a re-dial."""
    return (notifications.c.follows.is_not(None),) if channel is ChannelName.VOICE else ()


_MINE = or_(
    func.substr(notifications.c.id, ID_CHARS, 1).in_(bindparam("digits", expanding=True)),
    notifications.c.due_at <= bindparam("left_by_others"),
)


def _due_on(channel: ChannelName, *whose: ColumnElement[bool]) -> Subquery:
    return (
        select(notifications)
        .where(
            _PENDING,
            notifications.c.channel == said(channel),
            notifications.c.due_at <= bindparam("now"),
            _FREE,
            *whose,
        )
        .order_by(notifications.c.lane, *_redials_last(channel), *_BY_TIME_LEFT)
        .limit(bindparam(f"at_most_{channel}"))
        .subquery()
    )


_SOURCES = select(events.c.source).where(events.c.pk.in_(bindparam("pks", expanding=True))).distinct()
_OF_OTHERS = (
    select(notifications)
    .join(events, events.c.pk == notifications.c.event_pk)
    .where(
        events.c.pk >= bindparam("since"),
        events.c.source.not_in(bindparam("sources", expanding=True)),
        _PENDING,
        notifications.c.channel == bindparam("its_channel"),
        notifications.c.due_at <= bindparam("now"),
        notifications.c.lane <= bindparam("lane"),
        _FREE,
    )
    .order_by(notifications.c.lane, notifications.c.follows.is_not(None), *_BY_TIME_LEFT)
    .limit(bindparam("at_most"))
)
_DUE = union_all(*(select(_due_on(channel)) for channel in ChannelName))
_DUE_TO_ME = union_all(*(select(_due_on(channel, _MINE)) for channel in ChannelName))
_NEXT_DUE = select(func.min(notifications.c.due_at)).where(_PENDING, notifications.c.due_at > bindparam("now"))
_HOLD = (
    update(notifications)
    .where(notifications.c.id == bindparam("row_id"), notifications.c.state == State.PENDING)
    .values(hold=bindparam("why"), due_at=bindparam("until_then"))
)
# Rows that somebody else has in hand are theirs to judge.
_OUT_OF_LINES = (
    update(notifications)
    .where(
        notifications.c.id.in_(
            select(notifications.c.id)
            .where(
                _PENDING,
                notifications.c.channel == said(ChannelName.VOICE),
                notifications.c.due_at <= bindparam("now"),
                notifications.c.hold.is_(None),
            )
            .order_by(notifications.c.due_at)
            .limit(HELD_AT_ONCE)
            .with_for_update(key_share=True, skip_locked=True)
        )
    )
    .values(hold=Hold.LINES)
    .returning(notifications.c.event_pk, notifications.c.lane)
)
# Two statements: those for which it is a new reason are told of.
_WITH_IT = (
    _PENDING,
    notifications.c.channel == bindparam("its_channel"),
    notifications.c.address == bindparam("its_address"),
    notifications.c.kind == bindparam("its_kind"),
    notifications.c.lane >= bindparam("its_lane"),
    notifications.c.id != bindparam("its_id"),
    notifications.c.due_at <= bindparam("now"),
    notifications.c.until >= bindparam("at"),
)
_HOLD_WITH_IT, _STILL_WITH_IT = (
    update(notifications)
    .where(
        notifications.c.id.in_(
            select(notifications.c.id)
            .where(*_WITH_IT, reason)
            .limit(HELD_AT_ONCE)
            .with_for_update(key_share=True, skip_locked=True)
        )
    )
    .values(hold=bindparam("why"), due_at=bindparam("at"))
    .returning(notifications.c.event_pk, notifications.c.lane)
    for reason in (
        or_(notifications.c.hold.is_(None), notifications.c.hold != bindparam("why")),
        notifications.c.hold == bindparam("why"),
    )
)


def due(
    conn: Connection, at_most: Mapping[ChannelName, int], now: datetime, share: Share = ALONE
) -> dict[ChannelName, list[Due]]:
    """Rows to be sent now, `at_most` so many of a channel: by lane, then by the time left.

    Followers wait for what they follow.
    """
    wanted = {f"at_most_{channel}": at_most.get(channel, 0) for channel in ChannelName} | {"now": now}
    if share.of == 1:
        rows_due = conn.execute(_DUE, wanted)
    else:
        rows_due = conn.execute(_DUE_TO_ME, wanted | {"digits": share.digits(), "left_by_others": now - LEFT})
    found: dict[ChannelName, list[Due]] = {channel: [] for channel in ChannelName}
    for row in rows_due:
        found[ChannelName(row.channel)].append(Due(notification(row), row.tries))
    for rows in found.values():
        rows.sort(key=urgency)
    return found


def due_of_others(
    conn: Connection, channel: ChannelName, those: Collection[Notification], at_most: int, now: datetime
) -> list[Due]:
    """Rows as urgent as `those` by their lane, of sources that none of `those` is of.

    Of events of a quarter of an hour: in a storm there are many, and all of them are looked at.
    """
    sources = conn.scalars(_SOURCES, {"pks": sorted({row.event_pk for row in those})})
    given = {
        "its_channel": channel,
        "sources": sorted(sources),
        "lane": max(row.lane for row in those),
        "since": first_id(now - LATELY),
        "now": now,
        "at_most": at_most,
    }
    return [Due(notification(row), row.tries) for row in conn.execute(_OF_OTHERS, given)]


def urgency(due: Due) -> tuple[int, bool, datetime, datetime, str]:
    """What sorts rows: the smallest goes first. PagerDuty's can be told for longer than others, and wait no longer."""
    row = due.notification
    until = min(row.until, row.due_at + USUALLY) if row.channel is ChannelName.PAGERDUTY else row.until
    return row.lane, row.redial, until, row.due_at, row.id


def next_due_at(conn: Connection, now: datetime) -> datetime | None:
    """When the next row after `now` falls due."""
    at: datetime | None = conn.scalar(_NEXT_DUE, {"now": now})
    return at


def take_in_hand(conn: Connection, ids: Collection[str]) -> Collection[str]:
    """Those of the pending rows that no other process has in hand; theirs are left to them, without waiting."""
    return lock_pending(conn, ids)


def hold(conn: Connection, ids: Ids, rows: Collection[Notification], why: Hold, until: datetime, now: datetime) -> None:
    """Keep rows back for a named reason; a revision is asked for once, when the reason changes.

    Not for what waits a moment to be told with others, nor for an edit: nothing else is done about that. A row that is
    no longer waiting is left as it is.
    """
    for row in rows:
        held = conn.execute(_HOLD, {"row_id": row.id, "why": why, "until_then": until})
        if held.rowcount and row.hold is not why and why is not Hold.BUNDLE and row.kind is not Kind.EDIT:
            plans.ask_revise(conn, ids, row.event_pk, row.lane, f"held: {why}", now, urgent=False)


def hold_with(conn: Connection, ids: Ids, row: Notification, why: Hold, until: datetime, now: datetime) -> None:
    """What else is due to the reader of `row` in its way waits with it, but for what is more urgent.

    What would wait for too long is left to be judged by itself.
    """
    its = {"its_channel": row.channel, "its_address": row.address, "its_kind": row.kind}
    given = its | {"its_lane": row.lane, "its_id": row.id, "now": now, "at": until, "why": why}
    conn.execute(_STILL_WITH_IT, given)
    held = {(event_pk, lane) for event_pk, lane in conn.execute(_HOLD_WITH_IT, given)}
    for event_pk, lane in sorted(held) if why is not Hold.BUNDLE else ():
        plans.ask_revise(conn, ids, event_pk, lane, f"held: {why}", now, urgent=False)


def let_go(conn: Connection, channels: Collection[ChannelName], now: datetime) -> None:
    """Their vendor answers again: what waited for it is due now."""
    held = notifications.c.channel.in_(channels), notifications.c.hold == said(Hold.VENDOR)
    conn.execute(update(notifications).where(_PENDING, *held).values(hold=None, due_at=now))
    signal(conn, DISPATCH)


def hold_broken(conn: Connection, ids: Ids, row: Notification, until: datetime, now: datetime) -> None:
    """No words can be made for it: it is tried again then."""
    if row.hold is not Hold.BROKEN:
        body = {"notification": row.id, "channel": row.channel, "person": row.person}
        timeline.append(conn, ids, row.event_pk, now, "broken", body)
    hold(conn, ids, [row], Hold.BROKEN, until, now)


def hold_for_lines(conn: Connection, ids: Ids, now: datetime) -> None:
    """Calls that are due and find no line: say so, once. They stay due; the next look says it of more."""
    marked = {(event_pk, lane) for event_pk, lane in conn.execute(_OUT_OF_LINES, {"now": now})}
    for event_pk, lane in sorted(marked):
        plans.ask_revise(conn, ids, event_pk, lane, f"held: {Hold.LINES}", now, urgent=False)


def not_set_up(channel: ChannelName) -> str:
    """Why rows of a channel fail that this installation does not have."""
    return f"{channel} is not set up"


def impossible(conn: Connection, ids: Ids, row: Notification, now: datetime) -> None:
    """Its channel is not set up here: the row fails at once, and the person's next way is taken."""
    reason = not_set_up(row.channel)
    if plans.move(conn, row.id, State.FAILED, now, reason=reason):
        body = {"notification": row.id, "channel": row.channel, "person": row.person, "reason": reason}
        timeline.append(conn, ids, row.event_pk, now, "impossible", body)
        plans.ask_revise(conn, ids, row.event_pk, row.lane, reason, now, urgent=False)


def expire(conn: Connection, ids: Ids, row: Notification, now: datetime) -> None:
    """Too late to be of use: what cannot finish in time is not started."""
    reason = row.reason or (f"held back by {row.hold} until too late" if row.hold else "could not finish in time")
    if plans.move(conn, row.id, State.EXPIRED, now, reason=reason, hold=None):
        body = {"notification": row.id, "channel": row.channel, "person": row.person, "reason": reason}
        timeline.append(conn, ids, row.event_pk, now, "expired", body)
        plans.ask_revise(conn, ids, row.event_pk, row.lane, "expired", now, urgent=False)
