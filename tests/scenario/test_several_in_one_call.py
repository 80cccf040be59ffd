"""Who is to be called for several events is called once: the call names them, and a key speaks about them all."""

import pytest

from model.plan import ChannelName, Hold, State
from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.people import Call
from tests.scenario.world import Record, World

ROSTER = """
people:
  ann: {name: Ann, timezone: America/Chicago, phone: "+13125550131", sms: false}
  bob: {name: Bob, timezone: America/Chicago, phone: "+13125550132", sms: false}
teams: {ops: {name: Operations, slack_channel: C0OPS}}
policies:
  one:
    redials: 1
    sla_seconds: 1200
    steps: [{after_seconds: 0, people: [ann]}, {after_seconds: 900, people: [bob]}]
routes: [{id: everything, team: ops, policy: one}]
sources: {miso: {name: MISO}}
keys: {demo-upstream: {role: upstream, source: miso, secret: demo-upstream}}
"""


async def posts(world: World, *names: str, severity: str = "warning") -> None:
    """One after the other is decided: of several that wait in a queue either may be first."""
    for name in names:
        await world.post("edr", name, severity=severity)
        await world.quiet()


async def records(world: World, *names: str) -> list[Record]:
    return [await world.event(name) for name in names]


async def both_wait(world: World) -> Call:
    """E-0 rang and was accepted; the next call, which has just begun to ring, is about E-1 and E-2."""
    ann = world.phone("ann")
    await world.scene("nobody answers")
    await posts(world, "E-0")
    await world.advance(seconds=1)
    await posts(world, "E-1", "E-2")
    await world.advance(seconds=1)
    await ann.expects_call("Press 1 to accept, 2", at="0:00").presses("1")
    await world.advance(seconds=10)
    return ann.expects_call("This call is about two events. First: MISO", "Second: MISO", "Press 1 to accept all")


@over_both
async def test_a_1_accepts_all_that_the_call_names(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        call = await both_wait(world)
        await call.presses("1")
        await world.advance(seconds=20)
        assert call.heard[-1].startswith("You have accepted, and that counts. That was for two events.")
        kept = await records(world, "E-1", "E-2")
        assert [record.outcomes() for record in kept] == [["met"], ["met"]]
        leader, carried = (record.row("ann") for record in kept)
        assert (carried.carried_by, carried.state, leader.state) == (leader.id, State.ACKNOWLEDGED, State.ACKNOWLEDGED)
        [attempt] = {a.id for record in kept for a in record.attempts if a.channel is ChannelName.VOICE}
        for record in kept:
            told = [entry.kind for entry in record.timeline if entry.body.get("attempt") == attempt]
            assert {"attempt_started", "attempt_accepted", "receipt", "reply"} <= set(told)


async def test_a_2_accepts_none_and_each_event_goes_on(opens: OpenWorld) -> None:
    """The next person is called at once, once for both; whoever changes their mind in the same call accepts all."""
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        call = await both_wait(world)
        await call.presses("2")
        await world.advance(seconds=3)
        assert call.heard[-1].startswith(
            "Noted: you cannot comply. That was for two events. The next person is called, if one is left"
        )
        assert [r.row("ann").state for r in await records(world, "E-1", "E-2")] == 2 * [State.DECLINED]
        bobs = world.phone("bob")
        assert len(bobs.calls) == 1
        await world.advance(seconds=30)
        bobs.expects_everything()
        assert [r.outcomes() for r in await records(world, "E-1", "E-2")] == [[], []]
        await bobs.calls[-1].presses("1")
        await world.advance(seconds=30)
        bobs.expects_everything()
        assert len(bobs.calls) <= 2


async def test_one_that_is_cancelled_meanwhile_ends_no_call(opens: OpenWorld) -> None:
    """The call rings on; what is said once more, and what a 1 accepts, is what still holds."""
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        call = await both_wait(world)
        await world.post("cancel", "E-1", revision=2)
        await world.advance(seconds=2)
        assert call.ended is None
        await call.presses("3")
        await world.advance(seconds=3)
        assert "one of the two events of this call is over, changed or answered. First: MISO" in call.heard[-1]
        assert "Second" not in call.heard[-1]
        await call.presses("1")
        await world.advance(seconds=20)
        assert call.heard[-1].startswith(
            "You have accepted, and that counts. "
            "That was for one of two events: the other is over, changed or answered."
        )
        first, second = await records(world, "E-1", "E-2")
        assert first.outcomes() == ["not_needed"]
        assert [e.body["counted"] for e in first.timeline if e.kind == "reply"] == [False]
        assert (second.row("ann").state, second.outcomes()) == (State.ACKNOWLEDGED, ["met"])


async def test_who_listens_hears_of_the_rest(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        call = await both_wait(world)
        await call.is_answered()
        await world.advance(seconds=5)
        assert "This call is about two events." in call.heard[-1]
        await world.post("cancel", "E-2", revision=2)
        await world.advance(seconds=2)
        assert "one of the two events of this call is over, changed or answered. First: MISO" in call.heard[-1]
        await call.presses("1")
        await world.advance(seconds=20)
        assert call.heard[-1].startswith(
            "You have accepted, and that counts. "
            "That was for one of two events: the other is over, changed or answered."
        )
        first, second = await records(world, "E-1", "E-2")
        assert (first.outcomes(), second.outcomes()) == (["met"], ["not_needed"])
        assert "call_stopped" in [entry.kind for entry in second.timeline]
        world.phone("ann").expects_everything()  # the end of one, by phone or in Slack


async def test_when_nothing_of_it_holds_the_call_ends(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        call = await both_wait(world)
        await world.post("cancel", "E-1", revision=2)
        await world.advance(seconds=2)
        await world.post("cancel", "E-2", revision=2)
        await world.advance(seconds=2)
        assert call.ended == "canceled"
        assert [r.row("ann").state for r in await records(world, "E-1", "E-2")] == 2 * [State.SUPERSEDED]


@pytest.mark.parametrize("key", ["1", "2"])
async def test_one_is_cancelled_and_one_changed_before_the_call_could_be_ended(opens: OpenWorld, key: str) -> None:
    """Whoever presses a key must not hear that nothing is to be done: the changed order rings anew."""
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        call = await (await both_wait(world)).is_answered()
        await world.breaks("twilio", status=503)
        await world.post("cancel", "E-1", revision=2)
        more = {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True}
        await world.post("edr", "E-2", revision=2, message_type="update", instruction=more)
        await world.advance(seconds=1)
        await call.presses(key)
        await world.advance(seconds=3)
        anew = "The order has changed, and the new one is told to you at once. Goodbye."
        assert call.heard[-1] == f"That did not count. {anew}"
        await world.mends("twilio")
        await world.advance(seconds=20)
        world.phone("ann").expects_call("NOW 15 MW (was 12.5)")
        world.phone("ann").expects_everything()


@over_both
async def test_a_call_in_vain_was_one_for_each_and_they_ring_again_together(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        call = await both_wait(world)
        await call.is_declined()
        await world.advance(seconds=1)
        assert {r.row("ann").try_no for r in await records(world, "E-1", "E-2")} == {2}
        await world.advance(seconds=30)  # a busy phone is tried again after half a minute, for the first that is due
        held = [r.row("ann").hold for r in await records(world, "E-1", "E-2")]
        assert Hold.BUNDLE in held
        await world.advance(seconds=3)
        again = world.phone("ann").expects_call("This call is about two events. First: MISO")
        await again.is_declined()
        await world.advance(seconds=5)
        assert len(world.phone("ann").calls) == 3  # and no more: each event has had its two
        bobs = world.phone("bob").calls
        assert [call.at for call in bobs] == [again.ended_at]  # the next person, at once
        world.phone("bob").expects_everything()
        kept = await records(world, "E-1", "E-2")
        calls = [[n for n in r.rows if (n.person, n.channel) == ("ann", ChannelName.VOICE)] for r in kept]
        assert [[(n.try_no, n.state, n.reason) for n in rows] for rows in calls] == 2 * [
            [(1, State.FAILED, "busy"), (2, State.FAILED, "busy")]
        ]


async def test_what_is_held_back_by_the_limit_goes_with_the_call_that_may_ring(opens: OpenWorld) -> None:
    """The fifth waits; a critical event rings all the same, and takes it along: one ring, and the fifth is told."""
    roster = ROSTER.replace("redials: 1", "redials: 0")
    async with opens(roster=roster, person_limits_times=1) as world:
        await world.scene("first person accepts")
        await world.phone("bob").behaves(answer="no-answer")
        for n in range(5):
            await posts(world, f"E-{n}")
            await world.advance(seconds=30)
        held = (await world.event("E-4")).row("ann")
        assert (held.state, held.hold) == (State.PENDING, Hold.PERSON_LIMIT)
        world.phone("ann").expects_everything()
        world.phone("bob").expects_everything()
        before = len(world.phone("ann").calls)
        await posts(world, "C-1", severity="critical")
        await world.advance(seconds=30)
        world.phone("ann").expects_call("This call is about two events")
        assert len(world.phone("ann").calls) == before + 1
        assert [r.outcomes() for r in await records(world, "C-1", "E-4")] == [["met"], ["met"]]
        world.phone("ann").expects_everything()
        world.phone("bob").expects_everything()


async def test_more_than_three_are_not_named(opens: OpenWorld) -> None:
    """Of those that it does not name the call says how many; they are not accepted with it, and have the next call."""
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        ann = world.phone("ann")
        await world.scene("nobody answers")
        await posts(world, "E-0")
        await world.advance(seconds=1)
        await posts(world, *(f"E-{n}" for n in range(1, 6)))
        await world.advance(seconds=1)
        await ann.expects_call().presses("1")
        await world.advance(seconds=10)
        call = ann.expects_call("This call is about three events", "Third: MISO", "And two more, see your messages.")
        await call.presses("1")
        await world.advance(seconds=15)
        rest = ann.expects_call("This call is about two events")
        outcomes = [r.outcomes() for r in await records(world, *(f"E-{n}" for n in range(1, 6)))]
        assert sorted(outcomes) == [[], [], ["met"], ["met"], ["met"]]
        await rest.presses("1")
        await world.advance(seconds=20)
        assert len(ann.calls) == 3
        ann.expects_everything()  # also what was written while the phone was in use


async def test_nothing_is_repeated_back(opens: OpenWorld) -> None:
    """One number keyed in shows of one order that it was understood: the answers say that it was not."""
    roster = ROSTER.replace("redials: 1", "redials: 1\n    read_back: megawatts")
    async with opens(roster=roster, person_limits_times=1) as world:
        ann = world.phone("ann")
        await world.scene("nobody answers")
        await posts(world, "E-0")
        await world.advance(seconds=1)
        await posts(world, "E-1", "E-2")
        await world.advance(seconds=1)
        await ann.expects_call().presses("2")
        await world.advance(seconds=20)
        call = ann.expects_call("This call is about two events")
        await call.presses("1")
        await world.advance(seconds=20)
        assert call.heard[-1].startswith("You have accepted, and that counts. It was not repeated back")
        assert [[r.said for r in one.replies] for one in await records(world, "E-1", "E-2")] == 2 * [
            ["1, not repeated back"]
        ]
        ann.expects_everything()
        world.phone("bob").expects_everything()
