"""What each objective needs, at each level, for the event and for the resources it names; and when phones stop."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.event import ResourceRef
from model.plan import AgendaKind, AgendaState, CallEnd, ChannelName, State
from model.reply import Answer
from model.roster import Level, Objective, Policy, Resource, Step, Team
from model.verdict import Outcome
from routing import falling_due, objective, planner
from routing.revision import revise
from tests.unit.routing.house import NOW, ROSTER, case, event, facts, person, reply, revision, rotation, sent

NAMES = ("ann", "bob", "cyd")
VOICE = ChannelName.VOICE
MINUTE = NOW + timedelta(minutes=1)
TEN = NOW + timedelta(minutes=10)


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def house(**policy):
    people = {name: person(name, "America/Chicago", n) for n, name in enumerate(NAMES)}
    steps = (Step(after_seconds=0, people=NAMES),)
    return replace(
        ROSTER, people={**ROSTER.people, **people}, policies={"default": Policy(id="default", steps=steps, **policy)}
    )


def story(roster, replies=(), calls=None, *, now=MINUTE, verdicts=(), event_=None):
    """Everybody was rung at 0:00; `calls`: how those of some people went."""
    plan = planner.plan(case(event_, roster=roster))
    rows = [sent(n) for n in plan.notifications]
    rows = [replace(n, **(calls or {}).get(n.person, {})) if n.channel is VOICE else n for n in rows]
    return facts(
        event_ or event(), rows, agenda=plan.agenda, replies=replies, verdicts=verdicts, now=now, roster=roster
    )


def accepted(*names):
    return [reply(name, at=after(n), n=n) for n, name in enumerate(names, start=1)]


def verdict(change):
    return [(v.outcome, v.reason) for v in change.verdicts if v.person is None]


def stopped(known, change):
    return {n.person for n in known.notifications if n.id in {*change.cut, *change.supersede} and n.channel is VOICE}


def picked_up(second, reason=CallEnd.NO_KEY, state=State.FAILED):
    return {"state": state, "reason": reason, "answered_at": after(second)}


@pytest.mark.parametrize(
    ("wants", "said", "met", "why"),
    [
        ({}, ("bob",), True, "accepted by Bob at 18:00:01 UTC"),
        ({"objective": Objective.QUORUM, "quorum": 2}, ("bob",), False, ""),
        (
            {"objective": Objective.QUORUM, "quorum": 2},
            ("bob", "ann"),
            True,
            "accepted by 2 as needed, the last Ann at 18:00:02 UTC",
        ),
        ({"objective": Objective.EVERYONE}, ("bob", "ann"), False, ""),
        ({"objective": Objective.EVERYONE}, ("cyd", "bob", "ann"), True, "accepted by all 3, the last Ann at 18:00:03"),
    ],
)
def test_who_must_accept_and_which_phones_stop(wants, said, met, why):
    """Phones stop for all when it is met, before that for those who have accepted."""
    known = story(house(**wants), accepted(*said))
    change = revise(known)
    if met:
        [(outcome, reason)] = verdict(change)
        assert (outcome, reason[: len(why)]) == (Outcome.MET, why)
        assert stopped(known, change) == set(NAMES)
        assert set(change.drop_agenda) == {a.id for a in known.agenda if a.kind is not AgendaKind.ENDS}
    else:
        assert verdict(change) == []
        assert stopped(known, change) == set(said)
        assert change.drop_agenda == []


@pytest.mark.parametrize(
    ("wants", "reached", "met"),
    [
        ({}, ("bob",), True),
        ({"objective": Objective.QUORUM, "quorum": 2}, ("bob",), False),
        ({"objective": Objective.QUORUM, "quorum": 2}, ("bob", "cyd"), True),
        ({"objective": Objective.EVERYONE}, NAMES, True),
    ],
)
def test_reached_is_enough_where_the_policy_says_so(wants, reached, met):
    calls = {name: picked_up(5) for name in reached}
    known = story(house(level=Level.REACHED, **wants), calls=calls)
    change = revise(known)
    assert [outcome for outcome, _ in verdict(change)] == [Outcome.MET] * met
    assert stopped(known, change) == (set(NAMES) - set(reached) if met else set())
    assert not [n for n in change.add if n.channel is VOICE and n.person in reached]  # nobody reached is called again
    assert not verdict(revise(story(house(**wants), calls=calls)))  # where acceptance is asked for it is nothing


def test_the_words_of_reached():
    change = revise(story(house(level=Level.REACHED), calls={"ann": picked_up(5)}))
    assert verdict(change) == [(Outcome.MET, "reached: Ann at 18:00:05 UTC")]
    assert ("ann", "picked up the phone") in [(v.person, v.reason) for v in change.verdicts]


@pytest.mark.parametrize(
    "call",
    [
        picked_up(5, CallEnd.VOICEMAIL),
        picked_up(5, "", State.ANSWERED),  # a machine may have it: known when the call is over
        {"state": State.FAILED, "reason": CallEnd.NO_ANSWER},
    ],
)
def test_nobody_is_reached_by_a_machine_or_before_the_call_is_over(call):
    assert not verdict(revise(story(house(level=Level.REACHED), calls={"ann": call})))


def test_who_was_reached_and_cannot_does_not_count():
    said = [reply("ann", Answer.CANNOT_COMPLY, at=after(6))]
    known = story(house(level=Level.REACHED), said, {"ann": picked_up(5, "", State.DECLINED)})
    assert not verdict(revise(known))


@pytest.mark.parametrize(
    ("wants", "said", "why"),
    [
        ({}, (), "nobody accepted in time"),
        ({"level": Level.REACHED}, (), "nobody was reached in time"),
        ({"objective": Objective.QUORUM, "quorum": 2}, ("ann",), "only 1 of 2 accepted in time"),
        ({"objective": Objective.EVERYONE}, ("ann", "cyd"), "only 2 of 3 accepted in time"),
    ],
)
def test_missed_with_how_far_it_got(wants, said, why):
    known = story(house(**wants), accepted(*said), now=TEN)
    [deadline] = [a for a in known.agenda if a.kind is AgendaKind.VERDICT]
    change = falling_due.take_deadline(known, deadline)
    assert verdict(change) == [(Outcome.MISSED, why)]
    assert {v.person for v in change.verdicts if v.person and v.outcome is Outcome.MET} == set(said)


def test_a_quorum_that_loses_one_is_open_again():
    roster = house(objective=Objective.QUORUM, quorum=2)
    met = revise(story(roster, accepted("ann", "bob"))).verdicts
    back = [*accepted("ann", "bob"), reply("bob", Answer.CANNOT_COMPLY, at=after(9), n=9)]
    assert [v.outcome for v in revise(story(roster, back, verdicts=met)).verdicts] == [Outcome.REOPENED]


# --- resources ------------------------------------------------------------------------------------------------------

FOUNDRY, MILL = (
    Resource(scheme="X", code=code, name=name, team=team)
    for code, name, team in (("F", "Foundry", "ops"), ("M", "Mill", "mill"))
)


def two_teams(**policy):
    """Ann is on call for the foundry's team, Bob for the mill's; Cyd is named by the step itself."""
    base = house()
    rotations = {"foundry": rotation("foundry", "ann"), "mill": replace(rotation("mill", "bob"), team="mill")}
    steps = (Step(after_seconds=0, rotations=("foundry", "mill"), people=("cyd",)),)
    return replace(
        base,
        teams={**base.teams, "mill": Team(id="mill", name="Mill")},
        rotations=rotations,
        resources=(FOUNDRY, MILL),
        policies={"default": Policy(id="default", steps=steps, **policy)},
    )


def about(*resources):
    named = tuple(ResourceRef(scheme=r.scheme, code=r.code) for r in resources)
    return event(revision(resources=named))


def test_each_resource_needs_its_own_team():
    both = about(FOUNDRY, MILL)
    known = story(two_teams(), accepted("ann"), event_=both)
    change = revise(known)
    assert verdict(change) == []
    assert stopped(known, change) == {"ann"}
    change = revise(story(two_teams(), accepted("ann", "bob"), event_=both))
    assert verdict(change) == [(Outcome.MET, "accepted by Bob at 18:00:02 UTC, for each of 2 teams")]


def test_one_resource_asks_nothing_of_the_other_team():
    assert verdict(revise(story(two_teams(), accepted("bob"), event_=about(FOUNDRY)))) == []
    assert verdict(revise(story(two_teams(), accepted("ann"), event_=about(FOUNDRY))))


def test_who_is_on_call_for_two_teams_is_called_once_and_answers_for_both():
    roster = two_teams()
    roster = replace(
        roster, rotations={**roster.rotations, "mill": replace(rotation("mill", "bob", "ann"), team="mill")}
    )
    known = story(roster, accepted("ann"), event_=about(FOUNDRY, MILL))
    assert len([n for n in known.notifications if (n.person, n.channel) == ("ann", VOICE)]) == 1
    assert verdict(revise(known)) == [(Outcome.MET, "accepted by Ann at 18:00:01 UTC, for each of 2 teams")]


def test_a_team_whose_answer_is_taken_back_has_those_called_who_were_stopped_for_it():
    """Another team is still open, so the event never was met and is not open again."""
    roster = two_teams()
    roster = replace(roster, rotations={**roster.rotations, "foundry": rotation("foundry", "ann")})
    steps = (Step(after_seconds=0, rotations=("foundry", "mill")),)
    roster = replace(roster, policies={"default": Policy(id="default", steps=steps)})
    both = {"foundry": rotation("foundry", "ann"), "mill": roster.rotations["mill"], "back": rotation("back", "dee")}
    steps = (Step(after_seconds=0, rotations=("foundry", "back", "mill")),)
    roster = replace(roster, rotations=both, policies={"default": Policy(id="default", steps=steps)})
    waiting = {"dee": {"state": State.SUPERSEDED, "sent_at": None, "reason": "answered already"}}
    cannot = reply("ann", Answer.CANNOT_COMPLY, at=after(30), n=9)
    known = story(roster, [*accepted("ann"), cannot], waiting, event_=about(FOUNDRY, MILL))
    change = revise(known)
    [again] = [a for a in change.add_agenda if a.kind is AgendaKind.STEP]
    assert (again.step, again.due_at, again.asleep, again.brought_by) == (0, MINUTE, True, cannot.id)
    taken = replace(known, agenda=[*known.agenda, replace(again, state=AgendaState.DONE)])
    called = falling_due.take_step(taken, again).add
    assert {(n.person, n.channel) for n in called if n.person} >= {("dee", VOICE)}
    assert not [a for a in revise(taken).add_agenda if a.kind is AgendaKind.STEP], "once for each answer"


def test_who_is_named_without_a_rotation_answers_for_every_team():
    assert verdict(revise(story(two_teams(), accepted("cyd"), event_=about(FOUNDRY, MILL))))


def test_phones_of_a_team_that_has_answered_stop():
    roster = two_teams(objective=Objective.ANYONE)
    roster = replace(roster, rotations={**roster.rotations, "foundry": rotation("foundry", "ann", "dee")})
    known = story(roster, accepted("ann"), event_=about(FOUNDRY, MILL))
    assert stopped(known, revise(known)) == {"ann", "dee"}


def test_missed_names_the_resource_nobody_answered_for():
    known = story(two_teams(), accepted("ann"), now=TEN, event_=about(FOUNDRY, MILL))
    [deadline] = [a for a in known.agenda if a.kind is AgendaKind.VERDICT]
    assert verdict(falling_due.take_deadline(known, deadline)) == [(Outcome.MISSED, "nobody answered for Mill")]


def test_a_resource_whose_team_the_policy_does_not_call_is_anybodys():
    roster = replace(two_teams(), policies=house().policies)
    assert objective.scopes(case(about(MILL), roster=roster)) == [objective.WHOLE]
