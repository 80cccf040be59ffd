"""What the router has just granted goes out without a look, unless it would overtake something that waits."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from model.attempt import Sent
from model.errors import Unavailable
from model.event import Severity
from model.ids import SystemIds
from model.plan import ChannelName, Hold, Kind, State
from notifiers import handover
from notifiers.dispatcher import Dispatcher
from notifiers.limits import Limits
from notifiers.order import Told
from routing import planner
from store import events, outbox, plans, signals
from store.database import InlineDatabase
from store.outbox import ALONE, HEX_DIGITS, Share
from store.signals import Handover
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER, case, event

PLENTY = dict.fromkeys(ChannelName, 10)
WITHOUT_A_LOOK = {ChannelName.VOICE, ChannelName.SLACK_CHANNEL, ChannelName.PAGERDUTY}


def rows(the_case):
    """All that is due now, of every channel."""
    return planner.plan(the_case).notifications


def chosen(granted, room=PLENTY, at_most=100, share=ALONE, now=NOW):
    batch = handover.batch(granted, room, at_most, Told(), share, now)
    return batch, [one.notification for one in batch.due]


@pytest.fixture
def granted():
    return Handover(event(), rows(replace(case(), ids=SystemIds())), trace="00-1-2-01")


def test_first_messages_need_no_look_and_texts_do(granted):
    batch, found = chosen([granted])
    assert {row.channel for row in granted.rows} == {*WITHOUT_A_LOOK, ChannelName.SMS}
    assert sorted(row.id for row in found) == sorted(
        row.id for row in granted.rows if row.channel is not ChannelName.SMS and row.due_at <= NOW
    )
    assert batch.more  # the texts are for the look
    assert batch.events == {"event-1": granted.event}
    assert batch.traces == {row.id: "00-1-2-01" for row in found}


@pytest.mark.parametrize(
    "otherwise",
    [
        {"due_at": NOW + timedelta(microseconds=1)},
        {"until": NOW - timedelta(microseconds=1)},
        {"follows": "another"},
        {"kind": Kind.NOTE},
        {"kind": Kind.ADMIN},
        {"channel": ChannelName.SMS},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_rest_is_for_the_look(granted, otherwise):
    call = next(row for row in granted.rows if row.channel is ChannelName.VOICE)
    assert chosen([replace(granted, rows=[call])])[1] == [call]
    assert chosen([replace(granted, rows=[replace(call, **otherwise)])])[1] == []


def test_another_notifiers_share_is_left_to_it(granted):
    shares = [{row.id for row in chosen([granted], share=Share(n, 3))[1]} for n in range(3)]
    assert set().union(*shares) == {row.id for row in chosen([granted])[1]}
    assert sum(map(len, shares)) == len(set().union(*shares))
    assert [digit for digit in HEX_DIGITS if Share(1, 3).has("x" + digit)] == Share(1, 3).digits()


def test_no_more_than_there_is_room_for_and_the_most_urgent_first(granted):
    calls = [row for row in granted.rows if row.channel is ChannelName.VOICE]
    later = replace(calls[0], id="later", person="cyd", lane=calls[0].lane + 1)
    assert chosen([replace(granted, rows=[later, *calls])], PLENTY | {ChannelName.VOICE: 1})[1] == calls[:1]
    assert len(chosen([granted], at_most=2)[1]) == 2
    assert chosen([granted], {})[1] == []


# --- the dispatcher -------------------------------------------------------------------------------------------------


class Vendor:
    timeout_seconds, repeatable = 5.0, False

    def __init__(self):
        self.sent = []

    async def send(self, send):
        self.sent.append(send.attempt.event_pk)
        return Sent(vendor_id=f"V{len(self.sent)}")


class House:
    """A dispatcher of Slack posts alone, and a router that grants."""

    def __init__(self, monkeypatch, roster=ROSTER, **limits):
        self.clock, self.vendor, self.looks = ManualClock(NOW), Vendor(), 0
        self.engine = in_memory().engine
        self.database = InlineDatabase(self.engine)
        channels = {ChannelName.SLACK_CHANNEL: self.vendor}
        self.dispatcher = Dispatcher(
            self.database, self.clock, SystemIds(), lambda: roster, channels, owner="me", limits=Limits(**limits)
        )
        self.blind, due = False, outbox.due

        def look(*asked):
            self.looks += 1
            found = due(*asked)
            return {channel: [] for channel in found} if self.blind else found

        monkeypatch.setattr(outbox, "due", look)

    async def accept(self, *, granted=True, due_at=None, **changes):
        """An event's one Slack row is written, and granted in the same transaction."""
        one = replace(event(), **changes)
        of_it = replace(case(), event=one, ids=SystemIds())
        row = next(r for r in rows(of_it) if r.channel is ChannelName.SLACK_CHANNEL)
        row = replace(row, due_at=due_at or row.due_at)

        def work(conn):
            events.save(conn, one)
            events.add_revision(conn, one.pk, one.latest, {})
            plans.add_notifications(conn, [row])
            if granted:
                signals.hand_over(conn, Handover(one, [row]))

        await self.database.transact(work)
        return row

    async def settle(self):
        for _ in range(100):
            await asyncio.sleep(0)

    async def state(self, row):
        return (await self.database.read(lambda conn: plans.one(conn, row.id))).state


@pytest.fixture
async def house(monkeypatch):
    house = House(monkeypatch, slack_per_second=1.0, slack_burst=2)
    running = asyncio.create_task(house.dispatcher.run())
    await house.settle()
    yield house
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    house.engine.dispose()


async def test_what_is_granted_is_sent_without_a_look(house):
    house.blind = True
    without = await house.accept(granted=False, pk="other", event_id="other")
    await house.settle()
    row = await house.accept()
    await house.settle()
    assert (await house.state(row), await house.state(without)) == (State.SENT, State.PENDING)
    assert house.vendor.sent == ["event-1"]


async def test_a_look_follows_and_finds_nothing_twice(house):
    looks = house.looks
    await house.accept()
    await house.settle()
    assert house.vendor.sent == ["event-1"]
    assert house.looks > looks


async def test_what_waits_is_not_overtaken(house):
    """The account's pace holds a critical line back; a notice that is granted meanwhile comes after it."""
    for n in range(3):  # two at once, the third a second later
        await house.accept(pk=f"first-{n}", event_id=f"first-{n}")
    await house.settle()
    assert house.vendor.sent == ["first-0", "first-1"]
    await house.accept(pk="notice", event_id="notice", severity=Severity.NOTICE)
    await house.settle()
    assert house.vendor.sent == ["first-0", "first-1"]
    for _ in range(3):
        house.clock.move_to(house.clock.now() + timedelta(seconds=1))
        await house.settle()
    assert house.vendor.sent == ["first-0", "first-1", "first-2", "notice"]


async def test_what_fell_due_since_the_last_look_is_not_overtaken(house):
    """The reviser brings a critical step forward, and in the same moment the router takes a notice in."""
    for n in range(2):  # one of two that go at once is left
        await house.accept(pk=f"first-{n}", event_id=f"first-{n}")
        await house.settle()
    house.clock.move_to(house.clock.now() + timedelta(seconds=1))
    await house.settle()
    await house.accept(granted=False, pk="critical", event_id="critical")
    await house.accept(pk="notice", event_id="notice", severity=Severity.NOTICE)
    await house.settle()
    assert house.vendor.sent == ["first-0", "first-1", "critical"]


async def test_what_falls_due_at_that_very_instant_is_not_overtaken(house):
    """Planned for later, known since the last look, and due when the notice is granted."""
    later = NOW + timedelta(seconds=0.5)
    await house.accept(granted=False, pk="critical", event_id="critical", due_at=later)
    await house.settle()
    house.clock.move_to(later - timedelta(milliseconds=1))
    await house.settle()
    looks = house.looks
    house.clock._now = later  # its alarm has not rung yet
    await house.accept(pk="notice", event_id="notice", severity=Severity.NOTICE)
    await house.settle()
    assert house.vendor.sent == ["critical", "notice"]
    assert house.looks > looks


async def test_after_an_outage_it_looks_first(house, monkeypatch):
    """Nobody knows what fell due meanwhile."""
    with monkeypatch.context() as away:
        away.setattr(house.database, "transact", refuse)
        house.clock.move_to(house.clock.now() + timedelta(seconds=1))
        await house.settle()
    house.blind = True
    await house.accept()
    await house.settle()
    assert house.vendor.sent == []


async def test_the_ordinary_road_needs_no_look(house):
    """One event after the other, each sent before anybody looks."""
    house.blind = True
    for n in range(2):
        looks = house.looks
        await house.accept(pk=f"event-{n}", event_id=f"event-{n}")
        await house.settle()
        assert house.vendor.sent[-1] == f"event-{n}"
        assert house.looks > looks  # afterwards


async def refuse(_):
    raise Unavailable("away")


async def test_what_a_rolled_back_transaction_granted_is_never_sent(house):
    """Nor held back: a revision would be asked for an event that is nowhere."""
    ghost = replace(event(), pk="gone")
    made = [rows(replace(case(), event=ghost, ids=SystemIds())) for _ in range(3)]
    found = [next(r for r in some if r.channel is ChannelName.SLACK_CHANNEL) for some in made]

    def work(conn):
        signals.hand_over(conn, Handover(ghost, found))
        raise KeyError("the router stumbled")

    with pytest.raises(KeyError):
        await house.database.transact(work)
    await house.accept()
    await house.settle()
    assert house.vendor.sent == ["event-1"]


async def test_a_row_that_is_nowhere_asks_for_no_revision(house):
    row = await house.accept()

    def work(conn):
        outbox.hold(conn, SystemIds(), [replace(row, id="nowhere", event_pk="gone")], Hold.LINES, NOW, NOW)
        return plans.agenda_of_event(conn, "gone")

    assert await house.database.transact(work) == []


async def test_what_was_superseded_meanwhile_is_not_won(house):
    row = await house.accept(granted=False, pk="later", event_id="later")
    await house.database.transact(lambda conn: plans.supersede(conn, [row.id], "cancelled"))
    await house.database.transact(lambda conn: signals.hand_over(conn, Handover(replace(event(), pk="later"), [row])))
    await house.accept()
    await house.settle()
    assert house.vendor.sent == ["event-1"]
