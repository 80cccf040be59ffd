"""Where whoever picks up counts, a voicemail does not, be it that Twilio's word of it never arrives."""

import pytest

from tests.scenario.conftest import OpenWorld

ROSTER = """
people:
  ann: {name: Ann, timezone: America/Chicago, phone: "+13125550131", sms: false}
  bob: {name: Bob, timezone: America/Chicago, phone: "+13125550132", sms: false}
teams: {ops: {name: Operations, slack_channel: C0OPS}}
policies:
  reached:
    level: reached
    redials: 0
    steps: [{after_seconds: 0, people: [ann]}, {after_seconds: 120, people: [bob]}]
routes: [{id: everything, team: ops, policy: reached}]
sources: {miso: {name: MISO}}
keys: {demo-upstream: {role: upstream, source: miso, secret: demo-upstream}}
"""


@pytest.mark.parametrize(("lost", "outcomes"), [(False, ["met"]), (True, ["met", "reopened", "met"])])
async def test_a_voicemail_of_which_the_callback_is_lost_is_asked_for(
    opens: OpenWorld, lost: bool, outcomes: list[str]
):
    """Five seconds after it hung up; until then it is thought to be Ann, and then Bob is called at once."""
    async with opens(roster=ROSTER) as world:
        await world.scene("nobody answers")
        await world.phone("ann").behaves(answer="voicemail", after_seconds=2, talk_seconds=20)
        await world.phone("bob").behaves(answer="human", after_seconds=2, talk_seconds=10)
        if lost:
            await world.breaks("twilio", callbacks="lose_detection")
        await world.post("edr")
        await world.advance(minutes=2)
        world.phone("ann").expects_call(at="0:00")
        bob = world.phone("bob").expects_call(at="0:27" if lost else "0:22")
        kept = await world.event()
        assert kept.outcomes() == outcomes
        assert kept.row("ann").reason == "voicemail"
        assert kept.verdict().reason.startswith("reached: Bob at")
        assert bob.ended == "completed"
        looks = [
            entry for entry in kept.timeline if entry.kind == "receipt" and entry.body.get("code") == "machine_start"
        ]
        assert len(looks) == 1
