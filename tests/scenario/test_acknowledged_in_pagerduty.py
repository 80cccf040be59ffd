"""Somebody acknowledges the incident in PagerDuty."""

from tests.scenario.conftest import over_both
from tests.scenario.world import World


async def rung(world: World) -> None:
    """Two phones ring, texts are out, and PagerDuty has its alert."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:20")
    for name in ("ana", "ben"):
        world.phone(name).expects_call()
        world.phone(name).expects_text("Reply 1")


@over_both
async def test_it_stops_the_calls(world: World) -> None:
    """The phones fall silent at that second, the deadline is kept, and nobody of the next step is called."""
    await rung(world)
    [alert] = world.pagerduty()
    await world.acknowledges_in_pagerduty(alert, "P0BEN")
    await world.advance_until("11:00")

    calls = [call for call in world.standins.calls.by_sid.values()]
    assert [call.status for call in calls] == ["canceled", "canceled"]
    world.phone("ana").expects_text("Ben Okafor has it since")
    assert world.slack()[1].text == "Ben Okafor accepted (pagerduty, 18:00:20 UTC)"
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert world.moment(kept.verdict().at) == "0:20"
    assert [(r.person, r.channel) for r in kept.replies] == [("ben", "pagerduty")]
    assert kept.breaks == []
    assert world.settled(kept) == []


async def test_a_stranger_there_stops_nothing(world: World) -> None:
    """The thread says that it does not count; the next step is called as planned."""
    await rung(world)
    [alert] = world.pagerduty()
    await world.acknowledges_in_pagerduty(alert, "PKIM")
    await world.advance_until("1:00")
    line = world.slack()[1]
    assert line.text.startswith(
        "User PKIM acknowledged it in PagerDuty and is nobody of the roster: that does not count"
    )
    assert line.thread == world.slack()[0].ts
    assert (await world.event()).replies == []
    await world.phone("ana").says("1")
    await world.advance_until("11:00")
    world.phone("ben").expects_text("Ana Reyes has it")
    assert (await world.event()).outcomes() == ["met"]


async def test_our_own_acknowledgement_does_not_come_back(world: World) -> None:
    """Ana accepts by text, we acknowledge in PagerDuty, PagerDuty tells us so: there is one answer."""
    await rung(world)
    await world.phone("ana").says("1")
    await world.advance_until("1:00")
    world.phone("ben").expects_text("Ana Reyes has it")
    assert [p.action for p in world.pagerduty()] == ["trigger", "acknowledge"]
    metrics = (await world.http.get("/metrics")).text
    assert 'gridcall_callbacks_total{outcome="ignored",vendor="pagerduty"} 1.0' in metrics
    assert [r.channel for r in (await world.event()).replies] == ["sms"]
