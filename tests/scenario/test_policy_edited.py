"""An admin changes a policy while an event goes by it: nobody who is in it is forgotten."""

from tests.scenario.conftest import OpenWorld, over_both
from tests.scenario.test_two_teams import roster as two_teams
from tests.scenario.world import World


async def put_ben_between(world: World, after_seconds: int) -> None:
    """Into the policy of operations, between those on call and the backup."""
    entry, _ = await world.entry("/v1/policies/default")
    first, second = entry["steps"]
    between = {"after_seconds": after_seconds, "people": ["ben"]}
    await world.edit("/v1/policies/default", steps=[first, between, second])


async def test_the_backup_is_called_though_a_step_came_in_between(world: World) -> None:
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:30")
    await put_ben_between(world, 120)
    await world.advance_until("5:10")
    world.phone("dee").expects_call()
    for phone in world.everybody():
        phone.expects_everything()


@over_both
async def test_another_teams_steps_are_not_lost_by_it(opens: OpenWorld) -> None:
    """The plant's steps follow those of operations in the timetable."""
    async with opens(roster=two_teams()) as world:
        await world.scene("nobody answers")
        await world.post("edr")
        await world.advance_until("0:10")
        await put_ben_between(world, 200)
        await world.advance_until("9:00")
        world.phone("eli").expects_call()
        for phone in world.everybody():
            phone.expects_everything()
