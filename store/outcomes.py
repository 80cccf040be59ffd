"""What came of an attempt: sent, failed, unknown and looked up at the vendor, never begun."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from model.attempt import Attempt, AttemptState, Sent
from model.ids import Ids
from model.plan import REFUSED, Hold, Notification, State
from store import accepted, attempts, bundles, leases, lines, plans, timeline
from store.accepted import Accepted
from store.plans import notification, one
from store.signals import DISPATCH, RECONCILE, signal
from store.tables import attempts as attempts_table
from store.tables import notifications, said

# After how long since its start an unknown attempt is looked up at the vendor (design section 6).
LOOKS = (timedelta(seconds=3), timedelta(seconds=10), timedelta(seconds=25))
FOUND_WITHIN = timedelta(seconds=2)  # after the first look is due; who is unknown for longer is told another way
_PENDING = notifications.c.state == said(State.PENDING)
_UNKNOWN = notifications.c.state == said(State.UNKNOWN)
_TAKE_LOOK = (
    update(notifications)
    .where(
        notifications.c.id == bindparam("row_id"),
        notifications.c.state == State.UNKNOWN,
        notifications.c.looks == bindparam("seen_looks"),
        notifications.c.look_at <= bindparam("now"),
    )
    .values(look_at=bindparam("ours_until"))
)
_TO_LOOK_UP = (
    select(notifications)
    .where(_UNKNOWN, notifications.c.look_at <= bindparam("now"))
    .order_by(notifications.c.lane, notifications.c.look_at)
    .limit(100)
)
_NEXT_LOOK = select(func.min(notifications.c.look_at)).where(_UNKNOWN)
_LEFT_BEHIND = (
    select(notifications)
    .where(
        notifications.c.state == said(State.SENDING),
        notifications.c.lease_owner.not_in(bindparam("living", expanding=True)),
        notifications.c.carried_by.is_(None),
    )
    .order_by(notifications.c.event_pk, notifications.c.id)
)


def sent(conn: Connection, ids: Ids, row: Notification, attempt: Attempt, result: Sent, now: datetime) -> None:
    """The vendor accepted this attempt (store/accepted.py)."""
    accepted.write(conn, ids, [Accepted(row, attempt, result, now)])


def _lock(conn: Connection, row: Notification, attempt: Attempt) -> None:
    bundles.lock(conn, row.event_pk, row.id, bundle=attempt.bundle)


_END_OTHER_PARTS = (
    update(attempts_table)
    .where(
        attempts_table.c.notification_id == bindparam("row_id"),
        attempts_table.c.state == AttemptState.SENDING,
    )
    .values(state=AttemptState.FAILED, ended_at=bindparam("now"), error="not begun")
)

_NOT_SENT = "stopped before it was sent"


def failed(
    conn: Connection,
    ids: Ids,
    row: Notification,
    attempt: Attempt,
    error: str,
    retry_at: datetime | None,
    now: datetime,
) -> None:
    """Certainly not sent: tried again at `retry_at`, or given up. What was to be told with it waits, or is given up."""
    _lock(conn, row, attempt)
    if _written_before(conn, attempt):
        return
    attempts.record(conn, attempt.id, AttemptState.FAILED, now, error=error)
    _end_other_parts(conn, row, now)
    body = {"attempt": attempt.id, "error": error, "retry_at": retry_at}
    timeline.append(conn, ids, row.event_pk, now, "attempt_failed", body)
    lines.release(conn, attempt.id, now)
    others = bundles.carried(conn, row.id) if attempt.bundle else ()
    if retry_at is not None or (attempt.bundle and attempt.part > 1):
        _back(conn, row.id, now, reason=error, due_at=retry_at or now)
    else:
        plans.move(conn, row.id, State.FAILED, now, reason=error, lease_owner=None)
        if attempt.bundle and not error.startswith(REFUSED):
            bundles.give_back(conn, row.id, now, error)  # it was this one's time that was over; each other has its own
        elif attempt.bundle:
            bundles.follow(conn, row.id, State.FAILED, now, reason=error, lease_owner=None)
    bundles.note(conn, ids, others, now, "attempt_failed", body)
    for concerned in (row, *others):
        cause = f"{row.channel}: {error}"
        plans.ask_revise(conn, ids, concerned.event_pk, concerned.lane, cause, now, urgent=False)


def settled(conn: Connection, attempt: Attempt, vendor_id: str, now: datetime) -> None:
    """The vendor has an attempt whose answer was lost: its row is SENT, or goes on with the parts behind it."""
    attempts.record(conn, attempt.id, AttemptState.ACCEPTED, now, vendor_id=vendor_id)
    if attempt.part == attempt.parts:
        plans.move(conn, attempt.notification_id, State.SENT, now)
        if attempt.bundle:
            bundles.follow(conn, attempt.notification_id, State.SENT, now)
        return
    accepted.told_in_part(conn, {attempt.notification_id: now})
    if one(conn, attempt.notification_id).state is State.UNKNOWN:
        _back(conn, attempt.notification_id, now, reason="", due_at=now)


def proven(conn: Connection, attempt: Attempt, vendor_id: str, now: datetime) -> None:
    """Somebody answered it, so the vendor has it, whether or not we heard so. The caller has locked its event."""
    if attempt.state in (AttemptState.SENDING, AttemptState.UNKNOWN):
        settled(conn, attempt, vendor_id, now)


def _back(conn: Connection, row_id: str, now: datetime, *, reason: str, due_at: datetime) -> bool:
    """Back to PENDING, to be sent (again) at `due_at`; a row that was stopped meanwhile ends here.

    Rows that are told with it wait to be told with others. When the first part is out it has told what matters of all:
    it counts as sent, and its other parts are not tried again, since some of what they tell may be over by then.
    """
    row, more, over = one(conn, row_id), {}, {"lease_owner": None, "look_at": None}
    if bundles.carried(conn, row_id):
        if row.sent_at is not None:
            bundles.follow(conn, row_id, State.SENT, now, **over)
            return plans.move(conn, row_id, State.SENT, now, reason=reason, **over)
        bundles.give_back(conn, row_id, due_at, reason)
        more = {"hold": Hold.BUNDLE}
    signal(conn, DISPATCH)
    if row.cut_requested_at is not None:
        return plans.move(conn, row_id, State.SUPERSEDED, now, **over)
    return plans.move(conn, row_id, State.PENDING, now, reason=reason, due_at=due_at, **more, **over)


def _written_before(conn: Connection, attempt: Attempt) -> bool:
    """The outcome stands already: its commit was done and only the answer lost. The row may be on its next try."""
    tries = attempts.of_notification(conn, attempt.notification_id)
    known = next((a for a in tries if a.id == attempt.id), None)
    if known is None or known.state is AttemptState.SENDING:
        return False
    # A callback may have proven it first: then the parts behind it are still to be ended, unless they are on their way.
    return known.state is not AttemptState.ACCEPTED or any(a.started_at > known.started_at for a in tries)


def _end_other_parts(conn: Connection, row: Notification, now: datetime) -> None:
    """Parts behind a failed one were not begun."""
    conn.execute(_END_OTHER_PARTS, {"row_id": row.id, "now": now})


def unknown(conn: Connection, ids: Ids, row: Notification, attempt: Attempt, error: str, now: datetime) -> None:
    """The answer was lost: the reconciler looks before anything is repeated.

    Where a callback has said meanwhile that the vendor has it, there is nothing to look for: what is behind it is due.
    """
    _lock(conn, row, attempt)
    if _written_before(conn, attempt):
        return
    lost = attempts.record(conn, attempt.id, AttemptState.UNKNOWN, now, error=error)
    _end_other_parts(conn, row, now)
    if not lost:
        if one(conn, row.id).state is State.SENDING:
            _back(conn, row.id, now, reason="", due_at=now)
        return
    look_at = attempt.started_at + LOOKS[0]
    if plans.move(conn, row.id, State.UNKNOWN, now, reason=error, look_at=look_at, looks=0, lease_owner=None):
        body = {"attempt": attempt.id, "error": error}
        timeline.append(conn, ids, row.event_pk, now, "attempt_unknown", body)
        others: Sequence[Notification] = ()
        if attempt.bundle:
            others = bundles.follow(conn, row.id, State.UNKNOWN, now, reason=error, lease_owner=None)
            bundles.note(conn, ids, others, now, "attempt_unknown", body)
        _tell_another_way(conn, ids, [row, *others], max(now, look_at))
        signal(conn, RECONCILE)
    elif attempt.bundle:
        bundles.give_back(conn, row.id, now)  # its own row was told by an earlier message; who goes along was not


def _tell_another_way(conn: Connection, ids: Ids, rows: Sequence[Notification], look_at: datetime) -> None:
    """Their events are looked at again, unless the first look finds them: then nothing is left to be done."""
    pks, lane = sorted({row.event_pk for row in rows}), min(row.lane for row in rows)
    plans.ask_revise_each(conn, ids, pks, lane, f"{rows[0].channel}: outcome unknown", look_at + FOUND_WITHIN)


def adopt(conn: Connection, ids: Ids, now: datetime) -> int:
    """What a process was sending when it ended: its outcome is unknown. Returns how many."""
    rows = [notification(row) for row in conn.execute(_LEFT_BEHIND, {"living": leases.living(conn, now)})]
    bundles.lock_each(conn, rows)
    for row in rows:
        if one(conn, row.id).state is not State.SENDING:
            continue  # it has come back, or another process was first
        sending = [a for a in attempts.of_notification(conn, row.id) if a.state is AttemptState.SENDING]
        for attempt in sending[:1]:  # parts go one after the other: only the first of them can have been begun
            attempts.record(conn, attempt.id, AttemptState.UNKNOWN, now, error="the process ended meanwhile")
        _end_other_parts(conn, row, now)
        values = {"look_at": now, "looks": 0, "lease_owner": None}
        plans.move(conn, row.id, State.UNKNOWN, now, reason="the process ended meanwhile", **values)
        others = bundles.follow(conn, row.id, State.UNKNOWN, now, lease_owner=None)
        timeline.append(conn, ids, row.event_pk, now, "attempt_unknown", {"notification": row.id, "error": "restart"})
        _tell_another_way(conn, ids, [row, *others], now)
    if rows:
        signal(conn, RECONCILE)
    return len(rows)


class Look(NamedTuple):
    """An unknown row whose turn to be looked up has come."""

    notification: Notification
    looks: int
    attempts: list[Attempt]


def to_look_up(conn: Connection, now: datetime) -> list[Look]:
    rows = conn.execute(_TO_LOOK_UP, {"now": now}).all()
    return [
        Look(
            notification(row),
            row.looks,
            [a for a in attempts.of_notification(conn, row.id) if a.state is AttemptState.UNKNOWN],
        )
        for row in rows
    ]


def next_look_at(conn: Connection) -> datetime | None:
    at: datetime | None = conn.scalar(_NEXT_LOOK)
    return at


def take_look(conn: Connection, look: Look, now: datetime, until: datetime) -> bool:
    """The look is ours until then. False: another process is at it, or the row is settled."""
    wanted = {"row_id": look.notification.id, "seen_looks": look.looks, "now": now, "ours_until": until}
    return conn.execute(_TAKE_LOOK, wanted).rowcount == 1


def look_again(conn: Connection, row: Notification, looks: int, at: datetime) -> None:
    conn.execute(update(notifications).where(notifications.c.id == row.id).values(looks=looks, look_at=at))


def still_unknown(conn: Connection, looked_up: Collection[Attempt]) -> bool:
    """No callback has settled any of them since the look began; the row may be unknown anew, for a later part."""
    known = [attempts.one(conn, attempt.id) for attempt in looked_up]
    return all(attempt is not None and attempt.state is AttemptState.UNKNOWN for attempt in known)


def send_the_rest(conn: Connection, row: Notification, now: datetime) -> None:
    """A lost part was found: those behind it are due now, unless a callback said so first."""
    if one(conn, row.id).state is not State.UNKNOWN:
        return
    _back(conn, row.id, now, reason="", due_at=now)


def absent(conn: Connection, ids: Ids, row: Notification, lost: Sequence[Attempt], now: datetime) -> None:
    """Looked up each time and never there: it was not sent, so it is sent now, if it is still wanted.

    A callback that came meanwhile, or another process, knows better.
    """
    bundles.lock(conn, row.event_pk, row.id)
    if one(conn, row.id).state is not State.UNKNOWN or not still_unknown(conn, lost):
        return
    for attempt in lost:
        attempts.record(conn, attempt.id, AttemptState.ABSENT, now, error="the vendor does not have it")
        lines.release(conn, attempt.id, now)
    if _back(conn, row.id, now, reason="the vendor does not have it", due_at=now):
        timeline.append(conn, ids, row.event_pk, now, "attempt_absent", {"attempts": [a.id for a in lost]})


def give_up(conn: Connection, ids: Ids, row: Notification, claimed: Sequence[Attempt], now: datetime) -> None:
    """Claimed, and not to be sent now: a row that was stopped ends here, another one goes back to be looked at anew."""
    bundles.lock(conn, row.event_pk, row.id)
    if not _never_begun(conn, claimed, now):
        return  # it stands already, only the answer of its commit was lost: by now the row may be in other hands
    if _back(conn, row.id, now, reason=row.reason, due_at=now):
        timeline.append(conn, ids, row.event_pk, now, "attempt_stopped", {"notification": row.id})


def take_back(conn: Connection, ids: Ids, owner: str, in_hand: Collection[str], now: datetime) -> None:
    """What `owner` claimed without knowing it (the answer of the commit was lost) was never begun: it is due again."""
    mine = select(notifications).where(
        notifications.c.state == State.SENDING,
        notifications.c.lease_owner == owner,
        notifications.c.carried_by.is_(None),
    )
    found = conn.execute(mine.order_by(notifications.c.event_pk, notifications.c.id))
    rows = [row for row in map(notification, found) if row.id not in in_hand]
    bundles.lock_each(conn, rows)
    for row in rows:
        give_up(conn, ids, row, attempts.of_notification(conn, row.id), now)


def _never_begun(conn: Connection, claimed: Sequence[Attempt], now: datetime) -> bool:
    """False when there is none of them that was still to be sent."""
    ended = [a for a in claimed if attempts.record(conn, a.id, AttemptState.FAILED, now, error=_NOT_SENT)]
    for attempt in ended:
        lines.release(conn, attempt.id, now)
    return bool(ended)
