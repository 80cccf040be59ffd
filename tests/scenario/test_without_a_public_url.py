"""Vendors cannot reach us: calls and texts are asked about, people answer by text and over Slack's socket."""

from dataclasses import replace
from typing import Any

from model.plan import ChannelName, State
from sandbox import Settings as Accounts
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

PLAY = Accounts()
UNREACHED: dict[str, Any] = {
    "callbacks": False,
    "slack_bot_token": PLAY.slack_bot_token,
    "slack_app_token": PLAY.slack_app_token,
}


async def test_a_text_accepts_and_stops_the_phones(opens: OpenWorld) -> None:
    """It says in the call how; who hung up to write is not called again meanwhile; the answer is told back by text."""
    async with opens(**UNREACHED) as world:
        unreached(world)
        ana, ben = world.phone("ana"), world.phone("ben")
        await ana.behaves(answer="human", after_seconds=5, talk_seconds=15)
        await ben.behaves(answer="no-answer")
        await world.post("edr")
        await world.advance_until("0:40")
        call = ana.expects_call("Keys do not work in this call. To accept, reply 1 and the code", at="0:00")
        assert "Press 1" not in call.script
        ben.expects_call("Keys do not work")
        assert (await world.event()).row("ana").state is State.ANSWERED
        told = ana.expects_text("Reply 1")
        ben.expects_text("Reply 1")
        assert await ana.says(f"1{told.code}") == ""  # Twilio tells nobody of it
        await world.advance_until("0:50")
        kept = await world.event()
        assert [(r.person, r.channel) for r in kept.replies] == [("ana", "sms")]
        assert kept.outcomes() == ["met"]
        assert not ben.rings()
        ana.expects_text("Accepted: MISO EDR Ref")
        await world.advance_until("3:00")
        assert len(ana.calls) == 1
        ben.expects_text("Ana Reyes has it")
        assert len((await world.event()).replies) == 1


async def test_who_does_not_pick_up_is_known_soon(opens: OpenWorld) -> None:
    """And a voicemail is nobody: the next people are called within seconds, not when the line must be over."""
    async with opens(**UNREACHED) as world:
        unreached(world)
        ana, ben = world.phone("ana"), world.phone("ben")
        await ana.behaves(answer="busy")
        await ben.behaves(answer="voicemail", after_seconds=5)
        await world.post("edr")
        await world.advance_until("1:30")
        kept = await world.event()
        assert (kept.row("ana").state, kept.row("ana").reason) == (State.FAILED, "busy")
        assert (kept.row("ben").state, kept.row("ben").reason) == (State.FAILED, "voicemail")
        assert kept.row("ben", ChannelName.SMS).state is State.DELIVERED
        chie = world.phone("chie")
        chie.expects_call("Keys do not work")
        for phone in (ana, ben, chie):
            phone.expects_everything()


async def test_slack_answers_all_the_same(opens: OpenWorld) -> None:
    async with opens(**UNREACHED) as world:
        unreached(world)
        await world.scene("nobody answers")
        refused = await world.http.post("/v1/people/ana/ring", headers={"Authorization": "Bearer demo-operator"})
        assert (refused.status_code, refused.json()["detail"][:25]) == (409, "Twilio does not reach us,")
        await world.post("edr")
        await world.advance_until("0:05")
        await world.presses_button(world.slack()[0], "acknowledge", by="ben")
        await world.advance_until("0:10")
        assert (await world.event()).outcomes() == ["met"]
        for phone in world.everybody():
            phone.expects_everything()


async def test_without_any_way_back_slack_has_no_buttons(opens: OpenWorld) -> None:
    async with opens(callbacks=False) as world:
        unreached(world)
        await world.post("edr")
        await world.advance_until("0:05")
        assert not [block for block in world.slack()[0].blocks if block["type"] == "actions"]
        for phone in world.everybody():
            phone.expects_everything()


async def test_a_text_is_taken_once_over_a_restart(opens: OpenWorld) -> None:
    """Nor is it answered again, however often Twilio lists it."""
    async with opens(**UNREACHED) as world:
        unreached(world)
        ana = world.phone("ana")
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:10")
        await ana.says("what is this")
        await world.advance_until("0:20")
        ana.expects_text("Not understood, nothing counted.")
        await world.kill_service()
        await world.start_service()
        await world.advance_until("0:40")
        assert [t.text for t in ana.texts if "Not understood" in t.text and not t.expected] == []
        for phone in world.everybody():
            phone.expects_everything()


def unreached(world: World) -> None:
    """Twilio keeps what is texted to us, and tells nobody."""
    world.standins.texts._settings = replace(PLAY, twilio_sms_inbound_url=None)
