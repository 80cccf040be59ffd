"""Nobody answers: who is called next and when, and what is said at the deadline."""

from datetime import UTC, datetime

import pytest

from app import serve
from model.plan import ChannelName, State
from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.world import World


async def first_the_awake_then_the_sleepers(world: World) -> None:
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("2:29")
    world.phone("ana").expects_call(at="0:00")
    world.phone("ben").expects_call(at="0:01")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1", at="0:02")
    assert world.surprises() == []

    await world.advance_until("2:35")
    world.phone("chie").expects_call("twenty seven minutes left", at="2:30")
    world.phone("chie").expects_text("Reply 1", at="2:32")
    assert world.surprises() == []


@over_both
async def test_nobody_answers(opens: OpenWorld) -> None:
    """Each is called twice, the next as soon as nobody rings, PagerDuty critical after 6:00, missed at 10:00."""
    async with opens(roster=serve.DEMO_ROSTER.read_text()) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await nobody_answers(world)


async def nobody_answers(world: World) -> None:
    await world.advance_until("2:30")
    rings = {"ana": ("0:00", "0:25"), "ben": ("0:01", "0:26"), "chie": ("0:51", "1:16"), "dee": ("1:41", "2:06")}
    for name, (first, second) in rings.items():
        world.phone(name).expects_call("Reduce one two point five megawatts", at=first)
        world.phone(name).expects_call("Reduce one two point five megawatts", at=second)
        world.phone(name).expects_text("Reply 1")
    assert world.slack("C0ADMIN") == []

    await world.advance_until("5:59")
    note = "no phone rings any more and nobody is left to call"
    assert [(p.at, p.text) for p in world.slack("C0ADMIN")] == [("2:31", f"Gridcall: {note}")]
    assert [(p.at, p.action, p.key, p.severity) for p in world.pagerduty()] == [("0:00", "trigger", "g1", "info")]

    await world.advance_until("9:59")
    assert [(p.at, p.action, p.key, p.severity) for p in world.pagerduty()][1:] == [
        ("6:00", "trigger", "g2", "critical"),
        ("6:00", "resolve", "g1", None),
    ]
    assert (await world.event()).outcomes() == []
    assert len(world.slack()) == 1

    await world.advance_until("10:00")
    await world.quiet()
    note = "NOBODY HAS ACCEPTED by the deadline, 18:10:00 UTC"
    assert [(p.at, p.text, p.thread) for p in world.slack()][1:] == [("10:00", note, world.slack()[0].ts)]
    assert [(p.at, p.text) for p in world.slack("C0ADMIN")][1:] == [("10:00", f"Gridcall: {note}")]
    kept = await world.event()
    assert kept.outcomes() == ["missed"]
    assert world.moment(kept.verdict().at) == "10:00"
    for name in ("ana", "ben", "chie", "dee"):
        assert kept.verdict(name).outcome == "missed"
        assert "voice: no answer" in kept.verdict(name).reason
        assert (kept.row(name).state, kept.row(name).reason) == (State.FAILED, "no answer")
        assert kept.row(name, ChannelName.SMS).state is State.DELIVERED
    assert world.settled(kept) == []
    await world.advance(minutes=2)


@pytest.mark.backstops
async def test_polling_adds_nothing(world: World) -> None:
    """While the loops poll each second, as in production, nothing is repeated and nothing comes at another instant."""
    await first_the_awake_then_the_sleepers(world)


@pytest.mark.parametrize(
    ("hour", "awake", "asleep"),
    [(2, ["ana", "chie"], "ben"), (10, ["ben", "chie"], "ana"), (18, ["ana", "ben"], "chie")],
)
async def test_the_hour_decides_who_is_called_first(opens: OpenWorld, hour: int, awake: list[str], asleep: str) -> None:
    """The same event at three hours of the day calls three different pairs first, and who sleeps after 2:30."""
    async with opens(start=datetime(2026, 1, 13, hour, tzinfo=UTC)) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("2:29")
        for name, at in zip(awake, ("0:00", "0:01"), strict=True):
            world.phone(name).expects_call("Reduce one two point five megawatts", at=at)
            world.phone(name).expects_text("cut 12.5 MW", at="0:02")
        assert world.surprises() == []
        await world.advance_until("2:35")
        world.phone(asleep).expects_call("Reduce one two point five megawatts", at="2:30")
        world.phone(asleep).expects_text("cut 12.5 MW", at="2:32")


async def test_a_voicemail_is_nobody(world: World) -> None:
    """A voicemail takes the call: nobody has accepted, and the row says so."""
    await world.scene("nobody answers")
    await world.phone("ana").behaves(answer="voicemail")
    await world.post("edr")
    await world.advance_until("1:30")
    ana = world.phone("ana").expects_call(at="0:00")
    assert ana.answered_at == "0:02"
    world.phone("ana").expects_text("Reply 1")
    world.phone("ben").expects_call(at="0:01")
    world.phone("ben").expects_text("Reply 1")
    kept = await world.event()
    assert kept.outcomes() == []
    assert (kept.row("ana").state, kept.row("ana").reason) == (State.FAILED, "voicemail")
