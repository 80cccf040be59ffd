"""A source with much to tell keeps no other source of the same lane waiting until it is done."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from model.attempt import Attempt, Sent
from model.event import Severity
from model.ids import SystemIds
from model.plan import ChannelName, Kind, Notification
from notifiers.dispatcher import Dispatcher
from notifiers.limits import Limits
from store import events, plans
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER, event

IDS = SystemIds()
LOUD = 500
LIMITS = Limits(lines=1000, calls_per_second=1)


class Vendor:
    """Takes everything; the clock goes on by ten milliseconds with each."""

    timeout_seconds, repeatable = 5.0, False

    def __init__(self, name: ChannelName, clock: ManualClock) -> None:
        self.name, self.sent, self._clock = name, list[Attempt](), clock

    async def send(self, send) -> Sent:  # type: ignore[no-untyped-def]
        self.sent.append(send.attempt)
        self._clock.move_to(self._clock.now() + timedelta(milliseconds=10))
        return Sent(vendor_id=f"V{len(self.sent)}")


def row(pk: str, channel: ChannelName, n: int, lane: int) -> Notification:
    """To a reader of its own; who was planned later may be told until later."""
    return Notification(
        id=IDS.new(),
        event_pk=pk,
        revision=1,
        kind=Kind.ALERT,
        channel=channel,
        address=f"+1312555{n:04}",
        person=f"p{n}",
        due_at=NOW,
        until=NOW + timedelta(minutes=30, milliseconds=n),
        lane=lane,
    )


async def told(channel: ChannelName, loud: int, lane_of_quiet: int = 0) -> list[str]:
    """The sources in the order in which a vendor was first asked to tell of their events."""
    clock, database = ManualClock(NOW), in_memory()
    sources = [*["loud"] * loud, "quiet"]
    source_of = {}

    def fill(conn) -> None:  # type: ignore[no-untyped-def]
        for n, source in enumerate(sources):
            lane = lane_of_quiet if source == "quiet" else 0
            severity = Severity.CRITICAL if lane == 0 else Severity.WARNING
            one = replace(event(), pk=IDS.new(), event_id=f"E-{n}", source=source, severity=severity)
            source_of[one.pk] = source
            events.save(conn, one)
            events.add_revision(conn, one.pk, one.latest, {})
            plans.add_notifications(conn, [row(one.pk, channel, n, lane)])

    await database.transact(fill)
    vendor = Vendor(channel, clock)
    running = asyncio.create_task(
        Dispatcher(database, clock, IDS, lambda: ROSTER, {channel: vendor}, owner="me", limits=LIMITS).run()
    )
    async with asyncio.timeout(60):
        while len(vendor.sent) < len(sources):
            await asyncio.sleep(0)
            clock.move_to(clock.now() + timedelta(milliseconds=1 if channel is ChannelName.SMS else 50))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await database.close()
    return [source_of[attempt.event_pk] for attempt in vendor.sent]


async def test_behind_five_hundred_of_a_loud_source_a_quiet_ones_event_is_told_before_most() -> None:
    order = await told(ChannelName.SMS, LOUD)
    assert order.index("quiet") < LOUD / 10


async def test_a_call_in_ten_is_for_a_source_that_has_none() -> None:
    order = await told(ChannelName.VOICE, 60)
    assert order.index("quiet") == 9


async def test_what_is_less_urgent_waits_all_the_same() -> None:
    order = await told(ChannelName.SMS, 60, lane_of_quiet=1)
    assert order.index("quiet") == 60
