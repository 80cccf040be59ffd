"""The same said again, and something else said under the same name."""

import asyncio
import json

from tests.scenario.conftest import over_both
from tests.scenario.world import World


@over_both
async def test_fifty_posts_at_once_ring_each_phone_once(world: World) -> None:
    """Every sender gets its 202, one of them decides, and everybody is told once."""
    body = json.dumps(world.example("edr"))
    answers = await asyncio.gather(*[world.post_raw(body, prefer="wait=5") for _ in range(50)])
    assert {a.status_code for a in answers} == {202}
    assert sorted(a.json()["duplicate"] for a in answers) == [False] + [True] * 49
    assert len({a.json()["delivery_id"] for a in answers}) == 50
    repeated = next(a.json() for a in answers if a.json()["duplicate"])
    assert repeated["detail"] == "already accepted at 18:00:00, nobody is called again"
    assert repeated["rings"] is False
    await world.advance(minutes=11)
    for name, at in (("ana", "0:00"), ("ben", "0:01")):
        world.phone(name).expects_call(at=at)
        world.phone(name).expects_text("Reply 1", at="0:02")
    assert len(world.slack()) == 2
    assert [p.action for p in world.pagerduty()] == ["trigger", "acknowledge"]


async def test_a_conflict_is_told_and_rings_nobody(world: World) -> None:
    """Another body without a new revision: both are kept, one line in Slack says so, no phone rings again."""
    await world.post("edr", revision=None)
    await world.advance_until("1:00")
    for name, at in (("ana", "0:00"), ("ben", "0:01")):
        world.phone(name).expects_call(at=at)
        world.phone(name).expects_text("Reply 1")
    before = len(world.slack())
    again = await world.post("edr", revision=None, prefer="wait=2", headline="MISO EDR: cut 15 MW", text="Otherwise.")
    assert again.status_code == 202
    assert again.json()["rings"] is False
    assert again.json()["detail"] == "revision 1 was accepted at 18:00:00 with other content; both are kept"
    await world.advance(minutes=11)
    lines = world.slack()[before:]
    assert len(lines) == 1
    assert lines[0].text.startswith("CONFLICT in E-1: revision 1 was accepted at 18:00:00 with other content")
    assert "It now says: MISO EDR: cut 15 MW" in lines[0].text
    assert lines[0].thread == world.slack()[0].ts
    assert (await world.event()).outcomes() == ["met"]


async def test_two_events_have_their_own_calls(world: World) -> None:
    """Different ids are different events even with the same words."""
    await world.post("edr", "E-1")
    await world.advance_until("2:00")
    await world.post("edr", "E-2")
    await world.advance_until("4:00")
    for name, first, second in (("ana", "0:00", "2:00"), ("ben", "0:01", "2:01")):
        world.phone(name).expects_call(at=first)
        world.phone(name).expects_call(at=second)
        world.phone(name).expects_text("Ref 1 r1")
        world.phone(name).expects_text("Ref 2 r1")
