"""What a vendor tells us about an attempt, with its consequences, in one transaction."""

from datetime import datetime, timedelta

from model.attempt import Attempt, Receipt, ReceiptKind
from model.ids import Ids
from model.plan import REFUSED, UNREACHABLE, CallEnd, Kind, State
from store import attempts, bundles, firsts, lines, outcomes, pick_ups, plans, timeline
from store.database import Connection

_HEARD = {
    ReceiptKind.QUEUED: State.SENT,
    ReceiptKind.SENT: State.SENT,
    ReceiptKind.RINGING: State.DELIVERED,
    ReceiptKind.DELIVERED: State.DELIVERED,
    ReceiptKind.ANSWERED: State.ANSWERED,
    ReceiptKind.MACHINE: State.ANSWERED,
}
_RINGS = frozenset({ReceiptKind.RINGING, ReceiptKind.ANSWERED, ReceiptKind.MACHINE})  # some vendors leave one out
_ENDED = {
    ReceiptKind.NO_ANSWER: CallEnd.NO_ANSWER,
    ReceiptKind.BUSY: CallEnd.BUSY,
    ReceiptKind.COMPLETED: CallEnd.NO_KEY,
    ReceiptKind.CANCELED: CallEnd.STOPPED,
}
# The word about a machine comes by a callback of its own, as a rule before the call is over.
ASK_WHO_AFTER = timedelta(seconds=5)


def take_receipt(conn: Connection, ids: Ids, attempt_id: str, receipt: Receipt, now: datetime) -> bool:
    """Keep it and move the row. False when there is no such attempt. Told twice or out of order, it changes nothing."""
    attempt = attempts.one_to_change(conn, attempt_id)
    if attempt is None:
        return False
    if not attempts.add_receipt(conn, attempt_id, receipt, now):
        return True
    body = {
        "attempt": attempt_id,
        "kind": receipt.kind,
        "vendor_at": receipt.vendor_at,
        "sequence": receipt.sequence if receipt.sequence >= 0 else None,
        "code": receipt.code,
    }
    timeline.append(conn, ids, attempt.event_pk, now, "receipt", body, {"vendor_body": dict(receipt.raw)})
    if receipt.by_machine is not None:
        pick_ups.done(conn, attempt_id)
    outcomes.proven(conn, attempt, receipt.vendor_id, now)  # it came to the attempt's own URL
    if attempt.part < attempt.parts and not receipt.kind.final:
        return True  # the row is as far as its last part
    if receipt.kind in _RINGS:
        firsts.ring(conn, attempt.notification_id, now)
    if receipt.kind.final:
        _end(conn, ids, attempt, receipt, now)
    else:
        reason = CallEnd.VOICEMAIL if receipt.kind is ReceiptKind.MACHINE else None
        if attempt.bundle:
            bundles.follow(conn, attempt.notification_id, _HEARD[receipt.kind], now)
        if not plans.move(conn, attempt.notification_id, _HEARD[receipt.kind], now, reason=reason) and reason:
            _it_was_a_machine(conn, ids, attempt, now)
    return True


def _it_was_a_machine(conn: Connection, ids: Ids, attempt: Attempt, now: datetime) -> None:
    """Said while the call goes on, or after its end: then nobody had picked up, whatever was thought meanwhile."""
    plans.explain(conn, attempt.notification_id, CallEnd.VOICEMAIL)
    if plans.correct(conn, attempt.notification_id, was=CallEnd.NO_KEY, is_=CallEnd.VOICEMAIL):
        row = plans.one(conn, attempt.notification_id)
        cause = f"{row.person or attempt.channel}: {CallEnd.VOICEMAIL}, heard late"
        plans.ask_revise(conn, ids, row.event_pk, row.lane, cause, now, urgent=False)


def _end(conn: Connection, ids: Ids, attempt: Attempt, receipt: Receipt, now: datetime) -> None:
    lines.release(conn, attempt.id, now)
    if receipt.kind is ReceiptKind.COMPLETED:
        plans.move(conn, attempt.notification_id, State.ANSWERED, now)  # it was, also where nobody has said so yet
    row, why = plans.one(conn, attempt.notification_id), _ENDED.get(receipt.kind) or _why_failed(attempt, receipt)
    if row.cut_requested_at is not None:
        state, reason = State.SUPERSEDED, row.reason
    elif receipt.by_machine or row.reason == CallEnd.VOICEMAIL:
        state, reason = State.FAILED, CallEnd.VOICEMAIL
    else:
        state, reason = State.FAILED, why
    if plans.move(conn, row.id, state, now, reason=reason):
        others = bundles.fail(conn, row.id, why, now) if attempt.bundle else ()
        cause = f"{row.person or attempt.channel}: {reason}"
        for concerned in (row, *others):
            plans.ask_revise(conn, ids, concerned.event_pk, concerned.lane, cause, now, urgent=False)
        if row.kind is Kind.ALERT and reason == CallEnd.NO_KEY and not attempts.told_who_picked_up(conn, attempt.id):
            pick_ups.ask(conn, attempt.id, now, now + ASK_WHO_AFTER)
    elif receipt.by_machine:
        _it_was_a_machine(conn, ids, attempt, now)


def _why_failed(attempt: Attempt, receipt: Receipt) -> str:
    why = f"{attempt.channel} failed" + (f" ({receipt.code})" if receipt.code else "")
    if receipt.refused:
        return f"{REFUSED}: {why}"
    return f"{UNREACHABLE}: {why}" if receipt.unreachable else why
