"""A restart without a vendor's settings, on both databases: what was under way there ends, and the loops go on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.attempt import Attempt, AttemptState, Receipt, ReceiptKind, Sent, Words
from model.ids import SystemIds
from model.plan import NEVER_KNOWN, AgendaKind, AgendaState, ChannelName, Kind, Notification, State
from notifiers.dispatcher import Dispatcher
from notifiers.receipts import take_receipt
from notifiers.reconciler import Reconciler
from store import attempts, claims, cuts, events, lines, never_known, outcomes, plans, timeline
from store.claims import Call, Claim
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER, event

IDS = SystemIds()
PHONE = "+13125550101"
OVER = NOW + timedelta(minutes=3)  # by then the call must have ended
NOT_SET_UP = "voice is not set up"


def row_of(event_pk, channel):
    return Notification(
        id=IDS.new(),
        event_pk=event_pk,
        revision=1,
        kind=Kind.ALERT,
        channel=channel,
        address=PHONE,
        person="ana",
        due_at=NOW,
        until=NOW + timedelta(minutes=10),
        lane=1,
    )


async def claimed(database, channel=ChannelName.VOICE, names=("e1",)):
    """Rows of those events, told by the message of the first."""
    rows = [row_of(name, channel) for name in names]
    told = {"told": [row.id for row in rows]} if channel is ChannelName.VOICE else {}
    words = Words(text="Reduce", template="t", payload=told)
    attempt = Attempt.of(rows[0], IDS.new(), words, NOW, bundle=len(rows) > 1)
    call = Call(until=OVER, lines=5, per_second=1e9) if channel is ChannelName.VOICE else None

    def work(conn):
        for name in names:
            events.save(conn, replace(event(), pk=name, event_id=name))
            events.add_revision(conn, name, event().latest, {})
        plans.add_notifications(conn, rows)
        claim = Claim(notification=rows[0], attempts=[attempt], carried=rows[1:], call=call)
        return claims.claim(conn, IDS, [claim], "me", NOW)

    assert await database.transact(work) == {rows[0].id}
    return rows, attempt


async def lost(database, *given):
    rows, attempt = await claimed(database, *given)
    await database.transact(lambda conn: outcomes.unknown(conn, IDS, rows[0], attempt, "no answer", NOW))
    return rows, attempt


async def ringing(database, *given):
    rows, attempt = await claimed(database, *given)
    await database.transact(lambda conn: outcomes.sent(conn, IDS, rows[0], attempt, Sent(vendor_id="CA1"), NOW))
    return rows, attempt


async def turn(database, at):
    await Reconciler(database, ManualClock(at), IDS, lambda: ROSTER, {})._turn()


async def now_are(database, rows):
    found = await database.read(lambda conn: [plans.one(conn, row.id) for row in rows])
    return [(row.state, row.reason) for row in found]


async def asked_to_revise(database, name):
    agenda = await database.read(lambda conn: plans.agenda_of_event(conn, name))
    return any(a.kind is AgendaKind.REVISE and a.state is AgendaState.PENDING for a in agenda)


@pytest.mark.parametrize("channel", [ChannelName.VOICE, ChannelName.SMS])
@pytest.mark.parametrize("names", [("e1",), ("e1", "e2")])
async def test_what_is_unknown_ends_for_each_that_it_told(database, channel, names):
    rows, _ = await lost(database, channel, names)
    await turn(database, NOW + timedelta(seconds=3))
    assert await now_are(database, rows) == [(State.FAILED, f"{NEVER_KNOWN}: {channel} is not set up")] * len(rows)
    assert await database.read(lines.in_use) == 0
    assert [await asked_to_revise(database, name) for name in names] == [True] * len(names)
    entries = await database.read(lambda conn: timeline.of_event(conn, names[-1]))
    assert "never_known" in [entry.kind for entry in entries]


async def test_a_late_callback_still_proves_that_the_vendor_has_it(database):
    _, attempt = await lost(database)
    await turn(database, NOW + timedelta(seconds=3))
    receipt = Receipt(kind=ReceiptKind.RINGING, vendor_id="CA1")
    await database.transact(lambda conn: take_receipt(conn, IDS, attempt.id, receipt, OVER))
    kept = await database.read(lambda conn: attempts.one(conn, attempt.id))
    assert (kept.state, kept.vendor_id) == (AttemptState.ACCEPTED, "CA1")


async def test_what_a_callback_has_settled_meanwhile_is_left_alone(database):
    rows, attempt = await lost(database)
    await database.transact(lambda conn: outcomes.proven(conn, attempt, "CA1", NOW))
    known = replace(attempt, state=AttemptState.UNKNOWN)
    await database.transact(lambda conn: never_known.end(conn, IDS, rows[0], [known], NOT_SET_UP, NOW))
    [(state, _)] = await now_are(database, rows)
    assert state is not State.FAILED
    assert await database.read(lines.in_use) == 1


async def test_a_call_whose_end_nobody_told_gives_its_line_back(database):
    rows, _ = await ringing(database, ChannelName.VOICE, ("e1", "e2"))
    await turn(database, OVER)
    assert await now_are(database, rows) == [(State.FAILED, NOT_SET_UP)] * 2
    assert await database.read(lines.in_use) == 0
    assert await asked_to_revise(database, "e2")


class Forgets:
    """A vendor that does not list the call: it was made from another number, or its record was deleted."""

    async def find(self, attempt, known_ids, since, thread=None):
        return None


async def test_a_call_that_its_vendor_does_not_know_any_more_gives_its_line_back(database):
    rows, _ = await ringing(database)
    for at, kept in ((OVER, 1), (NOW + timedelta(minutes=59), 1), (NOW + timedelta(minutes=61), 0)):
        await Reconciler(database, ManualClock(at), IDS, lambda: ROSTER, {ChannelName.VOICE: Forgets()})._turn()
        assert await database.read(lines.in_use) == kept
    assert await now_are(database, rows) == [(State.FAILED, "the vendor does not list the call any more")]


async def test_who_has_answered_a_call_that_never_ended_stays_with_it(database):
    rows, _ = await ringing(database)
    await database.transact(lambda conn: plans.move(conn, rows[0].id, State.ACKNOWLEDGED, NOW, reason="1"))
    await turn(database, OVER)
    assert await now_are(database, rows) == [(State.ACKNOWLEDGED, "1")]
    assert await database.read(lines.in_use) == 0


async def test_a_call_that_is_to_be_stopped_is_let_go(database):
    """It rings on until its time is over; the row then ends for why it was to be stopped."""
    rows, _ = await ringing(database)
    await database.transact(lambda conn: plans.request_cut(conn, [rows[0].id], "Ben has accepted", NOW))
    [cut] = await database.read(cuts.to_cut)
    sender = Dispatcher(database, ManualClock(NOW), IDS, lambda: ROSTER, {}, owner="me")._sender
    await sender.cut(cut)
    assert await database.read(cuts.to_cut) == []
    entries = await database.read(lambda conn: timeline.of_event(conn, "e1"))
    assert [entry.body["reason"] for entry in entries if entry.kind == "call_not_stopped"] == [NOT_SET_UP]
    await turn(database, OVER)
    assert await now_are(database, rows) == [(State.SUPERSEDED, "Ben has accepted")]
