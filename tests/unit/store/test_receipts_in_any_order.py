"""A call's callbacks in any order, each ten times: the row ends as it does in order, and nothing is moved twice."""

from datetime import timedelta
from itertools import permutations

import pytest

from model.attempt import Attempt, Receipt, ReceiptKind, Sent, Words
from model.plan import CallEnd, ChannelName, State
from notifiers.receipts import take_receipt
from routing import planner
from store import attempts, claims, events, outcomes, plans, timeline
from store.claims import Call, Claim
from tests.databases import in_memory
from tests.unit.routing.house import NOW, CountingIds, case, event, revision

TOLD = {
    "picked up": [ReceiptKind.SENT, ReceiptKind.RINGING, ReceiptKind.ANSWERED, ReceiptKind.COMPLETED],
    "voicemail": [ReceiptKind.RINGING, ReceiptKind.ANSWERED, ReceiptKind.MACHINE, ReceiptKind.COMPLETED],
    "only at its end said": [ReceiptKind.RINGING, ReceiptKind.ANSWERED, ReceiptKind.COMPLETED],
    "busy": [ReceiptKind.SENT, ReceiptKind.RINGING, ReceiptKind.BUSY],
}
ENDS = {
    "picked up": CallEnd.NO_KEY,
    "voicemail": CallEnd.VOICEMAIL,
    "only at its end said": CallEnd.VOICEMAIL,
    "busy": CallEnd.BUSY,
}


def told(order: list[ReceiptKind], kinds: list[ReceiptKind], times: int = 10, *, by_machine: bool = False):
    """The row and how many lines of evidence there are, when all has been told."""
    database, ids = in_memory(), CountingIds()
    with database.engine.begin() as conn:
        events.save(conn, event())
        events.add_revision(conn, "event-1", revision(), {})
        plans.add_notifications(conn, planner.plan(case()).notifications)
        row = next(n for n in plans.of_event(conn, "event-1") if n.channel is ChannelName.VOICE and n.person == "ana")
        attempt = Attempt.of(row, ids.new(), Words(text="Reduce", template="t"), NOW)
        call = Call(until=NOW + timedelta(minutes=3), lines=5, per_second=1)
        assert claims.claim(conn, ids, [Claim(notification=row, attempts=[attempt], call=call)], "me", NOW)
        outcomes.sent(conn, ids, row, attempt, Sent(vendor_id="CA1"), NOW)
        for turn in range(times):
            for kind in order:
                late = by_machine and kind is ReceiptKind.COMPLETED
                receipt = Receipt(kind=kind, vendor_id="CA1", sequence=kinds.index(kind), by_machine=late or None)
                assert take_receipt(conn, ids, attempt.id, receipt, NOW + timedelta(seconds=turn + 1))
        kept = plans.one(conn, row.id)
        lines = [e for e in timeline.of_event(conn, "event-1") if e.kind == "receipt"]
        receipts = attempts.receipts_of(conn, [attempt.id])
    database.engine.dispose()
    return kept, len(lines), len(receipts)


@pytest.mark.parametrize("story", TOLD)
def test_the_row_ends_as_it_does_in_order(story):
    kinds = TOLD[story]
    for order in permutations(kinds):
        kept, lines, receipts = told(list(order), kinds, by_machine=story == "only at its end said")
        assert lines == receipts == len(kinds)
        assert (kept.state, kept.reason) == (State.FAILED, ENDS[story]), order
        assert (kept.answered_at is not None) == (story != "busy"), order
