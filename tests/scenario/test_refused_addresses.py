"""What a vendor will not or cannot deliver there: the person is told another way at once, and the admins hear it."""

import pytest

from app.serve import DEMO_ROSTER
from model.plan import ChannelName, State
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World, patient

ANAS = "+13125550101"
ROSTER = patient(DEMO_ROSTER.read_text())


def admins(world: World) -> list[str]:
    return [post.text for post in world.slack("C0ADMIN") if "Mend the roster" in post.text]


@pytest.mark.parametrize(
    ("number", "channel", "said"),
    [
        ("+15005550004", ChannelName.SMS, "Ana Reyes cannot be told by sms, address refused: Twilio 21610: "),
        ("+15005550009", ChannelName.SMS, "Ana Reyes cannot be told by sms, address refused: Twilio 21614: "),
        ("+15005550001", ChannelName.VOICE, "Ana Reyes cannot be told by voice, address refused: Twilio 21211: "),
    ],
)
async def test_a_number_that_twilio_refuses(opens: OpenWorld, number: str, channel: ChannelName, said: str) -> None:
    """Whoever wrote STOP, has no mobile phone, or whose number is none: not tried again, told in Slack at once."""
    async with opens(roster=ROSTER.replace(ANAS, number)) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:20")
        kept = await world.event()
        assert kept.row("ana", channel).state is State.FAILED
        asked = [a for a in kept.attempts if a.notification_id == kept.row("ana", channel).id and a.part == 1]
        assert len(asked) == 1
        world.phone("ana").expects_direct_message("MISO EDR")
        assert (number in [c.phone.number for c in world.phone("ana").calls]) == (channel is ChannelName.SMS)
        told = admins(world)
        assert sum(text.startswith(f"Gridcall: {said}") for text in told) == 1
        assert number not in "".join(told)
        for phone in world.everybody():
            phone.expects_everything()


async def test_a_landline_is_texted_once(opens: OpenWorld) -> None:
    async with opens() as world:
        ana = world.phone("ana")
        await world.scene("nobody answers")
        await ana.behaves(answer="no-answer", sms="landline")
        await world.post("edr")
        await world.advance_until("1:30")
        ana.expects_direct_message("MISO EDR", at="0:02")
        assert len([r for r in (await world.event()).rows if (r.person, r.channel) == ("ana", ChannelName.SMS)]) == 1
        assert admins(world) == [
            "Gridcall: Ana Reyes cannot be told by sms, address refused: sms failed (30006). Mend the roster"
        ]
        for phone in world.everybody():
            phone.expects_everything()


@pytest.mark.parametrize("back", [True, False])
async def test_a_phone_that_was_off_is_texted_once_more(opens: OpenWorld, back: bool) -> None:
    """After half a minute, once, whether or not it is back; it is no fault of the roster."""
    async with opens() as world:
        ana = world.phone("ana")
        await world.scene("nobody answers")
        await ana.behaves(answer="no-answer", sms="undelivered")
        await world.post("edr")
        await world.advance_until("0:10")
        ana.expects_direct_message("MISO EDR")
        assert not ana.texts[1:]
        if back:
            await ana.behaves(answer="no-answer")
        await world.advance_until("2:00")
        if back:
            text = ana.expects_text("MISO EDR ACT NOW", at="0:34")
            assert text.parts == text.of
        rows = [r for r in (await world.event()).rows if (r.person, r.channel) == ("ana", ChannelName.SMS)]
        assert [r.state for r in rows] == [State.FAILED, State.DELIVERED if back else State.FAILED]
        assert admins(world) == []
        for phone in world.everybody():
            phone.expects_everything()


@pytest.mark.parametrize(("channel", "error"), [("C0ARCHIVED", "is_archived"), ("C0NOTFOUND", "channel_not_found")])
async def test_a_slack_channel_that_is_gone(opens: OpenWorld, channel: str, error: str) -> None:
    """Not tried again; people are called and texted, PagerDuty is told, and the admins hear of it."""
    async with opens(roster=ROSTER.replace("C0OPS", channel)) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:20")
        kept = await world.event()
        [post] = [r for r in kept.rows if r.address == channel]
        assert (post.state, len([a for a in kept.attempts if a.address == channel])) == (State.FAILED, 1)
        assert admins(world) == [
            "Gridcall: ops cannot be told by slack_channel, address refused: "
            f"Slack answered 200 {error}. Mend the roster"
        ]
        assert [p.action for p in world.pagerduty()] == ["trigger"]
        for phone in world.everybody():
            phone.expects_everything()


async def test_where_nobody_may_be_called(opens: OpenWorld) -> None:
    """Nothing is asked of Twilio; the rule is named, and who may be called sees the number of their destination."""
    numbers = {"twilio_callers": "+1312=+13125550150", "twilio_destinations": "+1,!+13125550101"}
    async with opens(**numbers) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:20")
        assert world.phone("ana").calls == []
        assert set(admins(world)) == {
            f"Gridcall: Ana Reyes cannot be told by {channel}, address refused: not allowed: +13125… is forbidden by "
            "GRIDCALL_TWILIO_DESTINATIONS. Mend the roster"
            for channel in ("voice", "sms")
        }
        asked = [call.order for call in world.standins.calls.by_sid.values()]
        assert {(order.to, order.sender) for order in asked} == {("+13125550102", "+13125550150")}
        assert {text.order.sender for text in world.standins.texts.by_sid.values()} == {"+13125550150"}
        for phone in world.everybody():
            phone.expects_everything()
