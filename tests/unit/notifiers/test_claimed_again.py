"""A row that was given back is claimed again before the job that gave it back has ended."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

from model.ids import SystemIds
from model.plan import ChannelName
from notifiers.dispatcher import Dispatcher
from store.database import InlineDatabase
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER


async def test_the_one_that_ends_takes_nothing_out_of_the_hands_of_the_next():
    """Out of hand, and a claim in doubt, its row was taken back and its text sent twice."""
    clock = ManualClock(NOW)
    dispatcher = Dispatcher(InlineDatabase(in_memory().engine), clock, SystemIds(), lambda: ROSTER, {}, owner="me")
    row = SimpleNamespace(id="row", channel=ChannelName.SMS)
    first, second = SimpleNamespace(row=row), SimpleNamespace(row=row)
    goes_on = {id(first): asyncio.Event(), id(second): asyncio.Event()}

    class Sender:
        async def send(self, job, claimed_at, begun, give_way):
            await goes_on[id(job)].wait()

    dispatcher._sender = Sender()

    def claimed(job):
        """As a turn does."""
        dispatcher._places.take(row.channel, row.id)
        dispatcher._to_begin |= {row.id}
        dispatcher._in_hand[row.id] = job
        return asyncio.create_task(dispatcher._send(job, NOW, NOW + timedelta(seconds=1), asyncio.Event()))

    one, two = claimed(first), claimed(second)
    goes_on[id(first)].set()
    await one
    assert dispatcher._in_hand == {row.id: second}
    assert dispatcher._to_begin == {row.id}
    goes_on[id(second)].set()
    await two
    assert (dispatcher._in_hand, dispatcher._to_begin, dispatcher._places.taken) == ({}, frozenset(), 0)
