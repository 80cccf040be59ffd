"""An event that is two teams' business: each is called by its own steps, and each must answer."""

from app import serve
from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.world import patient

PLANT = "  plant: {name: Plant, slack_channel: C0PLANT}\n"
STEPS = """\
  plant:
    steps: [{after_seconds: 0, people: [dee]}, {after_seconds: 60, people: [eli]}]
"""
ROUTE = "  - {id: plant-too, match: {zones: [MISO-LRZ/4]}, team: plant, policy: plant, continue: true}\n"


def roster() -> str:
    text = patient(serve.DEMO_ROSTER.read_text())
    for section, more in (("teams", PLANT), ("policies", STEPS), ("routes", ROUTE)):
        assert f"\n{section}:\n" in text
        text = text.replace(f"\n{section}:\n", f"\n{section}:\n{more}")
    return text


@over_both
async def test_one_answer_stops_the_phones_of_one_team(opens: OpenWorld) -> None:
    """Ana has it for operations; the plant's phones go on, its next step is called, and its answer ends it."""
    async with opens(roster=roster()) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:10")
        for name in ("ana", "ben", "dee"):
            world.phone(name).expects_text("Reply 1")
        calls = {name: world.phone(name).expects_call() for name in ("ana", "ben", "dee")}
        await calls["ana"].presses("1")
        await world.advance_until("0:50")
        assert calls["ben"].ended == "canceled"
        assert calls["dee"].ended is None

        await world.advance_until("1:10")
        eli = world.phone("eli").expects_call(at="1:00")
        world.phone("eli").expects_text("Reply 1")
        assert (await world.event()).outcomes() == []
        await eli.presses("1")
        await world.advance(minutes=11)
        for name in ("ben", "dee"):
            world.phone(name).expects_text("Eli Novak has it since")
        assert calls["dee"].ended == "canceled"
        kept = await world.event()
        assert kept.outcomes() == ["met"]
        assert world.moment(kept.verdict().at) == "1:10"
        assert kept.verdict().reason.endswith("for each of 2 teams")
        for channel in ("C0OPS", "C0PLANT"):
            first, *notes = world.slack(channel)
            assert [note.thread for note in notes] == [first.ts] * 2
            assert [note.text.split(" accepted")[0] for note in notes] == ["Ana Reyes", "Eli Novak"]
        assert kept.breaks == []
        assert world.settled(kept) == []
