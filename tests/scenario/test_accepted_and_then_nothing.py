"""Somebody accepts and nothing is heard since: they are asked by phone, and who does not answer has it no more."""

from app import serve
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

POLICY = "policies:\n  default:\n"
AGAIN = serve.DEMO_ROSTER.read_text().replace(POLICY, f"{POLICY}    page_again_seconds: 120\n")


async def accepted_by_ana(world: World) -> None:
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:10")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1")
    await world.phone("ana").expects_call(at="0:00").presses("1")
    await world.advance_until("2:09")
    world.phone("ben").expects_call(at="0:01")
    world.phone("ben").expects_text("Ana Reyes has it", at="0:12")


async def test_who_does_not_answer_has_it_no_more(opens: OpenWorld) -> None:
    """Asked two minutes after accepting, given up when the phone has rung out; the others are called at once."""
    async with opens(roster=AGAIN) as world:
        await accepted_by_ana(world)
        await world.advance_until("2:12")
        asked = world.phone("ana").expects_call("You accepted this", "Press 1 if it is", at="2:10")
        await world.advance_until("2:50")
        assert asked.ended == "no-answer"
        world.phone("ben").expects_call("Press 1 to accept", at="2:35")
        chie = world.phone("chie").expects_call("Press 1 to accept", at="2:36")
        world.phone("chie").expects_text("Reply 1", at="2:37")
        why = "Ana Reyes accepted it and did not say whether it is in hand"
        kept = await world.event()
        assert (kept.outcomes(), kept.verdict().reason) == (["met", "reopened"], why)
        assert "Ana Reyes did not say whether it is in hand: no answer" in [p.text for p in world.slack()]
        await chie.presses("1")
        await world.advance_until("4:54")
        again = world.phone("chie").expects_call("You accepted this", at="4:50")
        await again.presses("1")
        await world.advance(minutes=11)
        kept = await world.event()
        assert [world.moment(v.at) for v in kept.verdicts if v.person is None] == ["0:10", "2:35", "2:50"]
        assert kept.outcomes() == ["met", "reopened", "met"]
        assert world.settled(kept) == []


async def test_who_says_that_it_is_in_hand_is_left_alone(opens: OpenWorld) -> None:
    async with opens(roster=AGAIN) as world:
        await accepted_by_ana(world)
        await world.advance_until("2:14")
        asked = await world.phone("ana").expects_call("Is it in hand?", at="2:10").presses("1")
        await world.advance(minutes=11)
        assert asked.ended == "completed"
        kept = await world.event()
        assert kept.outcomes() == ["met"]
        assert world.settled(kept) == []
