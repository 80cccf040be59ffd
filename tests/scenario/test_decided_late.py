"""We were away until the deadline: people are told all the same, and the verdict says whose doing it was."""

from datetime import timedelta

from tests.scenario.conftest import over_both
from tests.scenario.test_database_away import database_away
from tests.scenario.world import World

OPERATOR = {"Authorization": "Bearer demo-operator"}


async def back(world: World) -> None:
    """The loops look again within a second."""
    await world.advance(seconds=1)
    world.queue_waits = False


@over_both
async def test_an_order(world: World) -> None:
    with database_away(world):
        await world.post("edr", ack_due_at=(world.clock.now() + timedelta(seconds=90)).isoformat())
        await world.advance_until("1:40")
        assert world.phone("ana").calls == []
    await back(world)
    await world.advance_until("3:00")
    world.phone("ana").expects_call(at="1:41")
    world.phone("ana").expects_text("Reply 1")
    world.phone("ben").expects_everything()
    kept = await world.event()
    assert kept.outcomes() == ["missed"]
    assert kept.verdict().reason == "nobody accepted in time: Gridcall told the first one after the deadline"
    assert [r.person for r in kept.replies] == ["ana"]
    report = (await world.http.get("/v1/reports/sla?events=true", headers=OPERATOR)).json()
    assert [line["late_by"] for line in report["events"]] == ["us"]


@over_both
async def test_an_order_whose_end_came_before_it(world: World) -> None:
    """An older revision had ended it: to its people it is as new as any."""
    await world.post("cancel", revision=1)
    await world.advance_until("0:10")
    with database_away(world):
        await world.post("edr", revision=2)
        await world.advance_until("20:00")
    await back(world)
    await world.advance_until("22:00")
    world.phone("ana").expects_call(at="20:01")
    for name in ("ana", "ben"):
        world.phone(name).expects_everything()


@over_both
async def test_a_new_order_for_an_event_that_people_know(world: World) -> None:
    await world.post("edr")
    await world.advance_until("0:30")
    ana = world.phone("ana")
    ana.expects_call(at="0:00")
    with database_away(world):
        await world.post("update", ack_due_at=(world.clock.now() + timedelta(seconds=60)).isoformat())
        await world.advance_until("2:00")
        assert len(ana.calls) == 1
    await back(world)
    await world.advance_until("4:00")
    assert ana.expects_call().at in ("2:01", "2:02")  # router and reviser look again one after the other
    ana.expects_everything()
    world.phone("ben").expects_everything()
    kept = await world.event()
    assert [(v.revision, str(v.outcome)) for v in kept.verdicts if v.person is None] == [(1, "met"), (2, "missed")]
