"""How long calls of late were, by what the vendor told of each, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model import call_lengths as learning
from model.attempt import Attempt, Receipt, ReceiptKind, Sent, Words
from model.call_lengths import Learned
from model.clock import SystemClock
from model.ids import SystemIds
from model.plan import ChannelName, Kind, Notification
from notifiers.receipts import take_receipt
from store import call_lengths, claims, events, outcomes, plans
from store.claims import Call, Claim
from tests.unit.routing.house import NOW, event, revision

IDS = SystemIds()
FEW = 4  # in place of the twenty from which something is learned: each call here is a dozen statements
SECOND = timedelta(seconds=1)
ENDED, ANSWERED, MACHINE = ReceiptKind.COMPLETED, ReceiptKind.ANSWERED, ReceiptKind.MACHINE
WORDS = Words(text="Reduce", template="t")


@pytest.fixture(autouse=True)
def learns_from_few(monkeypatch):
    monkeypatch.setattr(learning, "FEWEST", FEW)


async def calls(database, count, lengths, *, pk="E-1", policy="default", kind=Kind.ALERT, cut=False, told=None):
    """So many calls of one event, picked up and over; `told`: the vendor's receipts of each, as (kind, ours, its)."""

    def work(conn):
        of = replace(event(), pk=pk, event_id=pk, policy=policy)
        events.save(conn, of)
        events.add_revision(conn, pk, revision(), {})
        for n in range(count):
            row = _row(pk, kind, n)
            plans.add_notifications(conn, [row])
            attempt = Attempt.of(row, IDS.new(), WORDS, NOW)
            call = Call(until=NOW + 180 * SECOND, lines=500, per_second=1e9)
            assert claims.claim(conn, IDS, [Claim(notification=row, attempts=[attempt], call=call)], "me", NOW)
            outcomes.sent(conn, IDS, row, attempt, Sent(vendor_id=attempt.id), NOW)
            if cut:
                plans.request_cut(conn, [row.id], "Ana has it", NOW)
            for kind_, ours, its in told or [(ANSWERED, 10, None), (ENDED, 10 + lengths[n % len(lengths)], None)]:
                vendor_at = None if its is None else NOW + its * SECOND
                receipt = Receipt(kind=kind_, vendor_id=attempt.id, vendor_at=vendor_at)
                assert take_receipt(conn, IDS, attempt.id, receipt, NOW + ours * SECOND)

    await database.transact(work)


def _row(pk, kind, n):
    return Notification(
        id=IDS.new(),
        event_pk=pk,
        revision=1,
        kind=kind,
        channel=ChannelName.VOICE,
        address=f"+131255501{n:02}",
        person=f"p{n}",
        due_at=NOW,
        until=NOW + timedelta(minutes=8),
        lane=0,
    )


async def learned(database, days=0):
    """So many days from now by the machine's clock, which is the one that ids are made by."""
    now = SystemClock().now() + timedelta(days=days)
    return await database.read(lambda conn: call_lengths.of_late(conn, now))


async def test_each_policy_learns_from_its_own_calls(database):
    await calls(database, FEW, [42])
    await calls(database, FEW + 1, [70], pk="E-2", policy="plant")
    await calls(database, FEW - 1, [70], pk="E-3", policy="rare")
    assert await learned(database) == {"default": Learned(42, FEW), "plant": Learned(70, FEW + 1)}


async def test_what_was_cut_or_asked_nothing_teaches_nothing(database):
    """It would have lasted longer, or was never meant to last as long."""
    await calls(database, FEW, [5], cut=True)
    await calls(database, FEW, [5], pk="E-2", kind=Kind.STAND_DOWN)
    await calls(database, FEW, [5], pk="E-3", kind=Kind.CONFIRM)
    assert await learned(database) == {}
    await calls(database, FEW, [42], pk="E-4")
    assert await learned(database) == {"default": Learned(42, FEW)}


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ([(ANSWERED, 10, 100), (ENDED, 99, 140)], 40),  # the vendor's clock, fast by a minute and a half
        ([(ENDED, 12, 50), (ANSWERED, 80, 10)], 40),  # heard in the wrong order
        ([(ANSWERED, 10, 100), (ENDED, 52, None)], 42),  # it told one of both: ours, never a mixture
        ([(ANSWERED, 10, None), (MACHINE, 14, None), (ENDED, 52, None)], 42),  # a voicemail has its line as long
        ([(MACHINE, 10, 10), (ENDED, 50, 50)], 40),
    ],
)
async def test_by_the_vendors_clock_where_it_tells_both(database, told, seconds):
    await calls(database, FEW, [], told=told)
    assert await learned(database) == {"default": Learned(seconds, FEW)}


@pytest.mark.parametrize(
    "told",
    [[(ENDED, 40, 40)], [(ANSWERED, 10, 10)], [(ReceiptKind.NO_ANSWER, 25, 25)], [(ENDED, 4, 4), (ANSWERED, 9, 9)]],
)
async def test_calls_of_which_not_all_is_known_teach_nothing(database, told):
    """One that was over before it was answered among them: a clock went back, or the answer was heard afterwards."""
    await calls(database, FEW, [], told=told)
    assert await learned(database) == {}


async def test_what_was_long_ago_says_nothing_of_tonight(database):
    await calls(database, FEW, [42])
    assert await learned(database, days=call_lengths.WITHIN.days - 1) == {"default": Learned(42, FEW)}
    assert await learned(database, days=call_lengths.WITHIN.days + 1) == {}
