"""A policy or team that was renamed or taken out: events that go by it carry on by the route that fits them today."""

from dataclasses import replace

import pytest

from model.event import EventStatus
from model.ids import SystemIds
from model.plan import ChannelName, Kind, PagerDutyAction
from model.roster import Team
from model.route import Match, Route
from routing import planner, revision, to_admins
from routing.facts import PlanChange
from tests.unit.routing.house import POLICY, ROSTER, case, event, facts, sent

RENAMED = replace(
    ROSTER,
    policies={
        "other": replace(POLICY, id="other"),
        "default-v2": replace(POLICY, id="default-v2", sla_seconds=300),
    },
    teams={"dispatch": replace(ROSTER.teams["ops"], id="dispatch"), "rest": Team(id="rest", name="Rest")},
    routes=(
        Route(id="miso", team="dispatch", policy="default-v2", match=Match(sources=("miso",))),
        Route(id="all", team="rest", policy="other"),
    ),
)
NOTES = [
    "policy default is no longer in the roster: the event goes on by policy default-v2",
    "team ops is no longer in the roster: the event goes on with team dispatch",
]


def after(roster, *, status=EventStatus.OPEN, told=()):
    """What is known of an event that was planned by the earlier roster and is looked at by this one."""
    rows = told or [sent(n) for n in planner.plan(replace(case(), ids=SystemIds())).notifications]
    found = facts(event(status=status), rows)
    by_today = replace(found.case, roster=roster, policy=roster.policy_of(found.case.event), ids=SystemIds())
    return replace(found, case=by_today)


def test_what_is_there_by_its_name_stays():
    kept = replace(RENAMED, policies=RENAMED.policies | ROSTER.policies, teams=RENAMED.teams | ROSTER.teams)
    assert kept.policy_of(event()) == POLICY
    assert kept.team_of(event()) == ROSTER.teams["ops"]
    change = PlanChange()
    to_admins.tell(after(kept), change)
    assert not change.add


def test_the_route_of_today_decides_and_the_catch_all_in_the_end():
    assert (RENAMED.policy_of(event()).id, RENAMED.team_of(event()).id) == ("default-v2", "dispatch")
    assert RENAMED.policy_of(event(source="caiso")).id == "other"


@pytest.mark.parametrize("status", list(EventStatus))
def test_such_an_event_is_revised_whatever_became_of_it(status):
    revision.revise(after(RENAMED, status=status))


def test_the_admins_hear_of_it_once():
    change = PlanChange()
    to_admins.tell(after(RENAMED), change)
    assert [row.details["note"] for row in change.add] == change.remarks == NOTES
    assert {row.kind for row in change.add} == {Kind.ADMIN}
    again = PlanChange()
    to_admins.tell(after(RENAMED, told=change.add), again)
    assert (again.add, again.remarks) == ([], [])


def test_an_alert_is_resolved_where_it_was_raised():
    """Though the team that has the event now has no service at all."""
    nobody = replace(RENAMED, teams={"dispatch": Team(id="dispatch", name="Dispatch"), "rest": RENAMED.teams["rest"]})
    change = revision.revise(after(nobody, status=EventStatus.CANCELLED))
    [row] = [row for row in change.add if row.channel is ChannelName.PAGERDUTY]
    assert (row.address, row.details["action"]) == ("k" * 32, PagerDutyAction.RESOLVE)
