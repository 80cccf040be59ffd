"""Notifications on their way to a vendor: what is due, the claim, what is held back or too late, what must be cut."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Subquery,
    bindparam,
    exists,
    func,
    not_,
    or_,
    select,
    union_all,
    update,
)

from model.attempt import Attempt
from model.ids import Ids
from model.limits import REMEMBERED, Limit, may_ring_at
from model.plan import ChannelName, Hold, Kind, Notification, State
from store import attempts, lines, paces, plans, replies, timeline
from store.codec import sha256
from store.paces import Turn
from store.plans import notification
from store.portable import lock_alone, lock_pending, lockable
from store.replies import Code
from store.signals import DISPATCH, signal
from store.tables import notifications, said
from store.tables import replies as replies_table
from store.timeline import News

HELD_AT_ONCE = 500
_WAITS_FOR = [said(state) for state in (State.PENDING, State.SENDING, State.UNKNOWN)]
_PENDING = notifications.c.state == said(State.PENDING)


class Due(NamedTuple):
    """A row to be sent, and how often it was tried."""

    notification: Notification
    tries: int


@dataclass(frozen=True, slots=True)
class Call:
    """What a call needs: a line until then, of so many, its turn among so many a second, somebody not rung too often.

    `numbers`: all phones of the person, `limits`: how often these may ring together.
    """

    until: datetime
    lines: int
    per_second: float
    numbers: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Permission asked for: the row, its attempts with their words, the code they carry, the call it is, its turn."""

    notification: Notification
    attempts: Sequence[Attempt]
    code: Code | None = None
    call: Call | None = None
    turn: Turn | None = None


_before = notifications.alias("before")
# Asked row by row, by its key: as a join PostgreSQL reads the whole table.
_FOLLOWED = select(_before.c.state).where(_before.c.id == notifications.c.follows).scalar_subquery()
ID_CHARS = 36
HEX_DIGITS = "0123456789abcdef"
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
            or_(notifications.c.follows.is_(None), func.coalesce(_FOLLOWED, said(State.SENT)).not_in(_WAITS_FOR)),
            *whose,
        )
        .order_by(notifications.c.lane, *_redials_last(channel), *_BY_TIME_LEFT)
        .limit(bindparam(f"at_most_{channel}"))
        .subquery()
    )


_DUE = union_all(*(select(_due_on(channel)) for channel in ChannelName))
_DUE_TO_ME = union_all(*(select(_due_on(channel, _MINE)) for channel in ChannelName))
_NEXT_DUE = select(func.min(notifications.c.due_at)).where(_PENDING, notifications.c.due_at > bindparam("now"))
_THESE = notifications.c.id.in_(bindparam("ids", expanding=True))
_CLAIM = (
    update(notifications)
    .where(_THESE, notifications.c.state == State.PENDING)
    .values(state=State.SENDING, hold=None, lease_owner=bindparam("owner"), tries=notifications.c.tries + 1)
    .returning(notifications.c.id)
)
_UNCLAIM = (
    update(notifications)
    .where(_THESE, notifications.c.state == State.SENDING)
    .values(state=State.PENDING, lease_owner=None, tries=notifications.c.tries - 1)
)
_ANSWERED = exists().where(
    replies_table.c.event_pk == notifications.c.event_pk,
    replies_table.c.revision == notifications.c.revision,
    replies_table.c.person == notifications.c.person,
)
_HOLD = (
    update(notifications)
    .where(notifications.c.id == bindparam("row_id"), notifications.c.state == State.PENDING)
    .values(hold=bindparam("why"), due_at=bindparam("until_then"))
)
_STILL_WANTED = select(notifications.c.id).where(
    notifications.c.id == bindparam("row_id"),
    notifications.c.state == State.SENDING,
    notifications.c.cut_requested_at.is_(None),
    or_(notifications.c.kind != Kind.ALERT, not_(_ANSWERED)),
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


def urgency(due: Due) -> tuple[int, bool, datetime, datetime, str]:
    """What sorts rows: the smallest goes first."""
    row = due.notification
    return row.lane, row.redial, row.until, row.due_at, row.id


def next_due_at(conn: Connection, now: datetime) -> datetime | None:
    """When the next row after `now` falls due."""
    at: datetime | None = conn.scalar(_NEXT_DUE, {"now": now})
    return at


def take_in_hand(conn: Connection, ids: Collection[str]) -> Collection[str]:
    """Those of the pending rows that no other process has in hand; theirs are left to them, without waiting."""
    return lock_pending(conn, ids)


def claim(conn: Connection, ids: Ids, wanted: Collection[Claim], owner: str, now: datetime) -> set[str]:
    """PENDING -> SENDING with the attempts written first. Returns the ids of the rows that were won.

    Not won: another had it, its number is in a call, no line is free, other processes were faster, its code was taken,
    its person has answered.
    """
    wanted = _not_answered(conn, wanted, now)
    may_go = [one for one in sorted(wanted, key=_account) if _may_go(conn, ids, one, now)]
    if not may_go:
        return set()
    # The claim first: of a row that another has, no code is opened.
    won = set(conn.scalars(_CLAIM, {"ids": [one.notification.id for one in may_go], "owner": owner}))
    for one in may_go:
        if one.call and one.notification.id not in won:
            lines.release(conn, one.attempts[0].id, now)
    won -= _without_code(conn, [one for one in may_go if one.notification.id in won], now)
    _note_claims(conn, ids, [one for one in wanted if one.notification.id in won], now)
    return won


def _not_answered(conn: Connection, wanted: Collection[Claim], now: datetime) -> Collection[Claim]:
    """Who has answered is told no more, also while the router has not come to say so: their rows end here."""
    alerts = [one.notification for one in wanted if one.notification.kind is Kind.ALERT and one.notification.person]
    answered = replies.answered(conn, {row.event_pk for row in alerts})
    over = {row.id for row in alerts if (row.event_pk, row.revision, row.person) in answered}
    for row_id in sorted(over):
        plans.move(conn, row_id, State.SUPERSEDED, now, reason="answered already", hold=None)
    return [one for one in wanted if one.notification.id not in over] if over else wanted


def _account(claim: Claim) -> str:
    """Rows of several processes that are locked in one order never wait for each other in a circle."""
    return claim.turn.key if claim.turn else ""


def _may_go(conn: Connection, ids: Ids, claim: Claim, now: datetime) -> bool:
    """Take what it needs: a line, a turn."""
    row = claim.notification
    if claim.call and not _may_call(conn, ids, row, claim.call, claim.attempts[0].id, now):
        return False
    if claim.turn and lockable(conn) and (at := paces.take_turn(conn, claim.turn, now)) is not None:
        hold(conn, ids, [row], Hold.CHANNEL_RATE, at, now)
        return False
    return True


def _without_code(conn: Connection, won: Collection[Claim], now: datetime) -> set[str]:
    """Rows that were won, and whose code somebody else has just opened: they are given back."""
    opened = replies.open_new(conn, [one.code for one in won if one.code], now)
    lost = {one.notification.id for one in won if one.code and one.code not in opened}
    if lost:
        conn.execute(_UNCLAIM, {"ids": sorted(lost)})
    return lost


def _note_claims(conn: Connection, ids: Ids, won: Collection[Claim], now: datetime) -> None:
    attempts.add(conn, [attempt for one in won for attempt in one.attempts])
    timeline.append_all(conn, ids, now, [_started(one.notification, a) for one in won for a in one.attempts])


def _started(row: Notification, attempt: Attempt) -> News:
    body = {
        "attempt": attempt.id,
        "notification": row.id,
        "kind": row.kind,
        "channel": row.channel,
        "person": row.person,
        "revision": row.revision,
        "part": attempt.part if attempt.parts > 1 else None,
        "template": attempt.words.template,
        "words_sha256": sha256(attempt.words.text),
    }
    return News(row.event_pk, "attempt_started", body, {"address": attempt.address})


def _may_call(conn: Connection, ids: Ids, row: Notification, call: Call, attempt_id: str, now: datetime) -> bool:
    """Take a line to the number. The pace that this process knows it has looked at; here speak the others."""
    if lockable(conn):
        lock_alone(conn, "calls")
        if (at := paces.next_at(conn, row.channel, now)) > now:
            hold(conn, ids, [row], Hold.CHANNEL_RATE, at, now)
            return False
    if lines.full(conn, row, call.lines):
        hold(conn, ids, [row], Hold.LINES, row.due_at, now)
        return False
    if row.kind is Kind.ALERT and not _may_be_rung(conn, ids, row, call, now):
        return False
    if not lines.take(conn, row.address, attempt_id, now, call.until):
        hold(conn, ids, [row], Hold.NUMBER_BUSY, now + timedelta(seconds=5), now)
        return False
    if lockable(conn):
        paces.take(conn, row.channel, call.per_second, now)
    return True


def _may_be_rung(conn: Connection, ids: Ids, row: Notification, call: Call, now: datetime) -> bool:
    """One call at a time, on whichever phone, and no more of them than the limits say. Words that end an event may."""
    if any(lines.busy(conn, number) for number in call.numbers if number != row.address):
        hold(conn, ids, [row], Hold.NUMBER_BUSY, now + timedelta(seconds=5), now)
        return False
    rings = attempts.rings(conn, call.numbers, now - REMEMBERED) if call.limits else []
    at = may_ring_at(call.limits, rings, row.event_pk, critical=row.lane == 0, now=now)
    if at > row.until:
        expire(conn, ids, replace(row, hold=Hold.PERSON_LIMIT), now)
    elif at > now:
        hold(conn, ids, [row], Hold.PERSON_LIMIT, at, now)
    return at <= now


def hold(conn: Connection, ids: Ids, rows: Collection[Notification], why: Hold, until: datetime, now: datetime) -> None:
    """Keep rows back for a named reason; a revision is asked for once, when the reason changes.

    A row that is no longer waiting is left as it is.
    """
    for row in rows:
        held = conn.execute(_HOLD, {"row_id": row.id, "why": why, "until_then": until})
        if held.rowcount and row.hold is not why:
            plans.ask_revise(conn, ids, row.event_pk, row.lane, f"held: {why}", now, urgent=False)


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


def impossible(conn: Connection, ids: Ids, row: Notification, now: datetime) -> None:
    """Its channel is not set up here: the row fails at once, and the person's next way is taken."""
    reason = f"{row.channel} is not set up"
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


def still_wanted(conn: Connection, notification_id: str) -> bool:
    """The row is still being sent, nobody asked to stop it, and its person has not answered meanwhile."""
    return conn.scalar(_STILL_WANTED, {"row_id": notification_id}) is not None
