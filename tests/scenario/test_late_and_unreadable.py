"""What comes too late, and what nobody can read."""

import json
from datetime import timedelta

import pytest

from tests.scenario.world import World


async def test_an_event_that_comes_too_late(world: World) -> None:
    """Its deadline had passed before we heard of it: everything goes out at once, marked, and the verdict says why."""
    due = (world.clock.now() - timedelta(minutes=1)).isoformat()
    answer = await world.post("edr", prefer="wait=2", ack_due_at=due)
    assert answer.status_code == 202
    assert answer.json()["rings"] is True
    await world.advance_until("0:02")
    kept = await world.event()
    assert kept.outcomes() == ["missed"]
    assert world.moment(kept.verdict().at) == "0:00"
    assert kept.verdict().reason == "late at the source"
    assert "RECEIVED LATE" in world.slack()[0].text
    await world.advance(minutes=11)
    for name, at in (("ana", "0:00"), ("ben", "0:01")):
        world.phone(name).expects_call("Received late.", at=at)
        world.phone(name).expects_text("RECEIVED LATE", "Reply 1", at="0:02")
    assert "Ana Reyes accepted (voice, 18:00:08 UTC)" in [p.text for p in world.slack()]


async def test_an_unreadable_message_of_a_critical_source_calls_people(world: World) -> None:
    """The sender reads what is wrong; people are called, for it may be the event they must not miss."""
    answer = await world.post("bad")
    assert answer.status_code == 422
    assert {e["field"] for e in answer.json()["errors"]} == {"effective_at", "headline"}
    await world.advance(minutes=11)
    ana = world.phone("ana").expects_call("A message from MISO cannot be read", at="0:00")
    assert ana.heard[-1].startswith("You have accepted")
    world.phone("ben").expects_call("A message from MISO cannot be read", at="0:01")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("A message from MISO cannot be read", "Reply 1")
    assert world.slack()[0].text == "Gridcall ALARM: A message from MISO cannot be read"


@pytest.mark.long
async def test_an_unreadable_message_of_another_source_is_a_line_in_slack(world: World) -> None:
    """One line for the first, and one for all that follow in the next ten minutes; no phone rings."""
    for body in ("{", "{", "<html>"):
        answer = await world.post_raw(body, key="demo-fast")
        assert answer.status_code == 422
    await world.advance(minutes=11)
    first, more = world.slack()
    assert first.text == "Gridcall: A message from MISO, fast cannot be read"
    assert (more.text, more.at) == ("Gridcall: 2 more messages from MISO, fast cannot be read", "10:20")
    assert world.pagerduty() == []


@pytest.mark.long
async def test_a_second_unreadable_message_of_a_critical_source_calls_nobody_again(world: World) -> None:
    """Whoever has the first sees all of them; ten minutes later the next one rings, in case nobody looked."""
    await world.post("bad")
    await world.advance(minutes=2)
    await world.post("bad", "E-2")
    await world.advance(minutes=9)
    for name in ("ana", "ben"):
        world.phone(name).expects_call("A message from MISO cannot be read")
        world.phone(name).expects_text("A message from MISO cannot be read", "Reply 1")
    assert world.slack()[-1].text == "Gridcall: 1 more message from MISO cannot be read"
    await world.post("bad", "E-3")
    await world.advance(minutes=1)
    for name in ("ana", "ben"):
        world.phone(name).expects_call("A message from MISO cannot be read")
        world.phone(name).expects_text("A message from MISO cannot be read", "Reply 1")


async def test_a_readable_member_beside_an_unreadable_one(world: World) -> None:
    """Of a list the good one is an event like any other; the bad one is told about, to Ben in the same call."""
    answer = await world.post_raw(json.dumps([world.example("edr"), world.example("bad", "E-2")]))
    assert answer.status_code == 202
    assert [r.get("status", 202) for r in answer.json()["results"]] == [202, 422]
    await world.advance(minutes=2)
    ana, ben = world.phone("ana"), world.phone("ben")
    ana.expects_call("Reduce")  # the other one may go along, or wait until the phone is free and be Ben's by then
    ben.expects_call("This call is about two events", "Reduce", "cannot be read")
    for phone in (ana, ben):
        phone.expects_text("cut 12.5 MW")
        phone.expects_text("cannot be read")
    ana.expects_everything()  # she is written to in Slack as well where it waits
