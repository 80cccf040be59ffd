"""Somebody cannot comply: the next person is called at once; whoever answers twice is taken at their last word."""

from notifiers.wording.answers import NEXT
from tests.scenario.conftest import over_both
from tests.scenario.world import World


async def begin(world: World) -> None:
    """Ana and Ben are rung and do not pick up."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:10")
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1")


@over_both
async def test_cannot_comply_calls_the_next_person_at_once(world: World) -> None:
    """The sleeping group is woken at once, later the next step at once; then one of them accepts."""
    await begin(world)
    ana = await world.phone("ana").expects_call(at="0:00").presses("2")
    await world.advance_until("0:30")
    assert f"Noted: you cannot comply. {NEXT} To change, press 1 to accept." in ana.heard
    chie = world.phone("chie").expects_call(at="0:10")
    world.phone("chie").expects_text("Reply 1", at="0:12")
    world.phone("ben").expects_call(at="0:01")
    assert "Ana Reyes cannot comply (voice, 18:00:10 UTC)" in [p.text for p in world.slack()]

    await chie.presses("2")
    await world.advance_until("0:40")
    dee = world.phone("dee").expects_call(at="0:30")
    world.phone("dee").expects_text("Reply 1", at="0:32")
    await dee.presses("1")
    await world.advance(minutes=11)
    world.phone("ben").expects_text("Dee Larsen has it since 18:00 GMT", at="0:42")
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert world.moment(kept.verdict().at) == "0:40"
    assert {p: str(kept.verdict(p).outcome) for p in ("ana", "ben", "chie", "dee")} == {
        "ana": "not_needed",
        "ben": "not_needed",
        "chie": "not_needed",
        "dee": "met",
    }
    assert world.settled(kept) == []


@over_both
async def test_who_cannot_and_then_can_on_the_same_call_has_it(world: World) -> None:
    """The 2 calls the next person at once, the 1 four seconds later stops them: the latest answer counts."""
    await begin(world)
    ana = await world.phone("ana").expects_call(at="0:00").presses("2")
    ben = world.phone("ben").expects_call(at="0:01")
    await world.advance_until("0:14")
    chie = world.phone("chie").expects_call(at="0:10")
    assert (ana.ended, ben.ended, chie.ended) == (None, None, None)
    assert (await world.event()).outcomes() == []

    await ana.presses("1")
    await world.advance_until("0:20")
    assert [said for said in ana.heard if said.startswith(("Noted", "You have"))] == [
        f"Noted: you cannot comply. {NEXT} To change, press 1 to accept.",
        "You have accepted, and that counts. Also confirm in MCS. Goodbye.",
    ]
    assert [(c.ended, c.ended_at) for c in (ben, chie)] == [("canceled", "0:14")] * 2
    world.phone("chie").expects_text("Reply 1", at="0:12")
    for name, at in (("ben", "0:16"), ("chie", "0:16")):
        world.phone(name).expects_text("Ana Reyes has it since", at=at)
    await world.advance(minutes=11)
    await has_it_after_all(world, "0:14", "voice")
    assert [p.text for p in world.slack()[1:]] == [
        "Ana Reyes cannot comply (voice, 18:00:10 UTC)",
        "Ana Reyes accepted (voice, 18:00:14 UTC)",
    ]


async def test_who_cannot_and_later_can_by_text_has_it(world: World) -> None:
    """As on the same call: her phone has hung up long since, and whom the 2 called is stopped."""
    await begin(world)
    await world.phone("ana").expects_call(at="0:00").presses("2")
    ben = world.phone("ben").expects_call(at="0:01")
    await world.advance_until("1:00")
    chie = world.phone("chie").expects_call(at="0:10")
    world.phone("chie").expects_text("Reply 1", at="0:12")
    assert (await world.event()).outcomes() == []

    said = await world.phone("ana").says(f"1{world.phone('ana').texts[0].code}")
    assert said == "Accepted: MISO EDR Ref 1 r1. This counts."
    await world.advance_until("1:10")
    assert [(c.ended, c.ended_at) for c in (ben, chie)] == [("canceled", "1:00")] * 2
    for name in ("ben", "chie"):
        world.phone(name).expects_text("Ana Reyes has it since", at="1:02")
    await world.advance(minutes=11)
    await has_it_after_all(world, "1:00", "sms")
    assert [p.text for p in world.slack()[1:]] == [
        "Ana Reyes cannot comply (voice, 18:00:10 UTC)",
        "Ana Reyes accepted (sms, 18:01:00 UTC)",
    ]


async def has_it_after_all(world: World, at: str, channel: str) -> None:
    """Met by Ana's second answer, nobody else called, both answers kept."""
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert world.moment(kept.verdict().at) == at
    assert kept.verdict().reason == f"accepted by Ana Reyes at {world.instant(at):%H:%M:%S} UTC"
    assert {p: (str(kept.verdict(p).outcome), kept.verdict(p).reason) for p in ("ana", "ben", "chie")} == {
        "ana": ("met", f"accepted by {channel}"),
        "ben": ("not_needed", kept.verdict().reason),
        "chie": ("not_needed", kept.verdict().reason),
    }
    assert [(r.person, str(r.answer), world.moment(r.received_at)) for r in kept.replies] == [
        ("ana", "cannot_comply", "0:10"),
        ("ana", "acknowledge", at),
    ]
    assert not world.slack("C0ADMIN")
    assert world.settled(kept) == []


async def test_whoever_passes_it_on_says_nothing_of_the_site(world: World) -> None:
    """The next person is called at once, as after a 2; kept and told is that it was passed on. 1 still accepts."""
    await begin(world)
    ana = await world.phone("ana").expects_call("9 for the next person").presses("9")
    await world.advance_until("0:14")
    assert f"Passed on. {NEXT} To accept after all, press 1." in ana.heard
    chie = world.phone("chie").expects_call(at="0:10")
    assert "Ana Reyes passed it on (voice, 18:00:10 UTC)" in [p.text for p in world.slack()]
    await ana.presses("1")
    await world.advance_until("0:40")
    kept = await world.event()
    assert [(str(r.answer), r.said) for r in kept.replies] == [("cannot_comply", "9, passed on"), ("acknowledge", "1")]
    assert kept.outcomes() == ["met"]
    assert chie.ended in ("canceled", "completed")
    for phone in world.everybody():
        phone.expects_everything()


async def test_taking_an_acceptance_back_reopens(world: World) -> None:
    """The verdict is reopened; who was stopped and the next group are called at once; it can be met again."""
    await begin(world)
    ana = world.phone("ana").expects_call(at="0:00")
    ben = world.phone("ben").expects_call(at="0:01")
    await ana.presses("1")
    await world.advance_until("1:00")
    assert ben.ended == "canceled"
    world.phone("ben").expects_text("Ana Reyes has it", at="0:12")

    code = world.phone("ana").texts[0].code
    said = await world.phone("ana").says(f"2{code}")
    words = "The next person is called, if one is left and nobody has it."  # somebody may have it
    assert said == f"Noted, you cannot: MISO EDR Ref 1 r1. {words}"
    await world.advance_until("1:10")
    world.phone("ben").expects_call(at="1:00")
    chie = world.phone("chie").expects_call(at="1:01")
    world.phone("chie").expects_text("Reply 1", at="1:02")
    assert (await world.event()).outcomes() == ["met", "reopened"]
    await chie.presses("1")
    await world.advance(minutes=11)
    kept = await world.event()
    assert kept.outcomes() == ["met", "reopened", "met"]
    assert [world.moment(v.at) for v in kept.verdicts if v.person is None] == ["0:10", "1:00", "1:10"]
    assert world.settled(kept) == []


async def test_taking_an_acceptance_back_when_every_step_was_taken(world: World) -> None:
    """Nobody else is left to call: those who did not answer before are called once more, however late it is."""
    await begin(world)
    await world.advance_until("6:00")
    codes = {name: world.phone(name).texts[0].code for name in ("ana", "ben", "chie", "dee")}
    await world.phone("ana").says(f"1{codes['ana']}")
    await world.advance_until("6:30")
    rung = {name: len(world.phone(name).calls) for name in codes}
    assert "Noted, you cannot" in await world.phone("ana").says(f"2{codes['ana']}")
    await world.advance_until("6:40")
    assert {name: len(world.phone(name).calls) - rung[name] for name in codes} == {
        "ana": 0,
        "ben": 1,
        "chie": 1,
        "dee": 1,
    }
    await world.phone("dee").calls[-1].presses("1")
    await world.advance(minutes=11)
    kept = await world.event()
    assert kept.outcomes() == ["met", "reopened", "met"]
    assert world.settled(kept) == []
    for phone in world.everybody():
        phone.expects_everything()


async def test_everybody_cannot(world: World) -> None:
    """When nobody is left to call, the admins hear so at once, and the deadline is missed with the reasons."""
    await begin(world)
    for name, at in (("ana", "0:00"), ("ben", "0:01")):
        await world.phone(name).expects_call(at=at).presses("2")
        await world.advance(seconds=5)
    for name, at in (("chie", "0:10"), ("dee", "0:15")):
        world.phone(name).expects_text("Reply 1")
        await world.phone(name).expects_call(at=at).presses("2")
        await world.advance(seconds=5)
    admins = world.slack("C0ADMIN")
    assert [p.text for p in admins] == ["Gridcall: Dee Larsen cannot comply and nobody is left to call"]
    await world.advance(minutes=11)
    kept = await world.event()
    assert kept.outcomes() == ["missed"]
    assert {str(kept.verdict(p).reason) for p in ("ana", "ben", "chie", "dee")} == {"cannot comply"}
