"""An event changes: who must answer again, who only hears of it, and who stands down."""

from datetime import timedelta

import pytest

from model.plan import State
from tests.scenario.conftest import over_both
from tests.scenario.people import Call
from tests.scenario.world import World


async def accepted_by_ana(world: World) -> tuple[Call, Call]:
    """At 0:05 Ana accepts, Ben did not pick up; at 1:00 all is quiet."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:05")
    ana, ben = world.phone("ana").expects_call(at="0:00"), world.phone("ben").expects_call(at="0:01")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1")
    await ana.presses("1")
    await world.advance_until("1:00")
    world.phone("ben").expects_text("Ana Reyes has it")
    return ana, ben


async def test_more_megawatts_need_a_new_answer(world: World) -> None:
    """Those who were told are called again with what changed, PagerDuty opens a new alert, a new verdict is due."""
    await accepted_by_ana(world)
    more = {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True}
    changed = {"revision": 2, "message_type": "update", "instruction": more, "headline": "MISO EDR: cut 15 MW"}
    answer = (await world.post("edr", prefer="wait=2", **changed)).json()
    leads_to = "accepted as update of revision 1; it needs a new answer: people are called for it"
    assert (answer["rings"], answer["detail"]) == (None, leads_to)
    await world.advance_until("1:05")
    ana = world.phone("ana").expects_call("Reduce one five megawatts", at="1:00")
    world.phone("ben").expects_call("Reduce one five megawatts", at="1:01")
    assert "Changed: NOW 15 MW" in ana.script
    for name in ("ana", "ben"):
        world.phone(name).expects_text("NOW 15 MW (was 12.5)", "r2", "Reply 1", at="1:02")
    assert [(p.at, p.action, p.key) for p in world.pagerduty()] == [
        ("0:00", "trigger", "g1"),
        ("0:05", "acknowledge", "g1"),
        ("1:00", "trigger", "g3"),
        ("1:00", "resolve", "g1"),
    ]
    kept = await world.event()
    assert kept.event.answer_revision == 2
    assert [v.outcome for v in kept.verdicts if v.person is None and v.revision == 2] == []
    await ana.presses("1")
    await world.advance(minutes=11)
    world.phone("ben").expects_text("Ana Reyes has it")
    kept = await world.event()
    assert [(v.revision, str(v.outcome)) for v in kept.verdicts if v.person is None] == [(1, "met"), (2, "met")]
    assert ("1:05", "acknowledge", "g3") in [(p.at, p.action, p.key) for p in world.pagerduty()]
    assert world.settled(kept) == []


async def test_an_update_that_repeats_when_the_first_answer_was_due_has_its_own_time(world: World) -> None:
    """The issuer sends the whole event again, as it is told to, after the time for the first answer has passed."""
    said = world.example("edr")
    await accepted_by_ana(world)
    await world.advance(minutes=14)
    more = {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True}
    await world.post("edr", **said | {"revision": 2, "message_type": "update", "instruction": more})
    await world.advance(seconds=5)
    ana = world.phone("ana").expects_call("Reduce one five megawatts", at="15:00")
    assert "late" not in ana.script
    world.phone("ben").expects_call("Reduce one five megawatts", at="15:01")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("ACT NOW", "r2", at="15:02")
    kept = await world.event()
    assert kept.event.deadline_at == kept.event.latest.received_at + timedelta(minutes=10)
    await ana.presses("1")
    await world.advance(minutes=1)
    world.phone("ben").expects_text("Ana Reyes has it")
    kept = await world.event()
    assert [(v.revision, str(v.outcome)) for v in kept.verdicts if v.person is None] == [(1, "met"), (2, "met")]


async def test_an_update_that_asks_nothing_new_only_informs(world: World) -> None:
    """Those who were told get a text, the channel a message; no phone rings and nobody has to answer."""
    said = world.example("edr")
    await accepted_by_ana(world)
    before = len(world.slack())
    changed = {"revision": 2, "message_type": "update", "text": "We have a new number."}
    answer = (await world.post("edr", prefer="wait=2", **said | changed)).json()
    assert (answer["rings"], "it needs no new answer" in answer["detail"]) == (False, True)
    await world.advance(minutes=11)
    for name in ("ana", "ben"):
        world.phone(name).expects_text("UPDATE", "r2", "No new answer needed", at="1:02")
    assert len(world.slack()) == before + 1
    assert "UPDATE" in world.slack()[-1].text
    kept = await world.event()
    assert kept.event.answer_revision == 1
    assert kept.outcomes() == ["met"]


async def test_past_its_planned_end_it_is_no_release(world: World) -> None:
    """Those who were told are reminded that it holds until released; no phone rings. Then the release comes."""
    ends_at = (world.clock.now() + timedelta(minutes=15)).isoformat()
    await world.scene("nobody answers")
    await world.post("edr", ends_at=ends_at)
    await world.advance_until("0:05")
    ana = world.phone("ana").expects_call(at="0:00")
    world.phone("ben").expects_call(at="0:01")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1")
    await ana.presses("1")
    await world.advance_until("1:00")
    world.phone("ben").expects_text("Ana Reyes has it")
    await world.advance(minutes=15)
    for name in ("ana", "ben"):
        world.phone(name).expects_text("was planned to end at", "is not released: hold until it is")
    assert "is not released: hold until it is" in world.slack()[-1].text
    assert str((await world.event()).event.status) == "open"


@over_both
async def test_cancelled_while_phones_ring(world: World) -> None:
    """The calls end, exactly those who were told stand down, and PagerDuty is resolved after that."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:10")
    calls = [world.phone("ana").expects_call(at="0:00"), world.phone("ben").expects_call(at="0:01")]
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1", at="0:02")
    await world.post("cancel")
    await world.quiet()
    assert [(c.ended, c.ended_at) for c in calls] == [("canceled", "0:10")] * 2
    await world.advance(minutes=11)
    for name in ("ana", "ben"):
        world.phone(name).expects_text("CANCELLED", "take no action", "r2", at="0:12")
    assert [(p.at, p.action, p.key) for p in world.pagerduty()] == [
        ("0:00", "trigger", "g1"),
        ("0:15", "resolve", "g1"),
    ]
    told = max(n for n, e in enumerate(world.standins.feed.after(0)) if e.channel == "slack")
    resolved = max(n for n, e in enumerate(world.standins.feed.after(0)) if e.channel == "pagerduty")
    assert resolved > told
    assert "CANCELLED" in world.slack()[-1].text
    kept = await world.event()
    assert kept.event.status == "cancelled"
    assert kept.outcomes() == ["not_needed"]
    assert {kept.row(name).state for name in ("ana", "ben")} == {State.SUPERSEDED}
    assert world.settled(kept) == []


async def test_cancelled_while_somebody_listens(world: World) -> None:
    """Who has picked up hears at once that it is over, and is called about it."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:05")
    ana = await world.phone("ana").expects_call(at="0:00").is_answered()
    world.phone("ben").expects_call(at="0:01")
    await world.advance_until("0:10")
    await world.post("cancel")
    await world.advance_until("3:00")
    assert ana.heard[-1] == "The event was cancelled. There is nothing you have to do now. Goodbye."
    world.phone("ana").expects_call("Stand down", "take no action")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1")
        world.phone(name).expects_text("CANCELLED")


@pytest.mark.long
async def test_a_cancel_before_its_event(world: World) -> None:
    """It is kept as a tombstone; the late event rings nobody, and the sender reads so."""
    await world.post("cancel")
    await world.advance_until("0:10")
    late = await world.post("edr", prefer="wait=2")
    assert late.status_code == 202
    assert late.json()["rings"] is False
    await world.advance(minutes=11)
    assert (await world.event()).event.status == "tombstone"
    assert world.pagerduty() == []


@pytest.mark.long
async def test_released_after_somebody_accepted(world: World) -> None:
    """Who accepted is phoned and texted, who was told is texted, nobody else hears of it."""
    await accepted_by_ana(world)
    await world.post("terminate")
    await world.advance(minutes=11)
    world.phone("ana").expects_call("Stand down", "Released, resume", at="1:00")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("RELEASED", "resume", "r2", at="1:02")
    assert [(p.at, p.action, p.key) for p in world.pagerduty()][-1] == ("1:05", "resolve", "g1")
    kept = await world.event()
    assert kept.event.status == "terminated"
    assert kept.outcomes() == ["met"]
    assert world.settled(kept) == []
