"""Ten minutes, five lines: everybody who fits is rung, each line is used again at once, and who does not fit is named."""

from tests.scenario.conftest import OpenWorld


def roster(people: int, call_seconds: int = 90) -> str:
    """So many people, all in one step at 0:00, awake, each with a phone and Slack."""
    names = [f"p{n:03}" for n in range(1, people + 1)]
    return "\n".join(
        [
            "admin_channel: C0ADMIN",
            "people:",
            *(
                f'  {name}: {{name: "P{n}", timezone: America/Chicago, phone: "+1312555{n:04}", slack: U{n:03}}}'
                for n, name in enumerate(names, start=100)
            ),
            "teams: {ops: {name: Operations, slack_channel: C0OPS}}",
            "policies:",
            f"  all: {{call_seconds: {call_seconds}, steps: [{{after_seconds: 0, people: [{', '.join(names)}]}}]}}",
            "routes: [{id: everything, team: ops, policy: all}]",
            "sources: {miso: {name: MISO}}",
            "keys: {demo-upstream: {role: upstream, source: miso, secret: demo-upstream}}",
        ]
    )


async def test_x(opens: OpenWorld):
    async with opens(roster=roster(26), twilio_lines=5) as world:
        for n in range(1, 27):
            await world.phone(f"p{n:03}").behaves(answer="human", after_seconds=20, press=[])
        answer = await world.post("edr", prefer="wait=2")
        print(answer.json())
        await world.advance_until("10:30")
        for n in range(1, 27):
            for c in world.phone(f"p{n:03}").calls:
                c.expected = True
                print(n, c.at, c.answered_at, c.ended_at, c.ended)
            for t in world.phone(f"p{n:03}").texts:
                t.expected = True
