"""Who listens to a call that is ended hears why, and never that there is nothing to do where there is."""

import pytest

from app import serve
from tests.scenario.conftest import OpenWorld
from tests.scenario.people import Call
from tests.scenario.world import World, patient

MORE = {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True}
OWN_WORDS = {
    "1": "You have accepted, and that counts. Also confirm in MCS. Goodbye.",
    "2": "Noted: you cannot comply. Goodbye.",
}


async def ana_listens(world: World, **changes: str) -> Call:
    await world.scene("nobody answers")
    await world.post("edr", **changes)
    await world.advance_until("0:05")
    call = await world.phone("ana").expects_call(at="0:00").is_answered()
    await world.advance_until("0:08")
    return call


def the_rest_came(world: World) -> None:
    """Other stories look at what else comes to these phones."""
    for phone in world.everybody():
        phone.expects_everything()


@pytest.mark.parametrize("digit", ["1", "2"])
async def test_who_answers_by_text_while_listening_hears_their_own_answer(world: World, digit: str) -> None:
    call = await ana_listens(world)
    await world.phone("ana").says(digit + world.phone("ana").texts[0].code)
    await world.advance_until("0:20")
    assert call.heard[-1] == OWN_WORDS[digit]
    the_rest_came(world)


async def test_so_does_who_presses_the_button(world: World) -> None:
    call = await ana_listens(world, mode="drill")
    await world.presses_button(world.slack()[0], "acknowledge", by="ana")
    await world.advance_until("0:20")
    assert call.heard[-1] == f"{OWN_WORDS['1']} This is a drill."
    the_rest_came(world)


async def test_where_everybody_must_answer_too(opens: OpenWorld) -> None:
    roster = patient(serve.DEMO_ROSTER.read_text())
    async with opens(roster=roster.replace("  default:\n", "  default:\n    objective: everyone\n", 1)) as world:
        call = await ana_listens(world)
        await world.phone("ana").says(f"1{world.phone('ana').texts[0].code}")
        await world.advance_until("0:20")
        assert call.heard[-1] == OWN_WORDS["1"]
        the_rest_came(world)


async def test_who_listens_to_an_order_that_changes_is_told_the_new_one(world: World) -> None:
    call = await ana_listens(world)
    await world.post("edr", revision=2, message_type="update", instruction=MORE, headline="MISO EDR: cut 15 MW")
    await world.advance_until("0:40")
    assert call.heard[-1] == "The order has changed, and the new one is told to you at once. Goodbye."
    world.phone("ana").expects_call("Reduce one five megawatts", at=call.ended_at)
    the_rest_came(world)
