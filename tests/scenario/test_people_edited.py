"""Somebody gets another number, or leaves, while calls to them wait: the old phone is not rung."""

from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.world import World

NEW = "+13125550188"


async def remove(world: World, person: str) -> None:
    _, headers = await world.entry(f"/v1/people/{person}")
    why = {"force": "true", "accept_gaps": "true", "reason": "has left"}
    done = await world.http.delete(f"/v1/people/{person}", params=why, headers=headers)
    assert done.status_code == 200, done.text


async def waiting(world: World, person: str) -> list[tuple[str, str, str]]:
    kept = await world.event()
    return [(str(n.state), n.address, n.reason) for n in kept.rows if n.person == person and n.channel == "voice"]


@over_both
async def test_calls_that_wait_follow_the_roster(opens: OpenWorld) -> None:
    """There is one line, Ana's call has it. Ben's number is corrected, Chie leaves."""
    async with opens(twilio_lines=1) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:02")
        assert [state for state, _, _ in await waiting(world, "ben")] == ["pending"]
        await world.edit("/v1/people/ben", phone=NEW)
        assert [(state, address) for state, address, _ in await waiting(world, "ben")] == [("pending", NEW)]
        await remove(world, "ben")
        assert await waiting(world, "ben") == [("failed", NEW, "not in the roster any more")]
        await world.advance_until("3:30")
        assert not world.phone("ben").calls
        kept = await world.event()
        assert [e.body["reason"] for e in kept.timeline if e.kind == "readdressed"] == [
            "the roster has another voice address",
            "not in the roster any more",
        ]
        for phone in world.everybody():
            phone.expects_everything()


async def test_who_has_left_is_not_asked_again(world: World) -> None:
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("1:00")
    await remove(world, "ben")
    rung = len(world.phone("ben").calls)
    more = {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True}
    await world.post("edr", revision=2, message_type="update", instruction=more)
    await world.advance_until("2:00")
    assert len(world.phone("ben").calls) == rung
    for phone in world.everybody():
        phone.expects_everything()
