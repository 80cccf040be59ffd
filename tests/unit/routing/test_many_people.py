"""An event that calls thousands is looked at in a time that grows with their number, not with its square.

Counted are the calls that Python makes, which are the same on every machine.
"""

import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from model.event import EventStatus
from model.plan import AgendaKind, CallEnd, ChannelName, State
from model.reply import Answer
from model.roster import ContactMethod, Person, Step
from routing import falling_due, fitting
from routing.revision import revise
from tests.unit.routing.house import NOW, POLICY, ROSTER, case, event, facts, reply, revision, sent

FEW, MANY = 40, 160
TIMES = 6  # four times the people; what is done once for all of them is in the bargain
SOON = NOW + timedelta(seconds=30)


def crowd(people):
    methods = tuple(
        ContactMethod(channel=channel, address=address)
        for channel, address in (
            (ChannelName.VOICE, "+13125550101"),
            (ChannelName.SMS, "+13125550101"),
            (ChannelName.SLACK_DM, "UANA"),
        )
    )
    named = [f"p{n}" for n in range(people)]
    known = {id_: Person(id=id_, name=id_, timezone="America/Chicago", methods=methods) for id_ in named}
    policy = replace(POLICY, steps=(Step(after_seconds=0, people=tuple(named)),))
    return replace(ROSTER, people=known, policies={"default": policy})


def told(people, state=State.SENT, **changes):
    """The roster, the plan, and its rows when everybody was asked."""
    roster = crowd(people)
    plan = fitting.plan(case(roster=roster))
    return roster, plan, [sent(n, state, **changes) if n.person else n for n in plan.notifications]


def looked_at(people):
    roster, plan, rows = told(people)
    return facts(event(), rows, agenda=plan.agenda, now=SOON, roster=roster)


def called_in_vain(people):
    roster, plan, rows = told(people, State.FAILED, reason=CallEnd.NO_ANSWER)
    return facts(event(), rows, agenda=plan.agenda, now=SOON, roster=roster)


def all_cannot(people):
    roster, plan, rows = told(people)
    answers = [reply(n.person, Answer.CANNOT_COMPLY) for n in rows if n.channel is ChannelName.VOICE]
    first = revise(facts(event(), rows, agenda=plan.agenda, replies=answers, now=SOON, roster=roster))
    return facts(event(), [*rows, *first.add], agenda=plan.agenda, replies=answers, now=SOON, roster=roster)


def accepted(people):
    roster, plan, rows = told(people)
    return facts(event(), rows, agenda=plan.agenda, replies=[reply("p7")], now=SOON, roster=roster)


def asked_anew(people):
    """By others: the policy has lost them all."""
    roster, plan, rows = told(people)
    fewer = replace(POLICY, steps=(Step(after_seconds=0, people=("p0",)),))
    roster = replace(roster, policies={"default": fewer})
    return facts(event(revision(), revision(2)), rows, agenda=plan.agenda, now=SOON, roster=roster)


def cancelled(people):
    roster, plan, rows = told(people)
    over = event(revision(), revision(2, needs_answer=False), status=EventStatus.CANCELLED)
    return facts(over, rows, agenda=plan.agenda, now=SOON, roster=roster)


@pytest.mark.parametrize("known", [looked_at, called_in_vain, all_cannot, accepted, asked_anew, cancelled])
def test_a_look(known):
    assert calls_of(revise, known(MANY)) < TIMES * calls_of(revise, known(FEW))


def test_a_plan():
    few, many = (case(roster=crowd(people)) for people in (FEW, MANY))
    assert calls_of(fitting.plan, many) < TIMES * calls_of(fitting.plan, few)


def test_the_deadline():
    def missed(known):
        [verdict] = known.open_agenda(AgendaKind.VERDICT)
        return falling_due.take_deadline(known, verdict)

    assert calls_of(missed, looked_at(MANY)) < TIMES * calls_of(missed, looked_at(FEW))


def calls_of(decide, known):
    calls = 0

    def count(_frame, what, _arg):
        nonlocal calls
        calls += what in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        decide(known)
    finally:
        sys.setprofile(before)
    return calls
