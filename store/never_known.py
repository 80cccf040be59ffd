"""What came of it nobody can say any more: the row ends, and the person's next way is taken.

Its attempt stays unknown: a late callback may still prove that the vendor has it, and an answer to it counts.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from model.attempt import Attempt, AttemptState
from model.ids import Ids
from model.plan import NEVER_KNOWN, Notification, State
from store import attempts, bundles, lines, outcomes, plans, timeline


def end(conn: Connection, ids: Ids, row: Notification, lost: Collection[Attempt], why: str, now: datetime) -> None:
    """An unknown row that cannot be looked up. One of which somebody has heard meanwhile is left alone."""
    bundles.lock(conn, row.event_pk, row.id)
    known = plans.one(conn, row.id)
    if known.state is not State.UNKNOWN or not outcomes.still_unknown(conn, lost):
        return
    for attempt in lost:
        lines.release(conn, attempt.id, now)
    for told in (known, *bundles.carried(conn, row.id)):
        _end(conn, ids, told, why, now)


def end_call(conn: Connection, ids: Ids, attempt_id: str, why: str, now: datetime) -> None:
    """A call that must be over by all we know, and whose end nobody can be asked about."""
    attempt = attempts.one_to_change(conn, attempt_id)
    lines.release(conn, attempt_id, now)
    if attempt is not None and attempt.state not in (AttemptState.FAILED, AttemptState.ABSENT):
        for told in bundles.told(conn, attempt):
            _end(conn, ids, told, why, now)


def _end(conn: Connection, ids: Ids, row: Notification, why: str, now: datetime) -> None:
    state, reason = _ending(row, why)
    if plans.move(conn, row.id, state, now, reason=reason, lease_owner=None, look_at=None):
        body = {"notification": row.id, "channel": row.channel, "person": row.person, "reason": reason}
        timeline.append(conn, ids, row.event_pk, now, "never_known", body)
        plans.ask_revise(conn, ids, row.event_pk, row.lane, f"{row.channel}: {reason}", now, urgent=False)


def _ending(row: Notification, why: str) -> tuple[State, str]:
    if row.sent_at is None:
        return State.FAILED, f"{NEVER_KNOWN}: {why}"
    return (State.SUPERSEDED, row.reason) if row.cut_requested_at is not None else (State.FAILED, why)
