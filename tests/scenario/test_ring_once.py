"""Near-identical events of one source ring once: one leads, the others go with it and end with it or by themselves."""

import re
from typing import Any

import pytest

from model.event import EventStatus
from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.world import World

ROSTER = """
people:
  ann: {name: Ann, timezone: America/Chicago, phone: "+13125550131", slack: U0ANN}
  bob: {name: Bob, timezone: America/Chicago, phone: "+13125550132", slack: U0BOB}
teams: {ops: {name: Operations, slack_channel: C0OPS}}
policies:
  called:
    redials: 0
    steps:
      - {after_seconds: 0, people: [ann]}
      - {after_seconds: 300, people: [bob]}
routes: [{id: everything, team: ops, policy: called}]
sources:
  miso: {name: MISO, group_by: [program, zone], group_window_seconds: 120}
keys:
  demo-upstream: {role: upstream, source: miso, secret: demo-upstream}
  demo-operator: {role: operator, secret: demo-operator}
"""


async def storm(world: World, count: int, seconds: float = 10, first: int = 0) -> None:
    """Orders for the same hours, one after the other."""
    times = {"effective_at": "2026-01-12T19:00:00Z", "ends_at": "2026-01-12T22:00:00Z", "ack_due_at": None}
    for n in range(first, first + count):
        await world.post("edr", f"E-{n}", severity="warning", **times)
        await world.advance(seconds=seconds / count)


def heard(world: World, name: str) -> tuple[list[str], list[tuple[str, str]]]:
    """When they were called, and what was written to them when."""
    phone = world.phone(name)
    phone.expects_everything()
    return [call.at for call in phone.calls], [(text.at, text.text) for text in phone.texts if text.how == "text"]


async def listed(world: World) -> dict[str, dict[str, Any]]:
    answer = await world.http.get("/v1/events?limit=100", headers={"Authorization": "Bearer demo-operator"})
    return {event["event_id"]: event for event in answer.json()["events"]}


def lines(world: World) -> list[tuple[str, str]]:
    return [(post.at, post.text) for post in world.slack() if post.thread and "more like it" in post.text]


@over_both
async def test_fifty_in_ten_seconds_ring_once_and_are_accepted_together(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER) as world:
        await world.scene("nobody answers")
        await storm(world, 50)
        await world.advance_until("1:00")
        assert heard(world, "ann")[0] == ["0:00"]
        assert [at for at, _ in heard(world, "ann")[1]] == ["0:02"]
        assert (heard(world, "bob")[0], len(heard(world, "bob")[1])) == (["0:25"], 1), "as Ann did not answer"
        assert "And 49 more like it." in world.phone("bob").calls[0].script
        assert lines(world) == [("0:00.2", "1 more like it"), ("0:30.2", "49 more like it")]
        assert len([post for post in world.slack() if post.thread is None]) == 1
        events = await listed(world)
        assert len(events) == 50
        assert events["E-0"]["alike"] == 49
        assert {e["goes_with"] for name, e in events.items() if name != "E-0"} == {"E-0"}
        assert (await world.event("E-17")).outcomes() == []
        status = await world.types_in_slack("status", by="ann")
        assert status.count("\n") == 0, "fifty lines would hide it"
        assert status.endswith("nobody has accepted, answer by Mon 12:10 CST; and 49 more like it")
        assert "Accepted" in await world.types_in_slack("ack", by="ann")
        await world.advance(seconds=3)
        events = await listed(world)
        assert {e["verdict"]["outcome"] for e in events.values()} == {"met"}
        assert re.match(r"with E-0, accepted by Ann at 18:01:00 UTC", events["E-17"]["verdict"]["reason"])
        await storm(world, 1, first=50)
        assert heard(world, "ann")[0] == ["0:00"], "who has accepted is not rung for one more"
        assert (await listed(world))["E-50"]["verdict"]["outcome"] == "met"
        await world.advance_until("2:30")
        await storm(world, 1, first=51)
        assert len(heard(world, "ann")[0]) == 2, "after the window the next one rings"
        heard(world, "bob")  # that Ann has it
        kept = await world.event("E-17")
        assert (kept.rows, [e.kind for e in kept.timeline][:3]) == ([], ["received", "planned", "joined"])


@over_both
async def test_a_leader_that_is_cancelled_before_anybody_accepted_leaves_one_that_rings(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER) as world:
        await world.scene("nobody answers")
        await storm(world, 5, 5)
        await world.advance_until("1:00")  # no phone rings any more
        await world.post("cancel", "E-0", revision=2)
        await world.advance(seconds=3)
        calls, texts = heard(world, "ann")
        assert calls in (["0:00", "1:00"], ["0:00", "1:01"]), "where transactions meet it may take a second look"
        assert len(texts) == 3
        assert any("And 3 more like it. Ref" in text for _, text in texts)
        events = await listed(world)
        assert {e["goes_with"] for name, e in events.items() if name in ("E-1", "E-2", "E-3")} == {"E-4"}
        assert (events["E-4"]["goes_with"], events["E-4"]["alike"]) == (None, 3)
        await world.post("cancel", "E-2", revision=2)
        await world.advance(seconds=2)
        assert heard(world, "ann")[0] == calls, "the end of a member is its own"
        assert (await world.event("E-2")).event.status is EventStatus.CANCELLED
        assert (await world.event("E-2")).outcomes() == ["not_needed"]
        await world.advance_until("2:00")
        assert len(heard(world, "bob")[0]) == 2, "as Ann did not answer"
        told = next(text for text in world.phone("bob").texts if "And 2 more like it." in text.text)
        await world.phone("bob").says(f"1{told.code}")  # E-0 ended a minute ago: a bare 1 may be meant for it
        await world.advance(seconds=3)
        assert {(await world.event(f"E-{n}")).outcomes()[-1] for n in (1, 3, 4)} == {"met"}
        assert "Bob has it" in heard(world, "ann")[1][-1][1]


async def test_who_accepted_a_leader_that_ends_is_left_alone_for_a_minute(opens: OpenWorld) -> None:
    """Ends come together as events do. What is still open then rings, though somebody had accepted it."""
    async with opens(roster=ROSTER) as world:
        await world.scene("nobody answers")
        await storm(world, 4, 4)
        await world.advance_until("0:30")
        await world.phone("ann").says("1")
        await world.advance_until("12:00")
        for n in (1, 0):  # what has ended before the call is made is not said to go on
            await world.post("cancel", f"E-{n}", revision=2)
            await world.quiet()
        await world.advance_until("12:50")
        assert heard(world, "ann")[0] == ["0:00", "12:00"]
        over = world.phone("ann").calls[1].script
        assert "Stand down" in over
        assert "2 more like it go on. Reference" in over
        await world.post("cancel", "E-2", revision=2)
        await world.advance_until("13:10")
        assert heard(world, "ann")[0] == ["0:00", "12:00", "13:00"]
        heard(world, "bob")
        kept = await world.event("E-3")
        assert kept.outcomes() == ["met", "reopened"]
        assert kept.event.deadline_at == world.instant("23:00")


async def test_when_all_are_over_whoever_heard_that_some_go_on_hears_so(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER) as world:
        await world.scene("nobody answers")
        await storm(world, 3, 3)
        await world.advance_until("0:20")
        await world.phone("ann").says("1")
        await world.advance_until("20:00")
        for n in (0, 2, 1):
            await world.post("cancel", f"E-{n}", revision=2)
            await world.advance(seconds=5)
        await world.advance_until("30:00")
        calls, texts = heard(world, "ann")
        assert calls == ["0:00", "20:00"], "the call that it is over, and none after it"
        told = [(at, text) for at, text in texts if "those like it are over as well" in text]
        assert [at for at, _ in told] == ["20:12"]
        assert (await world.event("E-1")).outcomes() == ["met"]


async def test_what_asks_for_more_than_its_leader_rings_by_itself(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER, person_limits_times=10) as world:
        await world.scene("nobody answers")
        await storm(world, 2, 2)
        await world.post("edr", "E-9", severity="critical", ack_due_at=None)
        await world.post("drill", "D-1", severity="warning", ack_due_at=None)
        await world.advance(seconds=2)
        events = await listed(world)
        found = {name: event["goes_with"] for name, event in events.items()}
        assert found == {"E-0": None, "E-1": "E-0", "E-9": None, "D-1": None}
        await world.post("update", "E-1", severity="warning", ack_due_at=None)
        await world.advance(seconds=2)
        assert (await listed(world))["E-1"]["goes_with"] is None
        assert (await world.event("E-1")).rows, "what is asked has changed: it is told by itself"
        heard(world, "ann")


async def test_a_member_keeps_its_own_deadline(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER) as world:
        await world.scene("nobody answers")
        await storm(world, 1, 1)
        await world.advance_until("1:59")
        await storm(world, 1, 1, first=1)
        await world.advance_until("9:59")
        assert (heard(world, "ann")[0], heard(world, "bob")[0]) == (["0:00"], ["0:25"])
        await world.advance_until("10:30")
        assert (heard(world, "ann")[0], heard(world, "bob")[0]) == (["0:00"], ["0:25"]), "no call ends in time"
        await world.advance_until("12:00")
        assert (await world.event("E-0")).outcomes() == ["missed"]
        kept = await world.event("E-1")
        assert (kept.outcomes(), kept.verdict().at) == (["missed"], world.instant("11:59"))


async def test_who_missed_it_and_goes_with_one_that_has_time_is_open_again(opens: OpenWorld) -> None:
    """E-2 leaves E-0, which nobody accepted, and rings; E-1 goes along, and is accepted or missed with it."""
    times = {"effective_at": "2026-01-12T19:00:00Z", "ends_at": "2026-01-12T22:00:00Z"}
    async with opens(roster=ROSTER) as world:
        await world.scene("nobody answers")
        await world.post("edr", "E-0", severity="warning", ack_due_at="2026-01-12T18:04:00Z", **times)
        await world.advance(seconds=1)
        await world.post("edr", "E-1", severity="warning", ack_due_at="2026-01-12T18:04:00.5Z", **times)
        await world.advance(seconds=1)
        await world.post("edr", "E-2", severity="warning", ack_due_at=None, **times)
        await world.advance_until("4:05")
        kept = await world.event("E-1")
        assert (kept.outcomes(), kept.event.leader_pk) == (["missed", "reopened"], (await world.event("E-2")).event.pk)
        call = world.phone("ann").calls[-1]
        assert call.at == "4:01"
        await call.presses("1")
        await world.advance(seconds=30)
        assert (await world.event("E-1")).outcomes() == ["missed", "reopened", "met"]
        assert (await world.event("E-2")).outcomes() == ["met"]
        world.phone("ann").expects_everything()
        world.phone("bob").expects_everything()


@pytest.mark.parametrize("mode", ["drill", "test"])
async def test_those_that_went_with_one_that_is_not_real_any_more_ring_as_real(opens: OpenWorld, mode: str) -> None:
    """What becomes of their leader is not theirs: one of them rings for the others."""
    async with opens(roster=ROSTER) as world:
        await world.scene("nobody answers")
        await storm(world, 3)
        times = {"effective_at": "2026-01-12T19:00:00Z", "ends_at": "2026-01-12T22:00:00Z", "ack_due_at": None}
        await world.post("edr", "E-0", revision=2, message_type="update", mode=mode, severity="warning", **times)
        await world.advance(minutes=2)
        heard(world, "ann")
        scripts = [call.script for call in world.phone("ann").calls[1:]]
        assert any("This is not a drill" in script for script in scripts), scripts
        events = await listed(world)
        assert events["E-0"]["goes_with"] is None
        assert {events["E-1"]["goes_with"], events["E-2"]["goes_with"]} <= {None, "E-1", "E-2"}
        assert (await world.event("E-0")).outcomes() == (["not_needed"] if mode == "test" else [])
        await world.advance(minutes=11)
        for name in ("ann", "bob"):
            heard(world, name)
