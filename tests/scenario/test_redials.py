"""Calls that reach nobody are repeated, and the next person is called when nobody is left to call again."""

import pytest

from tests.scenario.conftest import OpenWorld
from tests.scenario.world import World

PEOPLE = {"ann": "+13125550131", "bob": "+13125550132", "cyd": "+13125550133", "dan": "+13125550134"}
OTHER = "+13125550141"  # Ann's


def roster(redials: int) -> str:
    """Four steps of one person each, 60 s apart."""
    steps = ", ".join(f"{{after_seconds: {60 * n}, people: [{name}]}}" for n, name in enumerate(PEOPLE))
    more = {"ann": f', other_phone: "{OTHER}"'}
    return "\n".join(
        [
            "people:",
            *(
                f'  {name}: {{name: {name.title()}, timezone: America/Chicago, phone: "{number}", sms: false'
                f"{more.get(name, '')}}}"
                for name, number in PEOPLE.items()
            ),
            "teams: {ops: {name: Operations, slack_channel: C0OPS}}",
            f"policies: {{one: {{redials: {redials}, steps: [{steps}]}}}}",
            "routes: [{id: everything, team: ops, policy: one}]",
            "sources: {miso: {name: MISO}}",
            "keys: {demo-upstream: {role: upstream, source: miso, secret: demo-upstream}}",
        ]
    )


def rings(world: World) -> dict[str, list[str]]:
    """When each phone began to ring, and when that was over."""
    phones = [world.phone(name) for name in (*PEOPLE, OTHER) if world.phone(name).calls]
    for call in (call for phone in phones for call in phone.calls):
        call.expected = True
    return {phone.name: [f"{call.at} - {(call.ended_at or '')[:4]}" for call in phone.calls] for phone in phones}


RINGS = {
    # Nobody waits for a step's 60 seconds when the phone before is quiet; who cannot hands on at once.
    0: {"ann": ["0:00 - 0:25"], "bob": ["0:25 - 0:55"], "cyd": ["0:55 - 1:14"], "dan": ["1:01 - 1:09"]},
    1: {
        "ann": ["0:00 - 0:25", "0:25 - 0:50"],
        "bob": ["0:50 - 1:20", "1:20 - 1:50"],
        "cyd": ["1:50 - 2:09"],
        "dan": ["1:56 - 2:04"],
    },
    # Ann's other phone rings still when the second step is due by its own time.
    2: {
        "ann": ["0:00 - 0:25", "0:25 - 0:50"],
        OTHER: ["0:50 - 1:15"],
        "bob": ["1:00 - 1:30", "1:30 - 2:00"],
        "cyd": ["2:00 - 2:19"],
        "dan": ["2:06 - 2:14"],
    },
}


@pytest.mark.parametrize("redials", RINGS)
async def test_the_times_of_each_ring(opens: OpenWorld, redials: int) -> None:
    """The same number, the other number, the next person: each as soon as the ring before is over."""
    async with opens(roster=roster(redials)) as world:
        await world.scene("nobody answers")
        await world.phone("bob").behaves(answer="voicemail", after_seconds=10, talk_seconds=20)
        await world.phone("cyd").behaves(answer="human", after_seconds=2, press=["2"], press_after_seconds=4)
        await world.phone("dan").behaves(answer="human", after_seconds=2, press=["1"], press_after_seconds=4)
        await world.post("edr")
        await world.advance_until("5:00")
        assert rings(world) == RINGS[redials]
        kept = await world.event()
        assert kept.outcomes() == ["met"]
        assert kept.row("bob").reason == "voicemail"
        assert world.settled(kept) == []
