"""A database that is away for a moment, as a server that restarts, ends no loop: what must be written down waits."""

import asyncio

import pytest

from model.errors import Unavailable
from model.plan import Agenda, AgendaKind
from notifiers.dispatcher import Dispatcher
from routing.reviser import Reviser
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW, ROSTER, CountingIds


class Flaky:
    """In memory, and away for the next `times` transactions."""

    def __init__(self, times):
        self.real = in_memory()
        self.signals = self.real.signals
        self.times = times

    async def transact(self, fn):
        if self.times:
            self.times -= 1
            raise Unavailable("restarting")
        return await self.real.transact(fn)

    async def read(self, fn):
        return await self.real.read(fn)


async def test_what_came_of_a_send_is_written_down_later():
    clock = ManualClock(NOW)
    dispatcher = Dispatcher(Flaky(2), clock, CountingIds(), lambda: ROSTER, {}, owner="o")
    writing = asyncio.create_task(dispatcher._write(lambda conn: "written"))
    for _ in range(3):
        await asyncio.sleep(0)
        assert not writing.done() or clock.next_at() is None
        if (at := clock.next_at()) is not None:
            clock.move_to(at)
    assert await writing == "written"
    assert (clock.now() - NOW).total_seconds() == 2


async def test_an_agenda_that_cannot_be_looked_at_is_left_for_the_next_turn():
    reviser = Reviser(Flaky(1), ManualClock(NOW), CountingIds(), lambda: ROSTER)
    row = Agenda(id="a", event_pk="e", kind=AgendaKind.REVISE, due_at=NOW, lane=0)
    with pytest.raises(Unavailable):  # no group of errors: the loop knows this one and waits
        await reviser._take([row])
