"""Answers by text and by button."""

from app import serve
from model.plan import ChannelName
from tests.scenario.conftest import OpenWorld
from tests.scenario.people import Text
from tests.scenario.world import World, patient


async def rung_for(world: World, *names: str) -> dict[str, Text]:
    """Events of those names, of which the first makes the phones ring for long; Ana's texts by event."""
    await world.scene("nobody answers")
    for number, name in enumerate(names):
        await world.post("edr", name)
        await world.advance_to(world.clock.now())
        await world.advance_until(f"{number + 1}:00")
    for who in ("ana", "ben"):
        world.phone(who).expects_call("Reduce one two point five megawatts")
        for _ in names[1:]:
            world.phone(who).expects_direct_message("Reduce 12.5 MW")  # their phones are busy with the first
    texts = {}
    for name in names:
        reference = name.partition("-")[2]
        texts[name] = world.phone("ana").expects_text(f"Ref {reference} r1", "Reply 1")
        world.phone("ben").expects_text(f"Ref {reference} r1", "Reply 1")
    return texts


async def test_a_code_accepts(world: World) -> None:
    """1 and the code accepts, in any writing; Ben, who was rung in vain, hears whose it is."""
    texts = await rung_for(world, "E-1")
    answer = await world.phone("ana").says(f" 1 {texts['E-1'].code.lower()}. ")
    assert answer == "Accepted: MISO EDR Ref 1 r1. This counts."
    await world.advance(minutes=11)
    world.phone("ben").expects_text("Ana Reyes has it since 18:01 GMT. Nothing to do.", at="1:02")
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert [(r.person, r.channel, r.said) for r in kept.replies] == [
        ("ana", "sms", f" 1 {texts['E-1'].code.lower()}. ")
    ]
    assert world.slack()[1].text == "Ana Reyes accepted (sms, 18:01:00 UTC)"


async def test_a_bare_1_counts_when_one_code_is_open(world: World) -> None:
    await rung_for(world, "E-1")
    assert await world.phone("ana").says("1") == "Accepted: MISO EDR Ref 1 r1. This counts."
    await world.advance(seconds=10)
    world.phone("ben").expects_text("Ana Reyes has it")


async def test_a_bare_1_with_two_open_codes_counts_nothing(world: World) -> None:
    """Both codes are listed; 1* then accepts both events."""
    texts = await rung_for(world, "E-1", "E-2")
    answer = await world.phone("ana").says("1")
    assert answer.startswith("Not understood, nothing counted. Reply with a code: ")
    for text in texts.values():
        assert f"1{text.code} or 2{text.code}" in answer
    await world.quiet()
    for name in texts:
        assert (await world.event(name)).replies == []

    answer = await world.phone("ana").says("1*")
    assert "Accepted: MISO EDR Ref 1 r1." in answer
    assert "Accepted: MISO EDR Ref 2 r1." in answer
    await world.advance(minutes=11)
    for name in texts:
        assert (await world.event(name)).outcomes() == ["met"]
    world.phone("ben").expects_text("Ref 1 r1", "Ana Reyes has it")  # of the second event he was not called


async def test_a_bare_1_just_after_a_revision_counts_nothing(world: World) -> None:
    """It may have been typed under the order before, whose code says so; two minutes later nobody means that one."""
    texts = await rung_for(world, "E-1")
    more = {"action": "reduce_load", "target_mw": 15.0, "target_kind": "relative", "mandatory": True}
    await world.post("edr", revision=2, message_type="update", instruction=more, headline="MISO EDR: cut 15 MW")
    await world.advance(seconds=10)
    ana, ben = world.phone("ana"), world.phone("ben")
    code = ana.expects_text("NOW 15 MW (was 12.5)", "Reply 1").code
    late = await ana.says(f"1{texts['E-1'].code}")
    replaced = "Not counted: MISO EDR Ref 1 r1. Revision 1 was replaced: revision 2 needs an answer."
    assert late == f"{replaced} Reply with a code: 1{code} or 2{code}."
    assert await ana.says("1") == f"Not understood, nothing counted. Reply with a code: 1{code} or 2{code}."
    assert (await world.event()).replies == []
    await world.advance(minutes=2)
    assert await ana.says("1") == "Accepted: MISO EDR Ref 1 r2. This counts."
    await world.advance(seconds=10)
    for phone in (ana, ben):
        phone.expects_everything()


async def test_a_stranger_gets_no_answer(world: World) -> None:
    """Nor does a right code count when it comes from another number."""
    texts = await rung_for(world, "E-1")
    assert await world.phone("+13125559999").says(f"1{texts['E-1'].code}") == ""
    assert (await world.event()).replies == []
    assert (await world.phone("dee").says(f"1{texts['E-1'].code}")).startswith("Not understood, nothing counted.")
    assert (await world.event()).replies == []


ROSTER = patient(serve.DEMO_ROSTER.read_text())
NUMBER = "    phone: +13125550101\n"


async def test_a_text_from_the_phone_that_rang_counts_too(opens: OpenWorld) -> None:
    """Ana's texts go to another number; the codes of that one are hers."""
    async with opens(roster=ROSTER.replace(NUMBER, f"{NUMBER}    sms: +13125550199\n")) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:05")
        code = world.phone("+13125550199").expects_text("Reply 1").code
        assert await world.phone("ana").says(f"1{code}") == "Accepted: MISO EDR Ref 1 r1. This counts."
        await world.advance(seconds=20)
        assert [(r.person, r.channel) for r in (await world.event()).replies] == [("ana", "sms")]
        for phone in world.everybody():
            phone.expects_everything()


async def test_who_gets_no_texts_reads_that_none_counts(opens: OpenWorld) -> None:
    async with opens(roster=ROSTER.replace(NUMBER, f"{NUMBER}    sms: false\n")) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:05")
        assert (await world.phone("ana").says("1")).endswith("Press a key in the call.")
        assert (await world.event()).replies == []
        for phone in world.everybody():
            phone.expects_everything()


async def test_what_is_no_answer_is_none(world: World) -> None:
    """HELP is answered, STOP is not; a sentence, a wrong code and a code that is closed count nothing."""
    texts = await rung_for(world, "E-1")
    ana, code = world.phone("ana"), texts["E-1"].code
    assert "Reply 1 and the code to accept" in await ana.says("help")
    assert await ana.says("STOP") == ""
    wrong = "A" if code != "A" else "B"
    for said in (f"1{wrong}", "yes I can do that, see you at the foundry in ten minutes", f"1{wrong}"):
        assert (await ana.says(said)).startswith("Not understood, nothing counted.")
    for _ in range(2):
        assert (await ana.says("take it")).endswith(f"Reply with a code: 1{code} or 2{code}.")
    for _ in range(3):
        assert await ana.says("I am driving and will reply later") == ""  # three in an hour are enough for a machine
    await world.quiet()
    assert (await world.event()).replies == []
    await world.post("cancel")
    await world.advance(seconds=10)
    for who in ("ana", "ben"):
        world.phone(who).expects_text("CANCELLED")
    for said in (f"1{code}", "2", f"1{code}"):
        assert await ana.says(said) == "MISO EDR Ref 1 r1: it was cancelled. Nothing to do."
    assert await ana.says(f"1{code}") == ""  # somebody's machine sends it again and again
    await world.advance(minutes=60)
    assert (await ana.says("what")).startswith("Not understood, nothing counted. Nothing is open for you.")
    assert await ana.says("what") == ""


async def test_two_people_press_the_button(world: World) -> None:
    """The first acceptance fulfils it, the second is kept beside it; phones stop at the first."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:05")
    alert = world.slack()[0]
    await world.presses_button(alert, "acknowledge", by="ben")
    await world.advance_until("0:06")
    await world.presses_button(alert, "acknowledge", by="chie")
    await world.presses_button(alert, "acknowledge", by="U0STRANGER")
    await world.advance(minutes=11)
    calls = [world.phone("ana").expects_call(at="0:00"), world.phone("ben").expects_call(at="0:01")]
    assert [(c.ended, c.ended_at) for c in calls] == [("canceled", "0:05")] * 2
    for who in ("ana", "ben"):
        world.phone(who).expects_text("Reply 1")
    world.phone("ana").expects_text("Ben Okafor has it since 12:00 CST")
    assert [p.text for p in world.slack()][1:] == [
        "Ben Okafor accepted (slack, 18:00:05 UTC)",
        "Chie Mori accepted (slack, 18:00:06 UTC)",
    ]
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert kept.verdict("ben").outcome == "met"
    assert kept.verdict().reason == "accepted by Ben Okafor at 18:00:05 UTC"
    assert [r.person for r in kept.replies] == ["ben", "chie"]
    assert world.settled(kept) == []


async def test_the_button_says_cannot(world: World) -> None:
    """The next group is called at once."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:10")
    await world.presses_button(world.slack()[0], "cannot_comply", by="ana")
    await world.advance_until("0:40")
    for who, at in (("ana", "0:00"), ("ben", "0:01"), ("chie", "0:10")):
        world.phone(who).expects_call(at=at)
        world.phone(who).expects_text("Reply 1")
    kept = await world.event()
    assert [(r.person, str(r.answer)) for r in kept.replies] == [("ana", "cannot_comply")]
    assert kept.row("ana", ChannelName.SMS) is not None
