"""A route that continues: its team is told too, its people are called, and it needs an answer of its own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.event import Also, Event, EventStatus, MessageType, Severity
from model.plan import Agenda, AgendaKind, AgendaState, CallEnd, ChannelName, Kind, Notification, PagerDutyAction, State
from model.reply import Answer
from model.roster import Objective, PagerDutyMode, PagerDutyService, Policy, Roster, Step, Team, also
from model.route import Match, Part, Route, Routed
from model.verdict import Outcome
from routing import falling_due, objective, planner
from routing.facts import Facts
from routing.revision import revise
from routing.to_admins import tell
from tests.unit.routing.house import NOW, ROSTER, case, content, event, facts, person, reply, revision, rotation, sent

VOICE, PAGERDUTY, CHANNEL = ChannelName.VOICE, ChannelName.PAGERDUTY, ChannelName.SLACK_CHANNEL
PLANT = Team(id="plant", name="Plant", slack_channel="C0PLANT", pagerduty=PagerDutyService(routing_key="p" * 32))
SOON = NOW + timedelta(seconds=40)


def house(**policy) -> Roster:
    """Critical events of MISO's are the plant's too: eve, then fay. What the others do is as ever."""
    steps = (
        Step(after_seconds=0, rotations=("plant",)),
        Step(after_seconds=120, people=("fay",)),
    )
    more = {name: person(name, "America/Chicago", n) for n, name in enumerate(("eve", "fay"), start=5)}
    return replace(
        ROSTER,
        people={**ROSTER.people, **more},
        teams={**ROSTER.teams, "plant": PLANT, "office": Team(id="office", name="Office", slack_channel="C0OFFICE")},
        rotations={**ROSTER.rotations, "plant": replace(rotation("plant", "eve"), team="plant")},
        policies={**ROSTER.policies, "plant": Policy(id="plant", steps=steps, sla_seconds=480, **policy)},
        routes=(
            Route(id="office", team="office", policy="", continues=True),
            Route(
                id="plant", team="plant", policy="plant", match=Match(severities=(Severity.CRITICAL,)), continues=True
            ),
            *ROSTER.routes,
        ),
    )


BOTH = (Also("plant", "plant", "plant"),)


def of_both(**changes) -> Event:
    return event(**{"also": BOTH} | changes)


def story(roster: Roster | None = None, replies=(), *, now=SOON, event_: Event | None = None, verdicts=()) -> Facts:
    """Everybody of the first steps is being rung since 0:00."""
    roster, event_ = roster or house(), event_ or of_both()
    plan = planner.plan(case(event_, roster=roster))
    rows = [sent(n, State.SENDING if n.channel is VOICE else State.DELIVERED) for n in plan.notifications]
    return facts(event_, rows, agenda=plan.agenda, replies=replies, verdicts=verdicts, now=now, roster=roster)


def voice(rows) -> list[str | None]:
    return [n.person for n in rows if n.channel is VOICE]


def steps(agenda: list[Agenda]) -> dict[int, float]:
    return {a.step: (a.due_at - NOW).total_seconds() for a in agenda if a.kind is AgendaKind.STEP and not a.asleep}


def outcome(change) -> list[tuple[Outcome, str]]:
    return [(v.outcome, v.reason) for v in change.verdicts if v.person is None]


def over(row: Notification, how: CallEnd) -> Notification:
    return replace(row, state=State.FAILED, reason=how)


@pytest.mark.parametrize(
    ("severity", "others"), [(Severity.CRITICAL, ["office", "plant"]), (Severity.WARNING, ["office"])]
)
def test_routes_before_the_one_that_decides_go_on(severity: Severity, others: list[str]) -> None:
    routed = house().routed("miso", content(severity=severity))
    assert routed.route.id == "all"
    assert [route.id for route in routed.also] == others


def test_what_stands_after_the_one_that_decides_is_not_looked_at() -> None:
    roster = house()
    first = Route(id="first", team="ops", policy="default", match=Match(sources=("miso",)))
    roster = replace(roster, routes=(first, *roster.routes))
    assert roster.routed("miso", content()) == Routed(first, ())


def test_a_policy_calls_once_whichever_routes_name_it() -> None:
    roster = house()
    ops, plant = roster.routes[-1], roster.routes[1]
    twice = replace(plant, id="twice", team="office")
    assert also(Routed(ops, (replace(ops, id="again", continues=True), plant, twice))) == (
        Also("again", "ops", ""),
        Also("plant", "plant", "plant"),
        Also("twice", "office", ""),
    )


def test_the_steps_follow_and_the_soonest_deadline_counts() -> None:
    roster = house()
    policy = roster.policy_of(of_both())
    assert [step.after_seconds for step in policy.steps] == [0, 300, 0, 120]
    assert policy.sla_seconds == roster.policy_for(roster.routed("miso", content())).sla_seconds == 480
    assert roster.parts_of(of_both()) == (Part("ops", range(2)), Part("plant", range(2, 4)))


def test_everybody_is_told_at_once_and_each_part_escalates_by_itself() -> None:
    known = case(of_both(also=(Also("office", "office", ""), *BOTH)), roster=house())
    plan = planner.plan(known)
    assert voice(plan.notifications) == ["ana", "eve"]
    assert [n.address for n in plan.notifications if n.channel is CHANNEL] == ["C0OPS", "C0OFFICE", "C0PLANT"]
    assert [n.address[0] for n in plan.notifications if n.channel is PAGERDUTY] == ["k", "p"]
    assert steps(list(plan.agenda)) == {1: 300, 3: 120}


def test_teams_with_one_channel_are_told_once() -> None:
    roster = house()
    teams = {**roster.teams, "plant": replace(PLANT, slack_channel="C0OPS", pagerduty=ROSTER.teams["ops"].pagerduty)}
    plan = planner.plan(case(of_both(), roster=replace(roster, teams=teams)))
    assert [n.address for n in plan.notifications if n.channel in (CHANNEL, PAGERDUTY)] == ["C0OPS", "k" * 32]


def test_where_pagerduty_calls_for_a_team_we_call_the_others() -> None:
    service = PagerDutyService(routing_key="p" * 32, mode=PagerDutyMode.PRIMARY)
    roster = replace(house(), teams={**house().teams, "plant": replace(PLANT, pagerduty=service)})
    plan = planner.plan(case(of_both(), roster=roster))
    assert voice(plan.notifications) == ["ana"]
    known = story(roster)
    ops, plant = [a for a in known.agenda if a.kind is AgendaKind.RAISE]
    assert [n.address[0] for n in falling_due.take_raise(known, ops).add] == ["k", "k"]
    ours = falling_due.take_raise(known, plant)
    assert (ours.add, [a.step for a in ours.add_agenda]) == ([], [2])  # its own step, and nobody else's


def test_a_service_that_calls_for_one_team_and_records_for_another_calls() -> None:
    service = PagerDutyService(routing_key="k" * 32, mode=PagerDutyMode.PRIMARY)
    roster = replace(house(), teams={**house().teams, "plant": replace(PLANT, pagerduty=service)})
    known = story(roster)
    [alert] = [n for n in known.notifications if n.channel is PAGERDUTY]
    assert (alert.team, alert.details["severity"], alert.details["calls"]) == ("plant", "critical", True)
    assert voice(known.notifications) == ["ana"]
    [record] = [a for a in known.agenda if a.kind is AgendaKind.RAISE and a.step < 0]
    assert falling_due.take_raise(known, record).add == []  # it is as loud as it gets


def test_a_part_that_finds_nobody_takes_its_own_next_step() -> None:
    roster = house()
    empty = replace(roster.rotations["plant"], layers=())
    plan = planner.plan(case(of_both(), roster=replace(roster, rotations={**roster.rotations, "plant": empty})))
    assert voice(plan.notifications) == ["ana", "fay"]
    assert "step 1 for team plant has nobody to call now" in plan.remarks
    assert 1 in steps(list(plan.agenda))


@pytest.mark.parametrize(("who", "other"), [("ana", "eve"), ("eve", "ana")])
def test_each_part_needs_its_own_answer(who: str, other: str) -> None:
    known = story(replies=[reply(who, at=SOON)])
    change = revise(known)
    assert outcome(change) == []
    assert {n.person for n in known.notifications if n.id in change.cut and n.channel is VOICE} == {who}
    both = [reply(who, at=SOON), reply(other, at=SOON + timedelta(seconds=1), n=2)]
    change = revise(story(replies=both))
    [(met, why)] = outcome(change)
    assert (met, why.endswith("for each of 2 teams")) == (Outcome.MET, True)
    acknowledged = [n for n in change.add if n.details.get("action") == PagerDutyAction.ACKNOWLEDGE]
    assert {n.address[0] for n in acknowledged} == {"k", "p"}


def test_steps_of_a_part_that_is_answered_call_nobody_and_say_nothing() -> None:
    known = story(replies=[reply("eve", at=SOON)])
    [fay] = [a for a in known.agenda if a.step == 3]
    assert not falling_due.take_step(known, fay).add
    [dee] = [a for a in known.agenda if a.step == 1]
    assert voice(falling_due.take_step(known, dee).add) == ["dee"]


def test_cannot_comply_calls_the_next_of_the_same_part() -> None:
    for who, step in (("eve", 3), ("ana", 0)):  # after ana those who sleep
        known = story(replies=[reply(who, Answer.CANNOT_COMPLY, at=SOON)])
        [brought] = revise(known).bring_forward
        assert [a.step for a in known.agenda if a.id == brought.agenda_id] == [step]


def test_nobody_answered_calls_the_next_of_the_same_part() -> None:
    known = story(replace(house(), policies={n: replace(p, redials=0) for n, p in house().policies.items()}))
    rows = [over(n, CallEnd.NO_ANSWER) if (n.person, n.channel) == ("eve", VOICE) else n for n in known.notifications]
    [brought] = revise(replace(known, notifications=rows)).bring_forward
    assert [a.step for a in known.agenda if a.id == brought.agenda_id] == [3]


def test_who_is_on_call_for_both_is_called_once_and_answers_for_both() -> None:
    roster = house()
    roster = replace(roster, rotations={**roster.rotations, "plant": rotation("plant", "ana")})
    known = story(roster, [reply("ana", at=SOON)])
    assert voice(known.notifications) == ["ana"]
    assert [o for o, _ in outcome(revise(known))] == [Outcome.MET]
    cannot = revise(story(roster, [reply("ana", Answer.CANNOT_COMPLY, at=SOON)]))
    assert len(cannot.bring_forward) == 2


def test_who_was_not_called_yet_answers_for_their_own_part_and_a_stranger_for_all() -> None:
    assert outcome(revise(story(replies=[reply("fay", at=SOON)]))) == []
    assert outcome(revise(story(replies=[reply("boss", at=SOON)])))[0][0] is Outcome.MET


def test_everyone_means_everyone_of_each_part() -> None:
    roster = house()
    policies = {**roster.policies, "default": replace(roster.policies["default"], objective=Objective.EVERYONE)}
    roster = replace(roster, policies=policies)
    known = story(roster, [reply("ana", at=SOON), reply("eve", at=SOON, n=2)])
    assert [scope.part for scope in objective.open_scopes(known)] == [Part("ops", range(2)), Part("plant", range(2, 4))]
    done = [replace(a, state=AgendaState.DONE) if a.step in (0, 1) else a for a in known.agenda]
    assert [scope.part for scope in objective.open_scopes(replace(known, agenda=done))] == [Part("plant", range(2, 4))]


def test_missed_names_the_team_that_did_not_answer() -> None:
    known = story(replies=[reply("ana", at=SOON)], now=NOW + timedelta(minutes=10))
    [deadline] = [a for a in known.agenda if a.kind is AgendaKind.VERDICT]
    assert outcome(falling_due.take_deadline(known, deadline)) == [(Outcome.MISSED, "nobody answered for Plant")]


def test_it_is_over_for_every_team_that_was_told() -> None:
    ended = of_both(status=EventStatus.CANCELLED)
    ended = replace(
        ended, revisions=(*ended.revisions, revision(2, needs_answer=False, message_type=MessageType.CANCEL))
    )
    rows = story().notifications
    change = revise(facts(ended, rows, now=SOON, roster=house()))
    for kind in (Kind.STAND_DOWN, Kind.EDIT):
        assert [n.address for n in change.add if n.channel is CHANNEL and n.kind is kind] == ["C0OPS", "C0PLANT"]
    resolved = [n.address[0] for n in change.add if n.details.get("action") == PagerDutyAction.RESOLVE]
    assert resolved == ["k", "p"]


def test_answers_are_told_in_every_thread() -> None:
    change = revise(story(replies=[reply("eve", at=SOON)]))
    notes = [(n.address, n.details["note"]) for n in change.add if n.kind is Kind.NOTE]
    assert notes == [(address, "Eve accepted (voice, 18:00:40 UTC)") for address in ("C0OPS", "C0PLANT")]


def test_what_the_roster_lost_is_said() -> None:
    roster = house()
    known = story(replace(roster, policies=ROSTER.policies, teams=ROSTER.teams, routes=ROSTER.routes))
    change = revise(known)
    tell(known, change)
    assert "policy plant is no longer in the roster: the event goes on without its steps" in change.remarks
    assert "team plant is no longer in the roster: the event goes on without it" in change.remarks
