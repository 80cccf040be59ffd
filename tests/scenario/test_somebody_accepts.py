"""Somebody accepts: who hears what, when, and what is kept about it."""

from model.plan import ChannelName, Kind, State
from tests.scenario.conftest import over_both
from tests.scenario.world import World


@over_both
async def test_first_person_accepts(world: World) -> None:
    """Everybody awake is told within two seconds; the first key stops the rest, and the deadline is kept at once."""
    ana, ben = world.phone("ana"), world.phone("ben")
    await world.scene("nobody answers")
    answer = await world.post("edr", prefer="wait=2")
    assert answer.status_code == 202
    assert answer.json()["rings"] is True
    await world.advance(seconds=2)

    call = ana.expects_call(
        "This is not a drill. MISO emergency demand response.",
        "Reduce one two point five megawatts",
        "by twelve thirty Central, thirteen thirty Eastern Standard",
        "Hold until released. At Foundry 1, zone 4.",
        "Press 1 to accept",
        at="0:00",
    )
    other = ben.expects_call("by eighteen thirty G M T, thirteen thirty Eastern Standard", at="0:01")
    words = ("cut 12.5 MW at Foundry 1", "hold until released", "Reply 1", "Planned end 16:30 CST (17:30 EST)")
    ana.expects_text("by 12:30 CST (13:30 EST)", *words, at="0:02")
    ben.expects_text("by 18:30 GMT (13:30 EST)", at="0:02")
    assert [(p.at, p.text) for p in world.slack()] == [
        ("0:00", "MISO EDR ACT NOW: Reduce 12.5 MW at Foundry 1 by 12:30 CST (13:30 EST)")
    ]
    assert [(p.at, p.action, p.key, p.severity) for p in world.pagerduty()] == [("0:00", "trigger", "g1", "info")]

    await world.advance(seconds=3)
    await call.presses("1")
    await world.quiet()
    assert call.heard[-1] == "You have accepted, and that counts. Also confirm in MCS. Goodbye."
    assert (other.ended, other.ended_at) == ("canceled", "0:05")
    assert world.slack()[1].text == "Ana Reyes accepted (voice, 18:00:05 UTC)"
    assert world.slack()[1].thread == world.slack()[0].ts
    assert [(p.at, p.action, p.key) for p in world.pagerduty()][1:] == [("0:05", "acknowledge", "g1")]

    await world.advance(minutes=11)
    ben.expects_text("Ana Reyes has it since 18:00 GMT. Nothing to do.", at="0:07")
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert world.moment(kept.verdict().at) == "0:05"
    assert [kept.verdict(p).outcome for p in ("ana", "ben")] == ["met", "not_needed"]
    row = kept.row("ana")
    instants = (row.sent_at, row.delivered_at, row.answered_at, row.acknowledged_at)
    assert [world.moment(at) for at in instants if at] == ["0:00", "0:00", "0:05", "0:05"]
    assert (kept.row("ben").state, kept.row("ben").reason) == (State.SUPERSEDED, "Ana Reyes has accepted")
    assert kept.row("ben", ChannelName.SMS, Kind.COURTESY).state is State.DELIVERED
    assert kept.breaks == []
    assert world.settled(kept) == []


async def test_who_is_listening_hears_why_it_stops(world: World) -> None:
    """The demo's scene: two pick up, the first key counts, the other hears whose it was; no text follows that."""
    await world.post("edr")
    await world.advance(minutes=1)
    ana, ben = world.phone("ana").expects_call(at="0:00"), world.phone("ben").expects_call(at="0:01")
    assert ana.heard[-1].startswith("You have accepted")
    assert ben.heard[-1] == "Ana Reyes has accepted. There is nothing you have to do now. Goodbye."
    for name in ("ana", "ben"):
        world.phone(name).expects_text("Reply 1")
    kept = await world.event()
    assert world.moment(kept.verdict().at) == "0:08"
