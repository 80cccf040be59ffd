"""For a minute Twilio takes every call and text, and its answers are lost: all are rung, nobody twice.

What happened is read off what the stand-in took, not off our own tables.
"""

from collections import Counter

import pytest

from model.attempt import AttemptState
from model.plan import ChannelName
from tests.scenario.conftest import OpenWorld
from tests.scenario.crowd import calls, expect_everything, names, roster
from tests.scenario.world import World

PEOPLE = 12
A_SECOND_APART = [f"0:{n:02}" for n in range(PEOPLE)]  # as fast as the account begins calls
DEAF = pytest.mark.parametrize("deaf", [False, True], ids=["callbacks come", "callbacks are lost too"])


async def lost_for_a_minute(world: World, *, deaf: bool = False, **fault: int) -> None:
    """Nobody picks up; the event is planned, and every call and text that was to come of it has come."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status="accept_then_hang", **fault)
    world.front.deaf = deaf
    await world.post("edr")
    await world.advance_until("1:00")
    await world.mends("twilio")
    world.front.deaf = False
    await world.advance_until("3:00")


async def nobody_twice_and_nobody_forgotten(world: World, calls_each: int = 1) -> None:
    """Each number was rung, each part of each text came once, all that was taken is known, and every row ended."""
    rung = Counter(call.order.to for call in world.standins.calls.by_sid.values())
    assert rung == dict.fromkeys((world.phone(name).number for name in names(PEOPLE)), calls_each)
    told = Counter((text.order.to, text.order.body) for text in world.standins.texts.by_sid.values())
    assert set(told.values()) == {1}
    assert Counter(number for number, _ in told) == dict.fromkeys(rung, 2)
    kept = await world.event()
    taken = [*world.standins.calls.by_sid, *world.standins.texts.by_sid]
    phones = (ChannelName.VOICE, ChannelName.SMS)
    tries = [a for a in kept.attempts if a.channel in phones and a.state is AttemptState.ACCEPTED]
    assert sorted(a.vendor_id or "" for a in tries) == sorted(taken)
    assert world.settled(kept) == []
    expect_everything(world, PEOPLE)


def first_rings(world: World) -> list[str]:
    return [world.phone(name).calls[0].at for name in names(PEOPLE)]


def last_words(world: World) -> list[str]:
    """When the second part of each text came."""
    made = [t for t in world.standins.texts.by_sid.values() if "Reply 1" not in t.order.body]
    return sorted(world.moment(text.created_at) for text in made)


async def test_no_answer_but_callbacks(opens: OpenWorld) -> None:
    """They say that Twilio works: nobody waits, and the rest of a text follows as soon as its answer is given up."""
    async with opens(roster=roster(PEOPLE), twilio_lines=20) as world:
        await lost_for_a_minute(world)
        assert first_rings(world) == A_SECOND_APART
        assert last_words(world) == ["0:05"] * PEOPLE
        await world.advance_until("10:01")
        assert (await world.event()).outcomes() == ["missed"]
        assert not any(text.how == "direct message" for name in names(PEOPLE) for text in world.phone(name).texts)
        await nobody_twice_and_nobody_forgotten(world)


async def test_neither_answers_nor_callbacks(opens: OpenWorld) -> None:
    """Twilio seems away: after five that were lost one in fifteen seconds finds out, and all are told in Slack at once.

    What was lost is found at Twilio and not sent again.
    """
    async with opens(roster=roster(PEOPLE), twilio_lines=20) as world:
        await lost_for_a_minute(world, deaf=True)
        rings = first_rings(world)
        assert rings[:9] == A_SECOND_APART[:9]
        # The fifth answer is given up at the very instant of the tenth ring: which of both is first is open.
        assert rings[9] in ("0:09", "0:23")
        assert rings[-1] <= "0:54"
        assert len(rings) == PEOPLE
        in_slack = [text.at for name in names(PEOPLE) for text in world.phone(name).texts if text.how != "text"]
        assert len(in_slack) == PEOPLE
        assert max(in_slack) <= "0:07"
        await nobody_twice_and_nobody_forgotten(world)


@DEAF
async def test_every_other_answer_is_lost(opens: OpenWorld, deaf: bool) -> None:
    """One that comes shows that Twilio is there: everybody is rung as if nothing were wrong."""
    async with opens(roster=roster(PEOPLE), twilio_lines=20) as world:
        await lost_for_a_minute(world, deaf=deaf, one_in=2)
        assert first_rings(world) == A_SECOND_APART
        await nobody_twice_and_nobody_forgotten(world)


async def test_who_is_called_again_is_called_when_the_call_before_is_over(opens: OpenWorld) -> None:
    """A lost answer is no reason for another ring; that nobody picked up is one."""
    async with opens(roster=roster(PEOPLE).replace("redials: 0", "redials: 1"), twilio_lines=20) as world:
        await lost_for_a_minute(world)
        for name in names(PEOPLE):
            first, second = world.phone(name).calls
            assert first.ended == "no-answer"
            assert first.ended_at is not None
            assert first.ended_at <= second.at <= "1:00"
        assert len(calls(world, PEOPLE)) == 2 * PEOPLE
        await nobody_twice_and_nobody_forgotten(world, calls_each=2)


async def test_a_vendor_that_was_away_and_only_calls_back_works(opens: OpenWorld) -> None:
    """It refused everything until 0:30. The first call it takes then lets all others go, though no answer comes."""
    async with opens(roster=roster(PEOPLE), twilio_lines=20) as world:
        await world.scene("nobody answers")
        await world.breaks("twilio", status=503)
        await world.post("edr")
        await world.advance_until("0:30")
        assert calls(world, PEOPLE) == []
        await world.breaks("twilio", status="accept_then_hang")
        await world.advance_until("1:10")
        await world.mends("twilio")
        await world.advance_until("3:00")
        rings = sorted(first_rings(world))
        assert "0:30" <= rings[0] <= "0:40"
        assert rings[-1] <= "1:00"
        await nobody_twice_and_nobody_forgotten(world)
