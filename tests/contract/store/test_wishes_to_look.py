"""Of the wishes to look at an event one waits, the soonest, with the reason for that one."""

from datetime import timedelta

from model.ids import SystemIds
from model.plan import Agenda, AgendaKind
from store import events, plans
from tests.unit.routing.house import NOW, event

MINUTE = timedelta(minutes=1)


def wish(at, cause):
    return Agenda(id=SystemIds().new(), event_pk=event().pk, kind=AgendaKind.REVISE, due_at=at, lane=1, cause=cause)


async def test_the_soonest_stands_however_it_is_asked_for(database):
    await database.transact(lambda conn: events.save(conn, event()))

    async def waits():
        [row] = await database.read(lambda conn: plans.agenda_of_event(conn, event().pk))
        return row.due_at, row.cause, row.lane

    for at, cause in ((NOW + MINUTE, "late"), (NOW, "now"), (NOW + 2 * MINUTE, "later")):
        await database.transact(lambda conn, at=at, cause=cause: plans.add_agenda(conn, [wish(at, cause)]))
    assert await waits() == (NOW, "now", 1)
    asks = {"lane": 0, "cause": "an answer", "now": NOW - MINUTE, "urgent": True}
    await database.transact(lambda conn: plans.ask_revise(conn, SystemIds(), event().pk, **asks))
    assert await waits() == (NOW - MINUTE, "an answer", 0)
