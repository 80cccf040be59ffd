"""What a vendor tells us about an attempt, with its consequences, in one transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from model.attempt import Attempt, Receipt, ReceiptKind
from model.ids import Ids
from model.plan import REFUSED, UNREACHABLE, CallEnd, ChannelName, Kind, Notification, State
from store import attempts, bundles, firsts, lines, outcomes, pick_ups, plans, timeline
from store.database import Connection
from store.signals import DISPATCH, signal

_HEARD = {
    ReceiptKind.QUEUED: State.SENT,
    ReceiptKind.SENT: State.SENT,
    ReceiptKind.RINGING: State.DELIVERED,
    ReceiptKind.DELIVERED: State.DELIVERED,
    ReceiptKind.ANSWERED: State.ANSWERED,
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
        if receipt.by_machine and receipt.kind.final:  # this much of it may be new: a list says it late
            for row in bundles.told(conn, attempt):
                _it_was_a_machine(conn, ids, row, now)
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
    rows = bundles.told(conn, attempt)
    if attempt.channel is ChannelName.VOICE:  # of texts told together there are hundreds
        bundles.note(conn, ids, rows[1:], now, "receipt", body)
    if attempt.part < attempt.parts and not receipt.kind.final:
        return True  # the row is as far as its last part
    if receipt.kind.final:
        lines.release(conn, attempt.id, now)
        for row in rows:
            _end(conn, ids, attempt, row, receipt, now)
    else:
        _goes_on(conn, ids, rows, receipt, now)
    return True


def _goes_on(conn: Connection, ids: Ids, rows: Sequence[Notification], receipt: Receipt, now: datetime) -> None:
    if receipt.kind in _RINGS:
        for row in rows:
            firsts.ring(conn, row.id, now)
    if receipt.kind is ReceiptKind.ANSWERED and any(row.cut_requested_at for row in rows):
        signal(conn, DISPATCH)  # they are to hear of what is left
    if receipt.kind is not ReceiptKind.MACHINE:
        plans.move_all(conn, [row.id for row in rows], _HEARD[receipt.kind], now)
        return
    for row in rows:
        if not plans.move(conn, row.id, State.ANSWERED, now, reason=CallEnd.VOICEMAIL):
            _it_was_a_machine(conn, ids, row, now)


def _it_was_a_machine(conn: Connection, ids: Ids, row: Notification, now: datetime) -> None:
    """Said while the call goes on, or after its end: then nobody had picked up, whatever was thought meanwhile."""
    plans.explain(conn, row.id, CallEnd.VOICEMAIL)
    if plans.correct(conn, row.id, was=CallEnd.NO_KEY, is_=CallEnd.VOICEMAIL):
        cause = f"{row.person or row.channel}: {CallEnd.VOICEMAIL}, heard late"
        plans.ask_revise(conn, ids, row.event_pk, row.lane, cause, now, urgent=False)


def _end(conn: Connection, ids: Ids, attempt: Attempt, row: Notification, receipt: Receipt, now: datetime) -> None:
    if receipt.kind is ReceiptKind.COMPLETED:
        plans.move(conn, row.id, State.ANSWERED, now)  # it was, also where nobody has said so yet
    if row.cut_requested_at is not None:
        state, reason = State.SUPERSEDED, row.reason
    elif receipt.by_machine or row.reason == CallEnd.VOICEMAIL:
        state, reason = State.FAILED, CallEnd.VOICEMAIL
    else:
        state, reason = State.FAILED, _ENDED.get(receipt.kind) or _why_failed(row, receipt)
    if plans.move(conn, row.id, state, now, reason=reason):
        cause = f"{row.person or row.channel}: {reason}"
        plans.ask_revise(conn, ids, row.event_pk, row.lane, cause, now, urgent=False)
        if row.kind is Kind.ALERT and reason == CallEnd.NO_KEY and not attempts.told_who_picked_up(conn, attempt.id):
            pick_ups.ask(conn, attempt.id, now, now + ASK_WHO_AFTER)
    elif receipt.by_machine:
        _it_was_a_machine(conn, ids, row, now)


def _why_failed(row: Notification, receipt: Receipt) -> str:
    why = f"{row.channel} failed" + (f" ({receipt.code})" if receipt.code else "")
    if receipt.refused:
        return f"{REFUSED}: {why}"
    return f"{UNREACHABLE}: {why}" if receipt.unreachable else why
