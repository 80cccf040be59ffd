"""What is not the real thing says so, first and last."""

from tests.scenario.world import World


async def test_a_drill_rings_and_says_drill_first(world: World) -> None:
    """People are called as for the real event; every message begins with DRILL and ends with it."""
    answer = await world.post("drill", prefer="wait=2")
    assert answer.json()["rings"] is True
    await world.advance(minutes=11)
    ana, ben = world.phone("ana").expects_call(at="0:00"), world.phone("ben").expects_call(at="0:01")
    assert ana.script.startswith("DRILL. MISO emergency demand response. Reduce one two point five")
    assert "This is a drill." in ana.heard[-1]
    assert "drill" in ben.script.lower()
    for name in ("ana", "ben"):
        text = world.phone(name).expects_text("Reply 1")
        assert text.text.startswith("DRILL MISO EDR")
        assert text.text.endswith("DRILL")
    alert = world.slack()[0].text
    assert alert.startswith("DRILL MISO EDR")
    assert alert.endswith("DRILL")
    assert world.slack("C0OPSTEST") == []
    summaries = {e.text for e in world.standins.feed.after(0) if e.channel == "pagerduty"}
    assert all(text.startswith("DRILL") for text in summaries)
    assert (await world.event()).outcomes() == ["met"]


async def test_a_test_rings_nobody(world: World) -> None:
    """The sender reads that nobody is rung; one line in the test channel, nothing anywhere else."""
    answer = await world.post("edr", prefer="wait=2", mode="test")
    assert answer.status_code == 202
    assert answer.json()["rings"] is False
    await world.advance(minutes=11)
    lines = world.slack("C0OPSTEST")
    assert len(lines) == 1
    assert lines[0].text.startswith("TEST")
    assert world.slack() == world.slack("C0ADMIN") == []
    assert world.pagerduty() == []


async def test_a_drill_says_so_where_people_look_for_it(world: World) -> None:
    """In Slack's status and where one asks who else is called, whatever its headline."""
    await world.scene("nobody answers")
    await world.post("edr", mode="drill")
    await world.advance_until("0:05")
    assert (await world.types_in_slack("status", by="ben")).startswith("DRILL 1: MISO EDR")
    await world.presses_button(world.slack()[0], "who_else", by="dee")
    assert world.whispers()[-1][1].startswith("DRILL Ref 1 r1:\n")
    for phone in world.everybody():
        phone.expects_everything()
