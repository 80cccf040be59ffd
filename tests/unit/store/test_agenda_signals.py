"""Who keeps the agenda is woken for what falls due before all that it knows of, and for nothing else."""

from datetime import timedelta

import pytest

from model.ids import SystemIds
from model.plan import Agenda, AgendaKind
from store import events, plans, signals
from store.database import InlineDatabase
from tests.databases import in_memory
from tests.unit.routing.house import NOW, event

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database():
    found = InlineDatabase(in_memory().engine)
    await found.transact(lambda conn: events.save(conn, event()))
    return found


def row(at, n=0):
    return Agenda(id=f"a{n}", event_pk=event().pk, kind=AgendaKind.STEP, due_at=at, lane=0, revision=1, step=n)


async def adds(database, *rows):
    await database.transact(lambda conn: plans.add_agenda(conn, rows))


@pytest.mark.parametrize(
    ("known", "woken"), [(NOW, False), (NOW + MINUTE, False), (NOW + 2 * MINUTE, True), (None, True)]
)
async def test_sooner_than_what_is_known_or_nothing_is_known(database, known, woken):
    with database.signals.agenda() as agenda:
        agenda.next_at = known
        await adds(database, row(NOW + 2 * MINUTE), row(NOW + MINUTE, 1))
        assert agenda.wake.is_set() is woken
    await adds(database, row(NOW, 2))  # nobody listens any more


async def test_a_microsecond_counts(database):
    with database.signals.agenda() as agenda:
        agenda.next_at = NOW
        await adds(database, row(NOW - timedelta(microseconds=1)))
        assert agenda.wake.is_set()


async def test_what_is_to_be_looked_at_now_wakes_always(database):
    """An answer; and what is brought forward, since only the table knows to when."""
    with database.signals.agenda() as agenda:
        agenda.next_at = NOW
        await adds(database, row(NOW + MINUTE))
        assert not agenda.wake.is_set()
        await database.transact(lambda conn: plans.bring_forward(conn, "a0", NOW, "b", "somebody cannot"))
        assert agenda.wake.is_set()
        agenda.wake.clear()
        ids = SystemIds()
        await database.transact(
            lambda conn: plans.ask_revise(conn, ids, event().pk, 0, "why", NOW - MINUTE, urgent=True)
        )
        assert agenda.wake.is_set()


async def test_other_processes_hear_it_as_a_topic(database):
    """By the database's own signals, which carry names."""
    signalled = signals.Signalled()

    def work(conn):
        plans.add_agenda(conn, [row(NOW + MINUTE)])
        signalled.topics |= signals.take(conn).topics

    await database.transact(work)
    with database.signals.agenda() as agenda:
        agenda.next_at = NOW
        database.signals.heard(signalled.topics)
        assert not agenda.wake.is_set()
        agenda.next_at = NOW + 2 * MINUTE
        database.signals.heard(signalled.topics)
        assert agenda.wake.is_set()
