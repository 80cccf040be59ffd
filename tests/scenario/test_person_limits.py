"""How often one person may be rung: what is held back is written instead, and the next person is called."""

from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

ROSTER = """
people:
  ann: {name: Ann, timezone: America/Chicago, phone: "+13125550131", slack: U0ANN}
  bob: {name: Bob, timezone: America/Chicago, phone: "+13125550132", sms: false}
teams: {ops: {name: Operations, slack_channel: C0OPS}}
policies:
  one:
    redials: 0
    ring_seconds: 25
    sla_seconds: 1200
    steps: [{after_seconds: 0, people: [ann]}, {after_seconds: 900, people: [bob]}]
routes: [{id: everything, team: ops, policy: one}]
sources: {miso: {name: MISO}}
keys: {demo-upstream: {role: upstream, source: miso, secret: demo-upstream}}
"""


async def posts(world: World, name: str, severity: str, at: str) -> None:
    await world.advance_until(at)
    await world.post("edr", name, severity=severity)


def rings(world: World, name: str) -> list[str]:
    for item in (*world.phone(name).calls, *world.phone(name).texts):
        item.expected = True
    return [call.at for call in world.phone(name).calls]


async def test_the_fifth_ring_waits_and_the_next_person_is_called(opens: OpenWorld) -> None:
    """Four in ten minutes; a critical event breaks that once; the next one is held, and written."""
    async with opens(roster=ROSTER, person_limits_times=1) as world:
        await world.scene("first person accepts")
        for n in range(4):
            await posts(world, f"E-{n}", "warning", f"{n}:00")
        await posts(world, "E-5", "critical", "4:00")
        await posts(world, "E-6", "critical", "5:00")
        await world.advance_until("5:01")
        held = (await world.event("E-6")).row("ann")
        assert (held.state, held.hold, world.moment(held.due_at)) == ("pending", "person_limit", "11:00")
        world.phone("ann").expects_direct_message("Reduce 12.5 MW", at="5:00")
        await world.advance_until("5:20")
        assert rings(world, "ann") == ["0:00", "1:00", "2:00", "3:00", "4:00"]
        assert rings(world, "bob") == ["5:00"]  # the call that is held takes no second from it
        assert (await world.event("E-6")).outcomes() == ["met"]
