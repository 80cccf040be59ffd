"""Silence of a source is an alarm, and the next word of it an all-clear."""

import pytest

from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

LATE = "Gridcall: MISO is late: nothing heard since 18:00 UTC"
NOW_SILENT = "Gridcall: MISO is silent now, see silence/miso/2026-01-12T18:00:10Z"
ALARM = "Gridcall ALARM: MISO has been silent since 18:00 UTC"


def posted(world: World) -> list[tuple[str, str]]:
    return [(post.at, post.text) for post in world.slack() if post.thread is None]


async def test_late_silent_and_heard_again(opens: OpenWorld) -> None:
    """A line after five minutes, calls after six, and exactly those who were called hear when it is over."""
    async with opens(minds_silence_of=("miso",)) as world:
        ana, ben = world.phone("ana"), world.phone("ben")
        await world.scene("nobody answers")
        await world.advance_until("0:10")
        await world.hears()
        await world.advance_until("5:09")
        assert posted(world) == []
        await world.advance_until("5:10")
        assert posted(world) == [("5:10", LATE)]
        assert "Answer by" not in world.slack()[0].shows(), "a notice asks nothing"
        await world.advance_until("6:09")
        assert world.pagerduty() == []
        await world.advance_until("6:12")
        call = ana.expects_call(
            "This is not a drill. Gridcall alarm. MISO has been silent since 18:00 UTC.",
            "Instructions may be missed: look in MCS and check the connection.",
            "Press 1 to accept",
            "Reference one eight zero zero, revision one.",
            at="6:10",
        )
        ben.expects_call("MISO has been silent", at="6:11")
        for phone in (ana, ben):
            phone.expects_text(f"{ALARM}. Ref 1800 r1. Reply 1", "Instructions may be missed", at="6:12")
        assert posted(world) == [("5:10", NOW_SILENT), ("6:10", ALARM)]  # the line is edited, none is added
        await call.presses("1")
        await world.advance_until("12:30")
        ben.expects_text("Ana Reyes has it since")

        await world.hears()
        await world.advance_until("12:31")
        over = "Gridcall ALL CLEAR: MISO is heard again after 12 minutes"
        assert posted(world)[2:] == [("12:31", over)]
        await world.advance_until("16:00")
        alarm = world.slack()[1]
        assert alarm.text.startswith("ALL CLEAR, accepted by Ana Reyes 18:06 UTC. Gridcall: MISO has been silent")
        assert '"actions"' not in alarm.shows()
        ana.expects_call("Gridcall all clear. MISO is heard again after 12 minutes. Nothing to do.", at="12:31")
        for phone in (ana, ben):
            phone.expects_text(f"{over}. Nothing to do.")
        kept = await world.event("silence/miso/2026-01-12T18:00:10Z", "gridcall")
        assert kept.outcomes() == ["met"]
        assert world.settled(kept) == []


async def test_heard_in_time_after_the_notice_rings_nobody(opens: OpenWorld) -> None:
    async with opens(minds_silence_of=("miso",)) as world:
        await world.hears()
        await world.advance_until("5:30")
        assert posted(world) == [("5:00", LATE)]
        await world.post("edr", mode="test")  # any accepted message counts
        await world.advance_until("10:00")
        assert posted(world) == [("5:00", "Gridcall ALL CLEAR: MISO is heard again after 5 minutes")]


async def test_the_line_of_a_late_source_is_posted_anew_when_somebody_has_deleted_it(opens: OpenWorld) -> None:
    async with opens(minds_silence_of=("miso",)) as world:
        await world.hears()
        await world.advance_until("5:20")
        world.standins.workspace.channel("C0OPS").messages.clear()
        await world.hears()
        await world.advance_until("5:30")
        assert posted(world) == [("5:21", "Gridcall ALL CLEAR: MISO is heard again after 5 minutes")]


async def test_the_impatient_source(opens: OpenWorld) -> None:
    """Ten seconds and five: the same with another patience."""
    async with opens(minds_silence_of=("miso-fast",)) as world:
        await world.scene("nobody answers")
        await world.hears("miso-fast", "demo-fast")
        await world.hears("miso-fast", "demo-fast")
        await world.advance_until("0:17")
        assert [at for at, _ in posted(world)] == ["0:10", "0:15"]
        await world.hears("miso-fast", "demo-fast")
        await world.advance_until("0:18")
        assert posted(world)[2] == ("0:18", "Gridcall ALL CLEAR: MISO, fast is heard again after 17 seconds")
        for _ in range(10):
            await world.hears("miso-fast", "demo-fast")
            await world.advance(seconds=9)
        for name, at in (("ana", "0:15"), ("ben", "0:16")):
            world.phone(name).expects_call("MISO, fast has been silent", at=at)
            world.phone(name).expects_text("Gridcall ALARM")
            world.phone(name).expects_text("Gridcall ALL CLEAR")
        assert len(posted(world)) == 3


@pytest.mark.long
async def test_killed_while_silent(opens: OpenWorld) -> None:
    """The alarm is not repeated, the all-clear not lost; silence that falls into our own downtime gets a new period."""
    async with opens(minds_silence_of=("miso",)) as world:
        await world.scene("nobody answers")
        await world.hears()
        await world.advance_until("6:05")
        await world.kill_service()
        await world.advance(minutes=20)
        await world.start_service()
        await world.advance(minutes=10)
        late_line_now = "Gridcall: MISO is silent now, see silence/miso/2026-01-12T18:00:00Z"
        ours = "Gridcall: Nothing could come in for 20 minutes, from 18:06 UTC"
        assert [text for _, text in posted(world)] == [late_line_now, ALARM, ours]
        await world.hears()
        await world.advance(seconds=1)
        assert posted(world)[-1][1] == "Gridcall ALL CLEAR: MISO is heard again after 36 minutes"
        await world.advance(minutes=2)
        for name in ("ana", "ben"):
            world.phone(name).expects_call("MISO has been silent")
            world.phone(name).expects_text("Gridcall ALARM")
            world.phone(name).expects_text("Gridcall ALL CLEAR")
