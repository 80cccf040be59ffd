"""Who has answered is told no more, also before the router has come to say so: the claim looks, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.attempt import Attempt, Words
from model.ids import SystemIds
from model.plan import ChannelName, Kind, Notification, State
from model.reply import Answer, Reply
from store import claims, events, plans, replies
from store.claims import Claim
from tests.unit.routing.house import NOW, event

IDS = SystemIds()


def text(kind=Kind.ALERT, *, revision=1, person="ana"):
    return Notification(
        id=IDS.new(),
        event_pk="E",
        revision=revision,
        kind=kind,
        channel=ChannelName.SMS,
        address="+13125550101",
        person=person,
        due_at=NOW,
        until=NOW + timedelta(minutes=10),
        lane=0,
    )


def claim_of(row):
    attempt = Attempt.of(row, IDS.new(), Words(text="cut 12.5 MW", template="t"), NOW)
    return Claim(notification=row, attempts=[attempt])


def answer(conn, answer=Answer.CANNOT_COMPLY):
    reply = Reply(id=IDS.new(), event_pk="E", revision=1, person="ana", answer=answer, channel="slack", received_at=NOW)
    replies.add(conn, reply)


async def add(database, *rows):
    def work(conn):
        events.save(conn, replace(event(), pk="E", event_id="E"))
        plans.add_notifications(conn, rows)

    await database.transact(work)


@pytest.mark.parametrize("said", Answer)
async def test_a_row_of_somebody_who_has_answered_ends_at_the_claim(database, said):
    row, other = text(), text(person="ben")
    await add(database, row, other)
    await database.transact(lambda conn: answer(conn, said))
    wanted = [claim_of(row), claim_of(other)]
    assert await database.transact(lambda conn: claims.claim(conn, IDS, wanted, "me", NOW)) == {other.id}
    ended = await database.read(lambda conn: plans.one(conn, row.id))
    assert (ended.state, ended.reason) == (State.SUPERSEDED, "answered already")


@pytest.mark.parametrize("row", [text(Kind.UPDATE), text(revision=2), text(Kind.STAND_DOWN), text(person=None)])
async def test_other_words_reach_them_all_the_same(database, row):
    """What changed, what asks anew, that it is over: an answer to the order before says nothing of these."""
    await add(database, row)
    await database.transact(answer)
    assert await database.transact(lambda conn: claims.claim(conn, IDS, [claim_of(row)], "me", NOW)) == {row.id}


async def test_the_parts_behind_the_first_are_wanted_until_somebody_answers(database):
    row = text()
    await add(database, row)
    await database.transact(lambda conn: claims.claim(conn, IDS, [claim_of(row)], "me", NOW))
    assert await database.read(lambda conn: claims.still_wanted(conn, claim_of(row)))
    await database.transact(answer)
    assert not await database.read(lambda conn: claims.still_wanted(conn, claim_of(row)))
