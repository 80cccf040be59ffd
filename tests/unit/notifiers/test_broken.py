"""One event that our own mistake breaks: it is put off, said to be broken and tried again. All others go on."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import select

from model.ids import SystemIds
from model.plan import AgendaKind, AgendaState, Hold, Kind, State
from notifiers import jobs
from routing import planner, revision
from routing.reviser import Reviser
from store import attempts, cuts, plans
from store.cuts import Cut
from store.tables import timeline
from tests.unit.notifiers.test_handover import House
from tests.unit.routing.house import NOW, POLICY, ROSTER, event

RENAMED = replace(
    ROSTER, policies={"other": replace(POLICY, id="other")}, routes=(replace(ROSTER.routes[0], policy="other"),)
)


@pytest.fixture(autouse=True)
def plain_tracebacks():
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    yield
    structlog.configure(**before)


@asynccontextmanager
async def running(house, *loops):
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    await house.settle()
    yield
    await house.settle()
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    house.engine.dispose()


def reviser_of(house, roster=ROSTER):
    return Reviser(house.database, house.clock, SystemIds(), lambda: roster)


async def answer(house, pk):
    """Somebody answers: the reviser is asked to look at the event."""
    await house.database.transact(lambda conn: plans.ask_revise(conn, SystemIds(), pk, 0, "reply", NOW, urgent=True))
    await house.settle()


async def rows(house, pk):
    return await house.database.read(lambda conn: plans.of_event(conn, pk))


async def agenda(house, pk):
    return await house.database.read(lambda conn: plans.agenda_of_event(conn, pk))


async def said_to_be_broken(house, pk):
    query = select(timeline.c.kind).where(timeline.c.event_pk == pk, timeline.c.kind == "broken")
    return await house.database.read(lambda conn: len(conn.execute(query).all()))


async def test_a_row_whose_words_cannot_be_made_waits_alone(monkeypatch):
    house, render = House(monkeypatch), jobs.render
    mended = False

    def stumbles(row, event, *more):
        if event.pk == "bad" and row.kind is not Kind.ADMIN and not mended:
            raise KeyError("what nobody thought of")
        return render(row, event, *more)

    monkeypatch.setattr(jobs, "render", stumbles)
    async with running(house, house.dispatcher, reviser_of(house)):
        bad = await house.accept(pk="bad", event_id="bad")
        await house.accept(pk="good", event_id="good")
        await house.settle()
        found = {row.id: row for row in await rows(house, "bad")}
        assert "good" in house.vendor.sent
        assert (found[bad.id].state, found[bad.id].hold) == (State.PENDING, Hold.BROKEN)
        assert found[bad.id].due_at == NOW + timedelta(seconds=1)
        assert [row.details["note"] for row in found.values() if row.kind is Kind.ADMIN] == [
            "BROKEN: no words can be made for ops by slack_channel. It is tried again and again"
        ]
        house.clock.move_to(NOW + timedelta(seconds=1))
        await house.settle()
        assert (house.dispatcher.setbacks.count, house.dispatcher.setbacks.open(NOW)) == (2, 1)
        assert await said_to_be_broken(house, "bad") == 1
        mended = True
        house.clock.move_to(NOW + timedelta(seconds=3))
        await house.settle()
        assert (await house.state(bad), house.dispatcher.setbacks.open(NOW)) == (State.SENT, 0)


async def test_an_event_that_cannot_be_decided_waits_alone(monkeypatch):
    house, revise = House(monkeypatch), revision.revise
    loop, mended = reviser_of(house), False

    def stumbles(facts):
        if facts.case.event.pk == "bad" and not mended:
            raise KeyError("what nobody thought of")
        return revise(facts)

    monkeypatch.setattr(revision, "revise", stumbles)
    async with running(house, loop):
        for pk in ("bad", "good"):
            await house.accept(pk=pk, event_id=pk)
            await answer(house, pk)
        [waiting] = await agenda(house, "bad")
        assert (waiting.state, waiting.due_at) == (AgendaState.PENDING, NOW + timedelta(seconds=1))
        assert (await agenda(house, "good"))[0].state is AgendaState.DONE
        for seconds in (1, 3):
            house.clock.move_to(NOW + timedelta(seconds=seconds))
            await house.settle()
        notes = [row.details["note"] for row in await rows(house, "bad") if row.kind is Kind.ADMIN]
        assert notes == ["BROKEN: what follows in this event cannot be decided (KeyError). It is tried again and again"]
        assert (loop.setbacks.count, loop.setbacks.open(NOW), await said_to_be_broken(house, "bad")) == (3, 1, 1)
        mended = True
        house.clock.move_to(NOW + timedelta(seconds=7))
        await house.settle()
        assert {a.state for a in await agenda(house, "bad") if a.kind is AgendaKind.REVISE} == {AgendaState.DONE}
        assert loop.setbacks.open(NOW) == 0


async def test_what_cannot_even_be_told_is_tried_again(monkeypatch):
    house = House(monkeypatch)

    def stumbles(*_):
        raise KeyError("what nobody thought of")

    monkeypatch.setattr(revision, "revise", stumbles)
    monkeypatch.setattr(planner, "admin_rows", stumbles)
    loop = reviser_of(house)
    async with running(house, loop):
        await house.accept()
        await answer(house, "event-1")
        house.clock.move_to(NOW + timedelta(seconds=1))
        await house.settle()
        assert loop.setbacks.count == 2


async def test_a_channel_that_fails_by_our_own_mistake_leaves_the_outcome_open(monkeypatch):
    house = House(monkeypatch)
    send = house.vendor.send

    async def stumbles(one):
        if one.attempt.event_pk == "bad":
            raise KeyError("what nobody thought of")
        return await send(one)

    house.vendor.send = stumbles
    async with running(house, house.dispatcher):
        bad = await house.accept(pk="bad", event_id="bad")
        await house.accept(pk="good", event_id="good")
        await house.settle()
        assert house.vendor.sent == ["good"]
        assert await house.state(bad) is State.UNKNOWN
        assert house.dispatcher.setbacks.count == 1


async def test_a_call_that_cannot_be_cut_by_our_own_mistake_ends_nothing(monkeypatch):
    house, asked = House(monkeypatch), []

    async def stumbles(*_):
        asked.append(house.clock.now())
        raise KeyError("what nobody thought of")

    house.vendor.cut = stumbles
    async with running(house, house.dispatcher):
        row = await house.accept()
        await house.settle()
        [attempt] = await house.database.read(lambda conn: attempts.of_notification(conn, row.id))
        monkeypatch.setattr(cuts, "to_cut", lambda conn: [Cut([row], attempt, events={row.event_pk: event()})])
        for second in range(1, 20):
            house.clock.move_to(NOW + timedelta(seconds=second))
            await house.settle()
        assert len(asked) > 1
        assert house.dispatcher.setbacks.count == len(asked)


async def test_a_renamed_policy_breaks_neither_loop(monkeypatch):
    house = House(monkeypatch, RENAMED)
    loop = reviser_of(house, RENAMED)
    async with running(house, house.dispatcher, loop):
        row = await house.accept()
        await answer(house, "event-1")
        assert await house.state(row) is State.SENT
        assert (loop.setbacks.count, house.dispatcher.setbacks.count) == (0, 0)
