"""Who is called again: the same number once within its time, then another one, as often as the policy says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.plan import AgendaState, CallEnd, ChannelName, Kind, State
from model.reply import Answer
from model.roster import ContactMethod
from routing import planner
from routing.revision import revise
from tests.unit.routing.house import NOW, POLICY, ROSTER, case, event, facts, reply, sent

OTHER = "+13125550109"
VOICE = ChannelName.VOICE
ANA = ROSTER.people["ana"]
TWO_PHONES = replace(ANA, methods=(*ANA.methods, ContactMethod(channel=VOICE, address=OTHER)))


def house(people=(ANA,), **policy):
    changed = {"default": replace(POLICY, **policy)}
    return replace(ROSTER, policies=changed, people={**ROSTER.people, **{p.id: p for p in people}})


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def look(known, reason=CallEnd.NO_ANSWER, *, at=25, replies=(), roster=None, state=State.FAILED):
    """The last call of those known ends so, and the timetable is looked at."""
    rows, agenda = known
    last = next(n for n in reversed(rows) if n.channel is VOICE)
    over = [replace(n, state=state, reason=reason) if n is last else n for n in rows]
    roster = roster or house()
    change = revise(facts(event(), over, agenda=agenda, replies=replies, now=after(at), roster=roster))
    return change, ([*over, *(sent(n, at=after(at)) for n in change.add)], agenda)


def begun(roster=None):
    plan = planner.plan(case(roster=roster or house()))
    return [sent(n) for n in plan.notifications], list(plan.agenda)


def calls(change):
    return [n for n in change.add if n.channel is VOICE]


@pytest.mark.parametrize(
    ("reason", "pause"),
    [(CallEnd.NO_ANSWER, 0), (CallEnd.VOICEMAIL, 0), (CallEnd.NO_KEY, 0), (CallEnd.BUSY, 30)],
)
def test_the_same_number_once_more(reason, pause):
    change, _ = look(begun(), reason)
    [again] = calls(change)
    assert (again.address, again.person, again.try_no, again.redial) == (ANA.address(VOICE), "ana", 2, True)
    assert (again.due_at, again.until) == (after(25 + pause), after(170))
    assert not change.bring_forward


def test_twice_adds_one():
    change, (rows, agenda) = look(begun())
    assert calls(change)
    assert not revise(facts(event(), rows, agenda=agenda, now=after(26), roster=house()))


def test_then_the_other_number_and_then_the_next_person():
    roster = house([TWO_PHONES])
    known = begun(roster)
    dialled = []
    for at in (25, 50):
        change, known = look(known, at=at, roster=roster)
        assert not change.bring_forward
        dialled += [n.address for n in calls(change)]
    assert dialled == [ANA.address(VOICE), OTHER]
    change, _ = look(known, at=75, roster=roster)
    assert not calls(change)
    [brought] = change.bring_forward
    assert next(a for a in known[1] if a.id == brought.agenda_id).asleep  # the earliest group not yet called


def test_a_number_that_failed_is_not_called_again_the_other_one_is():
    roster = house([TWO_PHONES])
    change, _ = look(begun(roster), "Twilio 21211: not a phone number", roster=roster)
    assert [n.address for n in calls(change)] == [OTHER]


@pytest.mark.parametrize(("redials", "numbers"), [(0, []), (1, [ANA.address(VOICE)])])
def test_no_more_often_than_the_policy_says(redials, numbers):
    roster, dialled = house([TWO_PHONES], redials=redials), []
    known = begun(roster)
    for at in (25, 50):
        change, known = look(known, at=at, roster=roster)
        dialled += [n.address for n in calls(change)]
    assert dialled == numbers


@pytest.mark.parametrize(("at", "numbers"), [(170, 1), (171, 0)])
def test_not_after_its_time(at, numbers):
    assert len(calls(look(begun(), at=at)[0])) == numbers


def test_a_redial_that_got_no_line_in_its_time_leaves_the_other_number():
    roster = house([TWO_PHONES])
    _, known = look(begun(roster), roster=roster)
    change, _ = look(known, "held back by lines until too late", at=171, roster=roster, state=State.EXPIRED)
    assert [n.address for n in calls(change)] == [OTHER]


@pytest.mark.parametrize(("at", "numbers"), [(480, 1), (481, 0)])
def test_never_one_that_cannot_be_over_in_time(at, numbers):
    roster = house(redial_within_seconds=600)
    assert len(calls(look(begun(roster), at=at, roster=roster)[0])) == numbers


def test_who_has_answered_is_not_called_again():
    change, _ = look(begun(), replies=[reply("ana", Answer.CANNOT_COMPLY)])
    assert not calls(change)
    assert len(change.bring_forward) == 1  # for the answer, and not once more for the silence


def test_who_answers_otherwise_is_left_alone():
    _, (rows, agenda) = look(begun())
    waits = [replace(n, state=State.PENDING, sent_at=None) if n.redial else n for n in rows]
    known = facts(
        event(), waits, agenda=agenda, replies=[reply("ana", Answer.CANNOT_COMPLY)], now=after(26), roster=house()
    )
    assert revise(known).supersede == [n.id for n in waits if n.redial]


def test_the_next_step_is_not_brought_forward_twice():
    roster = house(redials=0)
    change, (rows, agenda) = look(begun(roster), roster=roster)
    [brought] = change.bring_forward
    due = [replace(a, due_at=after(25), brought_by=brought.by) if a.id == brought.agenda_id else a for a in agenda]
    assert not revise(facts(event(), rows, agenda=due, now=after(26), roster=roster)).bring_forward


def test_who_was_only_written_to_has_the_time_of_the_step():
    roster = house([replace(ANA, methods=ANA.methods[2:])], redials=0)
    plan = planner.plan(case(roster=roster))
    rows = [sent(n) for n in plan.notifications]
    assert {n.channel for n in rows if n.person} == {ChannelName.SLACK_DM}
    assert not revise(facts(event(), rows, agenda=plan.agenda, now=after(60), roster=roster)).bring_forward


def test_the_admins_hear_when_nobody_is_left():
    roster = house(redials=0)
    rows, agenda = begun(roster)
    agenda = [replace(a, state=AgendaState.DONE) for a in agenda]
    change, _ = look((rows, agenda), roster=roster)
    [said] = [n.details["note"] for n in change.add if n.kind is Kind.ADMIN]
    assert said == "no phone rings any more and nobody is left to call"
