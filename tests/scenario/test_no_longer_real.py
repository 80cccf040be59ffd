"""An order that is corrected to be a drill or a test goes on as that, and everybody who was told hears so."""

from typing import Any

from tests.scenario.world import World


async def told_as_real(world: World) -> dict[str, Any]:
    """At 0:05 Ana and Ben were called and written to, in vain. Returns what the issuer sends as an update."""
    said = world.example("edr")
    await world.scene("nobody answers")
    await world.post("edr", **said)
    await world.advance_until("0:05")
    world.phone("ana").expects_call("This is not a drill", at="0:00")
    world.phone("ben").expects_call("This is not a drill", at="0:01")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("ACT NOW", "Reply 1")
    return said | {"message_type": "update"}


async def test_a_real_order_that_becomes_a_drill_goes_on_as_a_drill(world: World) -> None:
    """Who was told is rung anew and hears that it is a drill now; nobody hears any more that it is none."""
    said = await told_as_real(world)
    await world.advance_until("1:00")
    await world.post("edr", **said | {"revision": 2, "mode": "drill"})
    await world.advance_until("1:05")
    for name in ("ana", "ben"):
        call = world.phone(name).expects_call("Changed: NOW A DRILL (was real)")
        assert call.script.startswith("DRILL. ")
        text = world.phone(name).expects_text("NOW A DRILL (was real)", "r2", "Reply 1")
        assert text.text.startswith("DRILL ")
    assert "NOW A DRILL (was real)" in world.slack()[-1].text
    await world.advance_until("11:05")
    calls = [call for phone in world.everybody() for call in phone.calls if call.at >= "1:00"]
    assert len(calls) >= 3
    assert {call.script.split(".")[0] for call in calls} == {"DRILL"}
    for phone in world.everybody():
        phone.expects_everything()
    kept = await world.event()
    assert [(v.revision, str(v.outcome)) for v in kept.verdicts if v.person is None] == [(2, "missed")]


async def test_a_real_order_that_becomes_a_test_stops(world: World) -> None:
    """No phone rings for it any more; who was told hears that it is only a test; nobody has missed anything."""
    said = await told_as_real(world)
    ana = world.phone("ana")
    await ana.says(f"1{ana.texts[0].code}")
    await world.advance_until("1:00")
    world.phone("ben").expects_text("Ana Reyes has it")
    await world.post("edr", **said | {"revision": 2, "mode": "test"})
    await world.advance_until("11:00")
    call = ana.expects_call("Stand down. This is only a test, take no action", at="1:00")
    assert call.script.startswith("TEST. ")
    for name in ("ana", "ben"):
        text = world.phone(name).expects_text("this is only a test, take no action", "r2")
        assert text.text.startswith("TEST MISO EDR STAND DOWN: ")
        assert "Reply" not in text.text
    first, *_, last = world.slack()
    assert first.text.startswith("NOW A TEST. ")
    assert '"acknowledge"' not in first.shows()
    assert "STAND DOWN: NOW A TEST (was real). This is only a test, take no action" in last.text
    assert [post.text[:4] for post in world.slack("C0OPSTEST")] == ["TEST"]
    assert [(p.at, p.action, p.key) for p in world.pagerduty()][-1] == ("1:05", "resolve", "g1")
    kept = await world.event()
    said = [(v.revision, str(v.outcome)) for v in kept.verdicts if v.person is None]
    assert said == [(1, "met"), (2, "not_needed")]
    assert world.settled(kept) == []


async def test_who_answers_the_real_order_late_is_asked_for_nothing(world: World) -> None:
    """By text and by button: what is only a test needs no answer."""
    said = await told_as_real(world)
    code = world.phone("ana").texts[0].code
    post = world.slack()[0]
    await world.breaks("slack", status=503, path="chat.update")  # the buttons are there still
    await world.post("edr", **said | {"revision": 2, "mode": "test"})
    await world.quiet()
    needs_none = "Not counted: MISO EDR Ref 1 r1. Revision 1 was replaced: revision 2 needs no answer."
    assert await world.phone("ana").says(f"1{code}") == needs_none
    await world.presses_button(post, "acknowledge", by="ben")
    assert world.whispers() == [(world.phone("ben").slack, needs_none)]
    await world.mends("slack")
    await world.advance(seconds=10)
    for phone in world.everybody():
        phone.expects_everything()


async def test_a_test_that_becomes_real_after_all_calls_again(world: World) -> None:
    said = await told_as_real(world)
    await world.post("edr", **said | {"revision": 2, "mode": "test"})
    await world.advance_until("1:00")
    for phone in world.everybody():
        phone.expects_everything()
    await world.post("edr", **said | {"revision": 3})
    await world.advance_until("1:05")
    ana = world.phone("ana").expects_call("This is not a drill", "NOW REAL (was a test)")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("NOW REAL (was a test)", "r3", "Reply 1")
    world.phone("ben").expects_call("NOW REAL")
    await ana.presses("1")
    await world.advance(minutes=11)
    world.phone("ben").expects_text("Ana Reyes has it")
    kept = await world.event()
    said = [(v.revision, str(v.outcome)) for v in kept.verdicts if v.person is None]
    assert said == [(2, "not_needed"), (3, "met")]
