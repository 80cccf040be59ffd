"""The timetable of a new event."""

from dataclasses import replace
from datetime import datetime, timedelta

from model.event import Action, Instruction, Mode, Severity
from model.plan import AgendaKind, ChannelName, Kind, PagerDutyAction
from model.roster import ContactMethod, Person, Step, Team
from routing import planner
from tests.unit.routing.house import NOW, POLICY, PRIMARY, ROSTER, case, event, person, revision, rotation

VOICE, SMS, DM = ChannelName.VOICE, ChannelName.SMS, ChannelName.SLACK_DM


def told(plan):
    return [(n.person, n.channel) for n in plan.notifications if n.person]


def without(*people, **changes):
    rosters_people = {k: p for k, p in ROSTER.people.items() if k not in people}
    return replace(ROSTER, people=rosters_people | changes)


def test_awake_people_at_once_sleepers_and_backup_later():
    """Ana is awake: phone and text now. Chie sleeps: at 2:30. Dee is the second step: at 5:00."""
    plan = planner.plan(case())
    assert told(plan) == [("ana", VOICE), ("ana", SMS)]
    assert {n.due_at for n in plan.notifications} == {NOW}
    later = [(a.step, a.asleep, (a.due_at - NOW).total_seconds()) for a in plan.agenda if a.kind is AgendaKind.STEP]
    assert later == [(0, True, 150), (1, False, 300)]
    assert plan.rings
    assert not plan.at_risk


def test_slack_and_pagerduty_once_at_once():
    plan = planner.plan(case())
    slack, pagerduty = (n for n in plan.notifications if not n.person)
    assert (slack.channel, slack.address) == (ChannelName.SLACK_CHANNEL, "C0OPS")
    assert pagerduty.details == {
        "action": PagerDutyAction.TRIGGER,
        "generation": 1,
        "severity": "info",
        "dedup_key": "miso:E-1:g1",
    }


def test_raise_at_sixty_percent_and_verdict_at_the_deadline():
    plan = planner.plan(case())
    due = {a.kind: (a.due_at - NOW).total_seconds() for a in plan.agenda if a.kind is not AgendaKind.STEP}
    assert due == {AgendaKind.RAISE: 360, AgendaKind.VERDICT: 600, AgendaKind.ENDS: 14_400}


def test_a_call_that_cannot_finish_is_not_started():
    """600 s, ring 25 s, call 90 s, margin 5 s: the last call starts at 480 s. A text may go until the deadline."""
    plan = planner.plan(case())
    until = {n.channel: (n.until - NOW).total_seconds() for n in plan.notifications if n.person}
    assert until == {VOICE: 480, SMS: 600}


def test_an_event_with_too_little_time_rings_its_first_step_all_the_same():
    short = event(deadline_at=NOW + timedelta(seconds=60), work_until=NOW + timedelta(seconds=60))
    plan = planner.plan(case(short))
    [call] = [n for n in plan.notifications if n.channel is VOICE]
    assert call.details == {"overtime": True}
    assert plan.at_risk
    assert plan.remarks


def test_everybody_at_once_when_nobody_awake_can_be_reached():
    roster = without(ana=Person(id="ana", name="Ana", timezone="America/Chicago"))
    assert told(planner.plan(case(roster=roster))) == [("chie", VOICE), ("chie", SMS)]


def test_a_step_without_anybody_is_passed_at_once_and_said():
    plan = planner.plan(case(roster=replace(ROSTER, rotations={"backup": rotation("backup", "dee")})))
    assert told(plan) == [("dee", VOICE), ("dee", SMS)]
    assert "step 1 has nobody to call now" in plan.remarks


def test_nobody_at_all_is_said():
    plan = planner.plan(case(roster=replace(ROSTER, people={})))
    assert told(plan) == []
    assert plan.remarks[-1] == "nobody is left to call"
    assert steps(plan) == [(1, 300)]
    assert [n.address for n in plan.notifications if n.kind is Kind.ADMIN] == ["C0ADMIN"]
    assert not plan.rings


def beginning(**minutes):
    """The roster with these rotations beginning so many minutes from now."""
    changed = {}
    for name, after in minutes.items():
        (layer,) = ROSTER.rotations[name].layers
        layer = replace(layer, starts_at=datetime(2026, 7, 14, 13, after))  # 13:00 in Chicago is NOW
        changed[name] = replace(ROSTER.rotations[name], layers=(layer,))
    return replace(ROSTER, rotations=ROSTER.rotations | changed)


def steps(plan):
    return [(a.step, (a.due_at - NOW).total_seconds()) for a in plan.agenda if a.kind is AgendaKind.STEP]


def test_whoever_comes_on_call_before_the_deadline_is_asked_for_then():
    """Nobody now, primary from 13:03, backup from 13:02 on; the backup's own time stays."""
    plan = planner.plan(case(roster=beginning(primary=3, backup=2)))
    assert told(plan) == []
    assert steps(plan) == [(0, 180), (1, 120), (1, 300)]


def test_a_step_that_was_passed_is_asked_again_though_the_next_one_is_called():
    plan = planner.plan(case(roster=beginning(primary=3)))
    assert told(plan) == [("dee", VOICE), ("dee", SMS)]
    assert steps(plan) == [(0, 180)]


def test_who_comes_on_call_after_the_deadline_is_not_waited_for():
    assert steps(planner.plan(case(roster=beginning(primary=10)))) == []


def test_a_slack_message_where_a_phone_is_missing():
    ana = Person(id="ana", name="Ana", timezone="America/Chicago", methods=(ContactMethod(channel=DM, address="UANA"),))
    assert told(planner.plan(case(roster=without(ana=ana)))) == [("ana", DM)]


def test_a_test_makes_one_line_in_the_test_channel_and_rings_nobody():
    team = Team(id="ops", name="Ops", slack_channel="C0OPS", slack_test_channel="C0TEST")
    plan = planner.plan(case(event(revision(mode=Mode.TEST)), roster=replace(ROSTER, teams={"ops": team})))
    assert [n.address for n in plan.notifications] == ["C0TEST"]
    assert not plan.rings
    assert not plan.agenda


def test_a_notice_is_one_line_and_a_drill_rings():
    nothing = Instruction(action=Action.INFORMATIONAL)
    notice = event(revision(instruction=nothing, severity=Severity.NOTICE), severity=Severity.NOTICE)
    assert not planner.plan(case(notice)).rings
    drill = event(revision(instruction=nothing, severity=Severity.INFO, mode=Mode.DRILL), severity=Severity.INFO)
    assert planner.plan(case(drill)).rings


def test_where_pagerduty_calls_we_do_not():
    plan = planner.plan(case(roster=PRIMARY))
    assert VOICE not in {n.channel for n in plan.notifications}
    [page] = [n for n in plan.notifications if n.channel is ChannelName.PAGERDUTY]
    assert (page.details["severity"], page.details["calls"]) == ("critical", True)
    assert plan.rings


def test_planning_the_same_twice_makes_the_same_slots():
    assert {n.slot for n in planner.plan(case()).notifications} == {n.slot for n in planner.plan(case()).notifications}


def test_lanes():
    assert {n.lane for n in planner.plan(case()).notifications} == {0}
    warning = event(revision(severity=Severity.WARNING), severity=Severity.WARNING)
    assert {n.lane for n in planner.plan(case(warning)).notifications} == {1}
    drill = event(revision(severity=Severity.INFO, mode=Mode.DRILL), severity=Severity.INFO)
    assert {n.lane for n in planner.plan(case(drill)).notifications} == {2}


def test_content_is_not_needed_to_be_complete():
    bare = event(revision(effective_at=None, ends_at=None, instruction=Instruction()))
    assert planner.plan(case(bare)).rings


MANAGED = replace(POLICY, steps=(*POLICY.steps, Step(after_seconds=420, people=("eve",), management=True)))


def managed(mode, reaches=False):
    """The steps to come by a policy whose last step is for management."""
    route = replace(ROSTER.routes[0], drills_reach_management=reaches)
    people = ROSTER.people | {"eve": person("eve", "America/Chicago", 5)}
    roster = replace(ROSTER, policies={"default": MANAGED}, routes=(route,), people=people)
    found = planner.plan(case(event(revision(mode=mode)), roster=roster))
    return [a.step for a in found.agenda if a.kind is AgendaKind.STEP and not a.asleep]


def test_a_drill_does_not_page_management_unless_its_route_says_so():
    assert managed(Mode.ACTUAL) == [1, 2]
    assert managed(Mode.DRILL) == [1]
    assert managed(Mode.DRILL, reaches=True) == [1, 2]
    assert managed(Mode.TEST) == managed(Mode.TEST, reaches=True) == [], "a test calls nobody"


def test_a_drill_of_a_route_for_management_alone_calls_nobody_and_says_so():
    only = replace(POLICY, steps=(Step(after_seconds=0, people=("ana",), management=True),))
    roster = replace(ROSTER, policies={"default": only})
    found = planner.plan(case(event(revision(mode=Mode.DRILL)), roster=roster))
    assert [n for n in found.notifications if n.person] == []
    assert "nobody is left to call" in found.remarks
    assert [n.person for n in planner.plan(case(roster=roster)).notifications if n.person] == ["ana", "ana"]
