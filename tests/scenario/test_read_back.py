"""Who accepts by phone repeats the order back, where the policy asks for it."""

from app import serve
from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World, patient

POLICY = "policies:\n  default:\n"


async def test_the_megawatts_are_repeated_back(opens: OpenWorld) -> None:
    """The 1 counts at once; who repeats wrongly, then rightly, is kept so, and who hangs up as not repeated back."""
    roster = patient(serve.DEMO_ROSTER.read_text()).replace(POLICY, f"{POLICY}    read_back: megawatts\n")
    async with opens(roster=roster) as world:
        await world.scene("nobody answers")
        ana, ben = world.phone("ana"), world.phone("ben")
        await world.post("edr")
        await world.advance(seconds=5)
        call, other = ana.expects_call("Press 1 to accept"), ben.expects_call("Press 1 to accept")
        await call.presses("1")
        await world.advance(seconds=1)
        assert (other.ended, len(call.heard)) == ("canceled", 2)  # nobody waits for what is repeated
        assert call.heard[-1] == "Accepted. Repeat it back: key in the megawatts, star for the point, then pound."
        await call.presses("52*1#")
        await world.advance(seconds=1)
        assert call.heard[-1].startswith("That is not it. Repeat it back")
        await call.presses("12*5#")
        await world.advance(seconds=8)
        assert call.heard[-1] == "Correct. You have accepted, and that counts. Also confirm in MCS. Goodbye."
        assert said(await world.event()) == ["1, not repeated back", "1 12*5, repeated back"]
        assert [post.text.partition("UTC)")[2] for post in world.slack()[1:]] == [
            ", not repeated back",
            ", repeated back",
        ]
        await everything_came(world)

        await world.post("edr", event_id="E-2")
        await world.advance(seconds=20)
        second = ana.expects_call("Press 1 to accept")
        await second.presses("1")
        await world.advance(seconds=45)  # no key: asked twice, then let go
        assert second.heard[-1].startswith("You have accepted, and that counts. It was not repeated back")
        assert second.ended == "completed"
        assert said(await world.event("E-2")) == ["1, not repeated back"]
        assert (await world.event("E-2")).outcomes() == ["met"]
        await everything_came(world)


def said(record: object) -> list[str]:
    return [reply.said for reply in record.replies]  # type: ignore[attr-defined]


async def everything_came(world: World) -> None:
    """Other stories look at the rest of what comes to these phones."""
    for name in ("ana", "ben", "chie"):
        phone = world.phone(name)
        for happened in (*phone.calls, *phone.texts):
            happened.expected = True
