"""A policy that can tell nobody is said at each save: no look ahead at rotations finds it."""

from datetime import UTC, datetime

import pytest

from model.phones import USUAL
from model.plan import ChannelName
from model.roster import ContactMethod, Objective, Person, Policy, Roster, Step
from model.route import Route
from routing.within_reach import out_of_reach

NOW = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)
PHONE = ContactMethod(channel=ChannelName.VOICE, address="+13125550101")
SLACK = ContactMethod(channel=ChannelName.SLACK_DM, address="U0ANA")
WEBHOOK = ContactMethod(channel=ChannelName.WEBHOOK, address="https://scada.example/alerts")
ANA = Step(after_seconds=0, people=("ana",))
BY_TEXT = Step(after_seconds=0, people=("ana",), channels=(ChannelName.SMS,))
ROTATION = Step(after_seconds=60, rotations=("night",))
SAID = "policy direct: nobody is told: it names ana alone, with no address on the steps' channels"


@pytest.mark.parametrize(
    ("method", "steps", "said"),
    [
        (PHONE, (ANA,), []),
        (SLACK, (ANA,), []),  # a direct message takes the place of what fails
        (WEBHOOK, (ANA,), [SAID]),
        (PHONE, (BY_TEXT,), [SAID]),
        (PHONE, (BY_TEXT, ANA), []),
        (WEBHOOK, (ANA, ANA), [SAID]),
        (WEBHOOK, (ANA, ROTATION), []),
    ],
)
@pytest.mark.parametrize("objective", [Objective.ANYONE, Objective.EVERYONE])
def test_who_is_named_and_has_no_address(
    method: ContactMethod, steps: tuple[Step, ...], said: list[str], objective: Objective
) -> None:
    people = {"ana": Person(id="ana", name="Ana Reyes", timezone="UTC", methods=(method,))}
    policies = {"direct": Policy(id="direct", steps=steps, objective=objective)}
    routes = (Route(id="rest", team="ops", policy="direct"),)
    roster = Roster(people=people, policies=policies, routes=routes)
    assert list(out_of_reach(roster, USUAL, NOW)) == said
    assert list(out_of_reach(Roster(people=people, policies=policies), USUAL, NOW)) == []
