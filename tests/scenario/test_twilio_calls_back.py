"""`gridcall doctor --live` has Twilio call nobody, and hears of it by way of the public URL."""

import asyncio

from pydantic import SecretStr

from app import ringing
from app.live_look import CALLED_BACK, CALLED_BACK_WITHIN, called_back
from notifiers.channels.live_look import Look
from notifiers.channels.voice import NOBODY, VoiceChannel
from tests.scenario.world import World


async def looks(world: World, voice: VoiceChannel | None) -> Look:
    assert voice is not None
    look = asyncio.create_task(called_back(voice, world.service.database, world.clock))
    end = world.clock.now() + 2 * CALLED_BACK_WITHIN
    while not look.done() and world.clock.now() < end:
        await asyncio.wait([look], timeout=0.05)
        await world.advance(seconds=1)
    await voice.close()
    return await look


async def test_twilio_comes_through_and_no_phone_rings(world: World) -> None:
    found = await looks(world, ringing.channel(world.service.settings, world.clock))
    assert (found.what, found.wrong) == (CALLED_BACK, "")
    assert "about a call to nobody" in found.then
    assert [call.order.to for call in world.standins.calls.by_sid.values()] == [NOBODY]
    assert not world.standins.phones.known


async def test_twilio_does_not_come_through(world: World) -> None:
    elsewhere = world.service.settings.model_copy(update={"public_url": "http://127.0.0.1:9"})
    found = await looks(world, ringing.channel(elsewhere, world.clock))
    assert found.wrong == "nothing came within 30 s of a call to nobody"
    assert "Monitor, Errors" in found.then


async def test_twilio_does_not_take_the_call(world: World) -> None:
    wrong = world.service.settings.model_copy(update={"twilio_auth_token": SecretStr("wrong")})
    found = await looks(world, ringing.channel(wrong, world.clock))
    assert found.wrong.startswith("the call to nobody was not taken: Twilio 20003")
