"""The claim: permission to send now. Lines, turns, codes and a reader's patience are taken with it, or not at all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, exists, func, not_, or_, select, update

from model.attempt import Attempt
from model.ids import Ids
from model.limits import REMEMBERED, Limit, Message, Pauses, may_ring_at, may_write_at
from model.plan import Hold, Kind, Notification, State
from store import attempts, bundles, lines, paces, plans, replies, timeline
from store.codec import sha256
from store.outbox import expire, hold, hold_with
from store.paces import Turn
from store.portable import lock_alone, lock_each_alone, lockable
from store.replies import Code
from store.tables import notifications
from store.tables import replies as replies_table
from store.timeline import News

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
BUSY = timedelta(seconds=5)  # a call that ends wakes who waits for it; this is for what a lost word left behind
A_WHILE = timedelta(minutes=1)  # whoever waits for longer is told another way
_ANSWERED = exists().where(
    replies_table.c.event_pk == notifications.c.event_pk,
    replies_table.c.revision == notifications.c.revision,
    replies_table.c.person == notifications.c.person,
)
_WANTED = select(func.count()).where(
    or_(notifications.c.id == bindparam("row_id"), notifications.c.carried_by == bindparam("row_id")),
    notifications.c.state == State.SENDING,
    notifications.c.cut_requested_at.is_(None),
    or_(notifications.c.kind != Kind.ALERT, not_(_ANSWERED)),
)


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
    """Permission asked for: the row, its attempts with their words, the codes they carry, the call it is, its turns.

    `carried`: rows that are told with it. `pauses`: how often its reader may be written to.
    """

    notification: Notification
    attempts: Sequence[Attempt]
    carried: Sequence[Notification] = ()
    codes: Sequence[Code] = ()
    call: Call | None = None
    turns: Sequence[Turn] = ()
    pauses: Pauses | None = None

    @property
    def until(self) -> datetime:
        """The last instant at which it may start, for whatever it tells."""
        return min(row.until for row in (self.notification, *self.carried))

    @property
    def ids(self) -> list[str]:
        """All rows that it takes."""
        return [self.notification.id, *(row.id for row in self.carried)]


def claim(conn: Connection, ids: Ids, wanted: Collection[Claim], owner: str, now: datetime) -> set[str]:
    """PENDING -> SENDING with the attempts written first. Returns the ids of the rows that were won.

    Not won: another had it, its number is in a call, no line is free, its reader was written to too often, other
    processes were faster, its code was taken, what goes along was stopped, its person has answered.
    """
    wanted = _not_answered(conn, wanted, now)
    written = _Written(conn, wanted, now)
    may_go = _in_turn(conn, ids, [one for one in wanted if _may_go(conn, ids, one, written, now)], now)
    if not may_go:
        return set()
    # The claim first: of a row that another has, no code is opened.
    won = set(conn.scalars(_CLAIM, {"ids": [one.notification.id for one in may_go], "owner": owner}))
    won -= _incomplete(conn, [one for one in may_go if one.notification.id in won], owner, now)
    for one in may_go:
        if one.call and one.notification.id not in won:
            lines.release(conn, one.attempts[0].id, now)
    _note_claims(conn, ids, [one for one in wanted if one.notification.id in won], now)
    return won


def _not_answered(conn: Connection, wanted: Collection[Claim], now: datetime) -> Collection[Claim]:
    """Who has answered is told no more, also while the router has not come to say so: their rows end here."""
    rows = [row for one in wanted for row in (one.notification, *one.carried) if row.kind is Kind.ALERT and row.person]
    answered = replies.answered(conn, {row.event_pk for row in rows})
    over = {row.id for row in rows if (row.event_pk, row.revision, row.person) in answered}
    for row_id in sorted(over):
        plans.move(conn, row_id, State.SUPERSEDED, now, reason="answered already", hold=None)
    return [one for one in wanted if over.isdisjoint(one.ids)] if over else wanted


class _Written:
    """What readers had lately, and what this very transaction is about to send them.

    Other processes that want to write to one of them wait until it is committed.
    """

    def __init__(self, conn: Connection, wanted: Collection[Claim], now: datetime) -> None:
        limited = [one for one in wanted if one.pauses]
        lock_each_alone(conn, {f"{one.notification.channel}/{one.notification.address}" for one in limited})
        since = now - max((one.pauses.per for one in limited if one.pauses), default=timedelta())
        addresses = {one.notification.address for one in limited}
        self._messages = attempts.written(conn, addresses, since) if limited else {}

    def to(self, row: Notification) -> list[Message]:
        return self._messages.setdefault((row.channel, row.address), [])


def _may_go(conn: Connection, ids: Ids, claim: Claim, written: _Written, now: datetime) -> bool:
    """Take what it needs: a line, the patience of its reader."""
    if claim.pauses and not _may_be_written_to(conn, ids, claim, claim.pauses, written, now):
        return False
    return not claim.call or _may_call(conn, ids, claim.notification, claim.call, claim.attempts[0].id, now)


def _in_turn(conn: Connection, ids: Ids, wanted: Sequence[Claim], now: datetime) -> Sequence[Claim]:
    """Those whose account has a turn left. What this process knows of it, it has looked at; here speak the others."""
    if not lockable(conn):
        return wanted
    single = [one for one in wanted if len(one.turns) == 1]
    several = [one for one in wanted if len(one.turns) > 1]
    found = paces.take_turns(conn, [one.turns[0] for one in single], now)
    at = {one.notification.id: later for one, later in zip(single, found, strict=True)}
    for one in several:  # one after the other: whoever is refused the first does not use up the second
        refused = (later for turn in one.turns if (later := paces.take_turn(conn, turn, now)) is not None)
        at[one.notification.id] = next(refused, None)
    for one in wanted:
        if (later := at.get(one.notification.id)) is not None:
            hold(conn, ids, [one.notification], Hold.CHANNEL_RATE, later, now)
    return [one for one in wanted if at.get(one.notification.id) is None]


def _may_be_written_to(
    conn: Connection, ids: Ids, claim: Claim, pauses: Pauses, written: _Written, now: datetime
) -> bool:
    """What is more than the reader bears waits, together with all else for the same reader."""
    row = claim.notification
    critical = row.lane == 0
    at = may_write_at(pauses, written.to(row), row.kind, critical=critical, now=now)
    if at <= now:
        written.to(row).append(Message(now, row.kind, critical))
    elif row.until <= now:
        expire(conn, ids, replace(row, hold=Hold.PERSON_LIMIT), now)
    else:
        why = Hold.BUNDLE if at - now <= A_WHILE else Hold.PERSON_LIMIT
        hold(conn, ids, [row, *claim.carried], why, min(at, row.until), now)
        hold_with(conn, ids, row, why, at, now)
    return at <= now


def _incomplete(conn: Connection, won: Collection[Claim], owner: str, now: datetime) -> set[str]:
    """Rows that were won and cannot go as their words are: somebody else has just opened a code of theirs, or what
    they tell besides was stopped. They are given back."""
    opened = replies.open_new(conn, [code for one in won for code in one.codes], now)
    lost = {one.notification.id for one in won if not opened.issuperset(one.codes)}
    for one in won:
        row_id, others = one.notification.id, [row.id for row in one.carried]
        if others and row_id not in lost and not bundles.take(conn, row_id, others, owner):
            bundles.give_back(conn, row_id, now)
            lost.add(row_id)
    if lost:
        conn.execute(_UNCLAIM, {"ids": sorted(lost)})
    return lost


def _note_claims(conn: Connection, ids: Ids, won: Collection[Claim], now: datetime) -> None:
    attempts.add(conn, [attempt for one in won for attempt in one.attempts])
    news = [_started(row, a) for one in won for row in (one.notification, *one.carried) for a in one.attempts]
    timeline.append_all(conn, ids, now, news)


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
        "told_with_others": True if attempt.bundle else None,
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
    if row.kind in (Kind.ALERT, Kind.CONFIRM) and not _may_be_rung(conn, ids, row, call, now):
        return False
    if not lines.take(conn, row.address, attempt_id, now, call.until):
        _wait(conn, ids, row, Hold.NUMBER_BUSY, now + BUSY, now)
        return False
    if lockable(conn):
        paces.take(conn, row.channel, call.per_second, now)
    return True


def _may_be_rung(conn: Connection, ids: Ids, row: Notification, call: Call, now: datetime) -> bool:
    """One call at a time, on whichever phone, and no more than the limits say of those that ask for a first answer.

    Words that end an event may ring beside another call.
    """
    if any(lines.busy(conn, number) for number in call.numbers if number != row.address):
        _wait(conn, ids, row, Hold.NUMBER_BUSY, now + BUSY, now)
        return False
    rings = attempts.rings(conn, call.numbers, now - REMEMBERED) if call.limits and row.kind is Kind.ALERT else []
    at = may_ring_at(call.limits, rings, row.event_pk, critical=row.lane == 0, now=now)
    if at > row.until:
        expire(conn, ids, replace(row, hold=Hold.PERSON_LIMIT), now)
    elif at > now:
        # A critical event that is new to them may still break the limit: that is judged by itself.
        breaks = may_ring_at(call.limits, rings, "", critical=True, now=now) <= now
        _wait(conn, ids, row, Hold.PERSON_LIMIT, at, now, but_critical=breaks)
    return at <= now


def _wait(
    conn: Connection, ids: Ids, row: Notification, why: Hold, until: datetime, now: datetime, but_critical: bool = False
) -> None:
    """So do the calls of other events to that number: in a storm there are hundreds."""
    hold(conn, ids, [row], why, until, now)
    hold_with(conn, ids, replace(row, lane=max(row.lane, 1)) if but_critical else row, why, until, now)


def still_wanted(conn: Connection, claim: Claim) -> bool:
    """The row and all that goes along is still being sent, nobody asked to stop it, its person has not answered."""
    return conn.scalar(_WANTED, {"row_id": claim.notification.id}) == len(claim.ids)
