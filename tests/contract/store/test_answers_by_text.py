"""What a text is about is decided by when it came, whenever it is stored: on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.errors import Refused, Undecidable
from model.event import EventStatus
from model.ids import SystemIds
from model.reply import Answer, Heard
from routing.heard import take_heard
from store import events, replies
from store.replies import CODE_LIFE, JUST_CLOSED, Code
from tests.unit.routing.house import NOW, event

IDS = SystemIds()
PHONE = "+13125550101"


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def texted(at, **meant):
    said = f"1{meant.get('code') or '*' if meant else ''}"
    return Heard(
        id=IDS.new(),
        channel="sms",
        answer=Answer.ACKNOWLEDGE,
        received_at=after(at),
        person="ana",
        said=said,
        number=PHONE,
        **meant,
    )


async def asked(database, name, code, at):
    """An event of that name, which asks Ana by a text with that code."""

    def work(conn):
        if events.find(conn, "miso", name) is None:
            events.save(conn, replace(event(), pk=name, event_id=name))
            events.add_revision(conn, name, event().latest, {})
        wanted = Code(PHONE, code, name, events.load(conn, [name])[name].answer_revision, "ana")
        assert replies.open_new(conn, [wanted], after(at)) == {wanted}

    await database.transact(work)


async def replaced(database, name, at):
    """A revision that needs a new answer."""

    def work(conn):
        events.add_revision(conn, name, replace(event().latest, number=2), {})
        events.save(conn, replace(events.load(conn, [name])[name], answer_revision=2))
        replies.close_codes(conn, name, 2, after(at))

    await database.transact(work)


async def cancelled(database, name, at):
    def work(conn):
        events.save(conn, replace(events.load(conn, [name])[name], status=EventStatus.CANCELLED))
        replies.close_codes(conn, name, None, after(at))

    await database.transact(work)


async def taken(database, heard):
    """The events it counts for, and those for which it does not."""
    found = await database.transact(lambda conn: take_heard(conn, IDS, heard))
    return [one.event.pk for one in found if one.counted], [one.event.pk for one in found if not one.counted]


@pytest.mark.parametrize("meant", [{"all_codes": True}, {}])
async def test_what_was_asked_since_is_not_answered(database, meant):
    await asked(database, "e1", "A", 0)
    await asked(database, "e2", "B", 26)
    assert await taken(database, texted(5, **meant)) == (["e1"], [])
    with pytest.raises(Undecidable):
        await taken(database, texted(5, code="B"))


async def test_what_was_replaced_since_refuses_it(database):
    await asked(database, "e1", "A", 0)
    await replaced(database, "e1", 26)
    await asked(database, "e1", "B", 27)
    for meant in ({}, {"code": "A"}, {"all_codes": True}):
        with pytest.raises(Refused, match="revision 1 was replaced"):
            await taken(database, texted(5, **meant))


async def test_of_what_is_over_since_it_is_kept(database):
    await asked(database, "e1", "A", 0)
    await cancelled(database, "e1", 26)
    assert await taken(database, texted(5, code="A")) == ([], ["e1"])


async def test_a_code_that_was_closed_before_is_none(database):
    await asked(database, "e1", "A", 0)
    await cancelled(database, "e1", 26)
    with pytest.raises(Undecidable):
        await taken(database, texted(26, code="A"))


async def test_what_refuses_it_keeps_the_others_from_nothing(database):
    for name, code in (("e1", "A"), ("e2", "B"), ("e3", "C")):
        await asked(database, name, code, 0)
    await replaced(database, "e2", 26)
    assert await taken(database, texted(5, all_codes=True)) == (["e1", "e3"], [])


@pytest.mark.parametrize("closes", [replaced, cancelled])
async def test_a_bare_1_just_after_an_order_was_replaced_or_ended_is_certain_of_nothing(database, closes):
    """It was typed under that order's text; who names the code has read the new one."""
    await asked(database, "e1", "A", 0)
    await closes(database, "e1", 35)
    await asked(database, "e1" if closes is replaced else "e2", "B", 36)
    gone = 35 + JUST_CLOSED.total_seconds()
    for at in (37, gone - 1):
        with pytest.raises(Undecidable):
            await taken(database, texted(at))
    counted = [await taken(database, heard) for heard in (texted(37, code="B"), texted(gone))]
    assert counted == 2 * [(["e1"] if closes is replaced else ["e2"], [])]


async def test_what_was_closed_for_its_age_makes_nothing_uncertain(database):
    await asked(database, "e1", "A", 0)
    later = CODE_LIFE.total_seconds()
    await asked(database, "e2", "B", later - 60)
    await database.transact(lambda conn: replies.close_old_codes(conn, after(later)))
    assert await taken(database, texted(later + 1)) == (["e2"], [])
