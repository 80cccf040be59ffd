"""Objective everyone: each must accept, whoever has is left alone, and the verdict counts them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.phones import Phones
from model.plan import AgendaKind, AgendaState, ChannelName, State
from model.reply import Answer
from model.roster import Objective, Policy, Step
from routing import falling_due, fitting
from routing.revision import revise
from routing.within_reach import out_of_reach
from tests.unit.routing.house import NOW, ROSTER, case, event, facts, person, reply, sent

NAMES = ("ann", "bob", "cyd")
DEADLINE = NOW + timedelta(minutes=10)


def house(*names, **changes):
    names = names or NAMES
    people = {name: person(name, "America/Chicago", n) for n, name in enumerate(names)}
    usual = Policy(id="default", objective=Objective.EVERYONE, steps=(Step(after_seconds=0, people=names),), **changes)
    return replace(ROSTER, people=people, policies={"default": usual})


def story(*replies, roster=None, now=NOW, verdicts=()):
    roster = roster or house()
    plan = fitting.plan(case(roster=roster))
    rows = [sent(n) if n.channel is not ChannelName.VOICE else n for n in plan.notifications]
    return facts(event(), rows, agenda=plan.agenda, replies=replies, verdicts=verdicts, now=now, roster=roster)


def event_verdicts(change):
    return [(v.outcome, v.reason) for v in change.verdicts if v.person is None]


def test_one_who_accepts_is_left_alone_and_the_others_are_called():
    known = story(reply("ann"))
    change = revise(known)
    left = {n.person for n in known.notifications if n.id in change.supersede}
    assert left == {"ann"}
    assert not change.verdicts
    assert not change.drop_agenda


def test_a_call_in_the_air_to_somebody_who_has_accepted_is_ended():
    known = story(reply("ann"))
    ringing = [replace(n, state=State.SENT) if n.channel is ChannelName.VOICE else n for n in known.notifications]
    change = revise(replace(known, notifications=ringing))
    assert [n.person for n in ringing if n.id in change.cut] == ["ann"]


def test_met_when_the_last_has_accepted():
    said = [reply(name, at=NOW + timedelta(seconds=n), n=n) for n, name in enumerate(NAMES)]
    assert not event_verdicts(revise(story(*said[:2])))
    assert event_verdicts(revise(story(*said))) == [("met", "accepted by all 3, the last Cyd at 18:00:02 UTC")]


def test_not_while_a_step_is_to_come():
    roster = house()
    step = Step(after_seconds=300, people=("dee",))
    policy = replace(roster.policies["default"], steps=(*roster.policies["default"].steps, step))
    people = {**roster.people, "dee": person("dee", "America/Chicago", 9)}
    roster = replace(roster, policies={"default": policy}, people=people)
    said = [reply(name, n=n) for n, name in enumerate(NAMES)]
    known = story(*said, roster=roster)
    assert not event_verdicts(revise(known))
    [due] = [a for a in known.agenda if a.kind is AgendaKind.STEP]
    assert {n.person for n in falling_due.take_step(known, due).add if n.person} == {"dee"}


def test_a_last_step_without_anybody_new_is_looked_at_again():
    """All have accepted already: it is met then, not missed at the deadline."""
    roster = house()
    policy = roster.policies["default"]
    steps = (*policy.steps, Step(after_seconds=300, people=("ann",)))
    roster = replace(roster, policies={"default": replace(policy, steps=steps)})
    known = story(*(reply(name, n=n) for n, name in enumerate(NAMES)), roster=roster)
    [due] = [a for a in known.agenda if a.kind is AgendaKind.STEP]
    [again] = falling_due.take_step(known, due).add_agenda
    assert (again.kind, again.due_at) == (AgendaKind.REVISE, NOW)
    over = [replace(a, state=AgendaState.DONE) if a is due else a for a in known.agenda]
    assert event_verdicts(revise(replace(known, agenda=over)))[0][0] == "met"


def test_who_takes_it_back_opens_it_again():
    said = [reply(name, n=n) for n, name in enumerate(NAMES)]
    met = revise(story(*said)).verdicts
    back = reply("bob", Answer.CANNOT_COMPLY, at=NOW + timedelta(seconds=9), n=9)
    assert [v.outcome for v in revise(story(*said, back, verdicts=met)).verdicts] == ["reopened"]


def test_missed_with_how_many_accepted_and_who():
    known = story(reply("ann"), reply("bob", Answer.CANNOT_COMPLY, n=2), now=DEADLINE)
    [deadline] = [a for a in known.agenda if a.kind is AgendaKind.VERDICT]
    change = falling_due.take_deadline(known, deadline)
    assert event_verdicts(change) == [("missed", "only 1 of 3 accepted in time")]
    assert {v.person: v.outcome for v in change.verdicts if v.person} == {
        "ann": "met",
        "bob": "missed",
        "cyd": "missed",
    }
    assert any("ONLY 1 of 3 HAVE ACCEPTED" in str(n.details.get("note")) for n in change.add)


@pytest.mark.parametrize(("count", "lines", "said"), [(25, 5, []), (26, 5, ["25 of 26"]), (26, 6, [])])
def test_too_few_lines_for_everyone_are_said(count, lines, said):
    roster = house(*(f"p{n:02}" for n in range(count)))
    found = list(out_of_reach(roster, Phones(lines, 1.0), NOW))
    assert [part in sentence for sentence, part in zip(found, said, strict=True)] == [True] * len(said)
    anyone = replace(roster.policies["default"], objective=Objective.ANYONE)
    assert not list(out_of_reach(replace(roster, policies={"default": anyone}), Phones(1, 1.0), NOW))


def test_the_arithmetic_is_said():
    [said] = out_of_reach(house(*(f"p{n:02}" for n in range(26))), Phones(5, 1.0), NOW)
    assert said == (
        "policy default: everyone must accept, and 25 of 26 people can be called in time: "
        "5 lines, 1 call a second, up to 115 s each, 5 s of margin, sla_seconds is 600"
    )


@pytest.mark.parametrize(
    ("quorum", "lines", "said"),
    [
        (25, 5, None),
        (26, 5, "quorum is 26, and 25 of 26 people can be called in time: 5 lines, 1 call a second, up to 115 s each"),
        (27, 50, "quorum is 27, and all its steps tell 26, by who is on call now"),
    ],
)
def test_a_quorum_out_of_reach_is_said(quorum, lines, said):
    roster = house(*(f"p{n:02}" for n in range(26)))
    policy = replace(roster.policies["default"], objective=Objective.QUORUM, quorum=quorum)
    found = list(out_of_reach(replace(roster, policies={"default": policy}), Phones(lines, 1.0), NOW))
    assert [said in sentence for sentence in found] == [True] * (said is not None)
