"""A key pressed for an order that was replaced or has ended is answered with that."""

import pytest

from app import serve
from tests.scenario.conftest import OpenWorld
from tests.scenario.people import Call
from tests.scenario.world import World, patient

MORE = {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True}
TOLD_ANEW = "The order has changed, and the new one is told to you at once. Goodbye."


async def ana_listens(world: World) -> Call:
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:05")
    return await world.phone("ana").expects_call(at="0:00").is_answered()


async def changes(world: World) -> None:
    await world.post("edr", revision=2, message_type="update", instruction=MORE, headline="MISO EDR: cut 15 MW")


async def cancels(world: World) -> None:
    await world.post("cancel", revision=2)


async def becomes_a_test(world: World) -> None:
    await world.post("edr", revision=2, message_type="update", mode="test")


def the_rest_came(world: World) -> None:
    """Other stories look at what else comes to these phones."""
    for phone in world.everybody():
        phone.expects_everything()


@pytest.mark.parametrize(
    ("happens", "key", "said"),
    [
        (changes, "1", f"That did not count. {TOLD_ANEW}"),
        (changes, "3", TOLD_ANEW),
        (cancels, "1", "The event was cancelled. Nothing to do. Goodbye."),
        (cancels, "3", "The event was cancelled. Nothing to do. Goodbye."),
        (becomes_a_test, "1", "The event is over. Nothing to do. Goodbye."),
        (becomes_a_test, "3", "The event is over. Nothing to do. Goodbye."),
    ],
)
async def test_pressed_before_the_call_could_be_ended(world: World, happens, key: str, said: str) -> None:
    call = await ana_listens(world)
    await world.breaks("twilio", status=503)
    await happens(world)
    await world.advance(seconds=1)
    await call.presses(key)
    await world.advance(seconds=3)
    assert call.heard[-1] == said
    await world.mends("twilio")
    await world.advance(seconds=40)
    the_rest_came(world)


@pytest.mark.parametrize(
    ("happens", "keyed", "said"),
    [
        (changes, "1#", TOLD_ANEW),
        (changes, "12*5#", f"That did not count. {TOLD_ANEW}"),
        (cancels, "1#", "The event was cancelled. Nothing to do. Goodbye."),
    ],
)
async def test_repeated_back_too_late(opens: OpenWorld, happens, keyed: str, said: str) -> None:
    roster = patient(serve.DEMO_ROSTER.read_text()).replace("  default:\n", "  default:\n    read_back: megawatts\n", 1)
    async with opens(roster=roster) as world:
        call = await ana_listens(world)
        await call.presses("1")
        await world.advance(seconds=1)
        assert "Repeat it back" in call.heard[-1]
        await happens(world)
        await world.advance(seconds=1)
        await call.presses(keyed)
        await world.advance(seconds=3)
        assert call.heard[-1] == said
        await world.advance(seconds=40)
        the_rest_came(world)
