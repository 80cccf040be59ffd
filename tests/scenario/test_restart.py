"""The process ends in the middle, by order or by force: nothing accepted is lost, nobody is called twice."""

import asyncio

import pytest

from model.attempt import AttemptState
from model.plan import State
from tests.databases import POSTGRESQL
from tests.scenario.conftest import over_both
from tests.scenario.world import World


async def end(world: World, how: str) -> None:
    await (world.stop_service() if how == "stopped" else world.kill_service())


@pytest.mark.parametrize(
    ("engine", "how"),
    [("sqlite", "stopped"), ("sqlite", "killed"), pytest.param("postgresql", "killed", marks=POSTGRESQL.marks)],
    indirect=["engine"],
)
async def test_the_timetable_goes_on_after_a_restart(world: World, how: str) -> None:
    """Those told stay told; who is due later is called at the instant planned, the deadline is kept."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("1:00")
    await end(world, how)
    await world.advance_until("1:30")
    await world.start_service()
    await world.advance_until("5:30")
    for name, at in (("ana", "0:00"), ("ben", "0:01"), ("chie", "2:30"), ("dee", "5:00")):
        world.phone(name).expects_call(at=at)
        world.phone(name).expects_text("Reply 1")
    await world.advance_until("11:00")
    kept = await world.event()
    assert kept.outcomes() == ["missed"]
    assert world.moment(kept.verdict().at) == "10:00"
    assert world.settled(kept) == []
    assert len(world.slack()) == 2


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_what_was_due_while_it_was_down_goes_out_at_once(world: World, how: str) -> None:
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("1:00")
    await end(world, how)
    await world.advance_until("4:00")
    await world.start_service()
    await world.advance_until("6:00")
    for name, at in (("ana", "0:00"), ("ben", "0:01"), ("chie", "4:00"), ("dee", "5:00")):
        world.phone(name).expects_call(at=at)
        world.phone(name).expects_text("Reply 1")


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_accepted_and_gone_at_once(world: World, how: str) -> None:
    """After the 202 nothing may get lost, however far the message had come."""
    await world.scene("nobody answers")
    answer = await world.post("edr")
    assert answer.status_code == 202
    await end(world, how)
    await world.start_service()
    await world.advance_until("1:30")
    for name in ("ana", "ben"):
        world.phone(name).expects_call("Reduce one two point five megawatts")
        world.phone(name).expects_text("Reply 1")
    assert len([p for p in world.slack() if "ACT NOW" in p.text]) == 1
    assert len({p.dedup_key for p in world.pagerduty()}) == 1
    assert world.settled(await world.event()) == []


@over_both
async def test_killed_while_twilio_has_the_call(world: World) -> None:
    """The row was SENDING: it becomes UNKNOWN, is found at Twilio, and nobody is called twice."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status="accept_then_hang", count=1, path="/Calls.json")
    world.front.deaf = True
    await world.post("edr")
    await world.advance_until("0:03")
    assert (await world.event()).row("ana").state is State.SENDING
    await world.kill_service()
    await world.advance_until("0:10")
    world.front.deaf = False
    await world.start_service()
    await world.quiet()
    kept = await world.event()
    assert kept.row("ana").state in (State.SENT, State.DELIVERED)
    attempt = next(a for a in kept.attempts if a.address == world.phone("ana").number and a.channel == "voice")
    assert attempt.state is AttemptState.ACCEPTED
    assert "attempt_unknown" in [entry.kind for entry in kept.timeline]
    await world.advance_until("2:20")
    for name, at in (("ana", "0:00"), ("ben", "0:01")):
        world.phone(name).expects_call(at=at)
        world.phone(name).expects_text("Reply 1")
    assert world.settled(await world.event()) == []


async def test_killed_before_twilio_had_the_call(world: World) -> None:
    """The row was SENDING and Twilio has nothing: it is looked up, then rung, once. Slack tells Ana meanwhile."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status="hang", count=1, path="/Calls.json")
    await world.post("edr")
    await world.advance_until("0:03")
    await world.kill_service()
    await world.advance_until("0:10")
    await world.start_service()
    await world.advance_until("2:20")
    world.phone("ana").expects_call(at="0:25")
    world.phone("ana").expects_direct_message("Reduce 12.5 MW", at="0:12")
    world.phone("ben").expects_call(at="0:01")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1")
    kept = await world.event()
    states = [a.state for a in kept.attempts if a.address == world.phone("ana").number and a.channel == "voice"]
    assert states == [AttemptState.ABSENT, AttemptState.ACCEPTED]
    assert world.settled(kept) == []


async def test_an_answer_given_before_the_kill_counts(world: World) -> None:
    """What Ana was told to count is kept, also when the process ends in the same instant."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:05")
    ana = world.phone("ana").expects_call(at="0:00")
    world.phone("ben").expects_call(at="0:01")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1")
    await ana.presses("1")
    await world.quiet()
    await world.kill_service()
    await world.advance_until("0:20")
    await world.start_service()
    await world.advance_until("11:00")
    world.phone("ben").expects_text("Ana Reyes has it")
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert world.moment(kept.verdict().at) == "0:05"
    assert world.settled(kept) == []


@pytest.mark.parametrize("turns", [0, 5, 15, 30, 60, 100, 150, 250, 400])
async def test_killed_at_any_moment(world: World, turns: int) -> None:
    """So many turns of the loop after the 202 the process is gone: everybody is told once, nothing stays open."""
    await world.scene("nobody answers")
    answer = await world.post("edr")
    assert answer.status_code == 202
    for _ in range(turns):
        await asyncio.sleep(0)
    await world.kill_service()
    await world.start_service()
    await world.advance_until("2:20")
    kept = await world.event()
    for name in ("ana", "ben"):
        phone = world.phone(name)
        phone.expects_call("Reduce one two point five megawatts")
        phone.expects_text("Reply 1")
        if any(text.how == "direct message" for text in phone.texts):  # in the middle of a request to Twilio
            phone.expects_direct_message("Reduce 12.5 MW")
            assert "attempt_unknown" in {entry.kind for entry in kept.timeline}
    assert len([p for p in world.slack() if "ACT NOW" in p.text]) == 1
    assert {p.dedup_key for p in world.pagerduty()} == {"miso:E-1:g1"}
    assert world.settled(kept) == []


@pytest.mark.parametrize("engine", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize("turns", [5, 60, 250])
async def test_killed_at_any_moment_over_a_server(world: World, turns: int) -> None:
    """The transaction that was under way may have committed or not: the same holds."""
    await test_killed_at_any_moment(world, turns)


async def test_killed_between_two_parts_of_a_text(world: World) -> None:
    """The first part is found at Twilio, the second was never begun: it follows at once, and nothing comes twice."""
    await world.scene("nobody answers")
    await world.breaks("twilio", status="accept_then_hang", count=1, path="/Messages.json")
    world.front.deaf = True
    await world.post("edr")
    await world.advance_until("0:03")
    await world.kill_service()
    world.front.deaf = False
    await world.advance_until("0:10")
    await world.start_service()
    await world.advance_until("2:20")
    for name, at in (("ana", "0:00"), ("ben", "0:01")):
        world.phone(name).expects_call(at=at)
        world.phone(name).expects_text("Reply 1", "Planned end", at="0:02")
    kept = await world.event()
    parts = [
        (world.moment(a.started_at), a.part) for a in kept.attempts if a.channel == "sms" and a.state == "accepted"
    ]
    assert sorted(parts) == [("0:00", 1), ("0:00", 1), ("0:00", 2), ("0:10", 2)]
    assert world.settled(kept) == []
