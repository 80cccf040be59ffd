"""Many people, all called at once: a roster of them, and all that their phones got."""

from tests.scenario.people import Call
from tests.scenario.world import World

AREAS = (312, 773, 872, 630, 708, 847)  # each has a hundred numbers that belong to nobody


def names(people: int) -> list[str]:
    return [f"p{n:03}" for n in range(people)]


def roster(people: int, call_seconds: int = 90) -> str:
    """So many people, all in one step at 0:00, each with a phone and Slack; everyone must accept."""
    listed = ", ".join(names(people))
    return "\n".join(
        [
            "admin_channel: C0ADMIN",
            "people:",
            *(
                f'  p{n:03}: {{name: "P{n}", timezone: America/Chicago, '
                f'phone: "+1{AREAS[n // 100]}55501{n % 100:02}", slack: U{n:03}}}'
                for n in range(people)
            ),
            "teams: {ops: {name: Operations, slack_channel: C0OPS}}",
            "policies:",
            f"  all: {{objective: everyone, call_seconds: {call_seconds}, redials: 0, "
            f"steps: [{{after_seconds: 0, people: [{listed}]}}]}}",
            "routes: [{id: everything, team: ops, policy: all}]",
            "sources: {miso: {name: MISO}}",
            "keys: {demo-upstream: {role: upstream, source: miso, secret: demo-upstream}}",
        ]
    )


def calls(world: World, people: int) -> list[Call]:
    return [call for name in names(people) for call in world.phone(name).calls]


def expect_everything(world: World, people: int) -> None:
    for name in names(people):
        for item in (*world.phone(name).calls, *world.phone(name).texts):
            item.expected = True
