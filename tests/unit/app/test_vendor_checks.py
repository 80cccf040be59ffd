"""Of many routing keys some are tried at a time, and one that was refused until it is mended."""

from datetime import timedelta

import pytest

from app.vendor_checks import KEYS_AT_ONCE, VendorChecks, look
from config.settings import load_settings
from model.errors import OutcomeUnknown, SendError
from model.ids import SystemIds
from model.ports import Answers
from model.roster import PagerDutyService, Roster, Team
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW

MINUTE = timedelta(minutes=1)
KEYS = [f"{n:032x}" for n in range(50)]
TEAMS = {f"t{n}": Team(id=f"t{n}", name="T", pagerduty=PagerDutyService(routing_key=key)) for n, key in enumerate(KEYS)}


class Asked:
    """Stands in for the vendors: which keys were tried, by turns; those of `dead` are refused."""

    def __init__(self):
        self.turns, self.dead, self.channels = [], set(), {}

    def checks(self, keys):
        async def check():
            self.turns.append(list(keys))
            if self.dead & set(keys):
                raise SendError("no such key", retryable=False, bad_address=True)
            return Answers("taken")

        return {"PagerDuty": check}


async def test_all_have_their_turn_and_a_refused_one_is_tried_again():
    clock, asked = ManualClock(NOW), Asked()
    checks = VendorChecks(asked, lambda: Roster(teams=TEAMS), load_settings(), clock, SystemIds(), MINUTE)
    for turn in range(6):
        asked.dead = {KEYS[25]} if turn in (1, 2) else set()
        await checks.tick()
        assert checks.found["PagerDuty"].refused is (turn in (1, 2))
        clock.move_to(clock.now() + MINUTE)
    assert {len(keys) for keys in asked.turns} == {KEYS_AT_ONCE}
    assert asked.turns[1] == asked.turns[2] == asked.turns[3] != asked.turns[4]
    assert {key for keys in asked.turns for key in keys} == set(KEYS)


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (SendError("401", retryable=False, stop_channel=True), True),
        (SendError("503", retryable=True), False),
        (OutcomeUnknown("no answer"), False),
        (KeyError("what nobody thought of"), False),
    ],
)
async def test_who_does_not_answer_has_refused_nobody(error, refused):
    async def check():
        raise error

    seen = (await look({"Slack": check}, ManualClock(NOW)))["Slack"]
    assert (seen.trouble, seen.refused) == (True, refused)
