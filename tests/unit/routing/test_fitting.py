"""A plan meets the phone lines: who fits, who does not and what they get instead, who is named, and when anew."""

from dataclasses import replace
from datetime import timedelta
from time import process_time

from model.call_lengths import Learned, Length
from model.phones import Phones
from model.plan import ChannelName, Hold, Kind, State
from model.roster import Policy, Step
from routing import falling_due, fitting
from routing.capacity import Call, Lines
from routing.facts import case_for
from routing.revision import revise
from tests.unit.routing.house import NOW, ROSTER, case, event, facts, person, reply, sent

VOICE, SMS, DM = ChannelName.VOICE, ChannelName.SMS, ChannelName.SLACK_DM
SECOND = timedelta(seconds=1)
FIVE = Lines(phones=Phones(5, 1.0))
ONE = Lines(phones=Phones(1, 1.0))


def crowd(count, policy=None):
    """So many people, p01 first, all called at once."""
    names = [f"p{n:02}" for n in range(1, count + 1)]
    people = {name: person(name, "America/Chicago", 1) for name in names}
    usual = Policy(id="default", steps=(Step(after_seconds=0, people=tuple(names)),))
    return replace(ROSTER, people=people, policies={"default": policy or usual})


def planned(roster, lines=FIVE, event_=None):
    return fitting.plan(replace(case(event_, roster=roster), lines=lines))


def rows(found, channel, kind=Kind.ALERT):
    return [n for n in found if n.channel is channel and n.kind is kind]


def other_call(n=0, *, lane=0, until=60, due=0, holds=115):
    return Call(lane, False, NOW + until * SECOND, NOW + due * SECOND, f"other-{n}", f"event-of-{n}", holds * SECOND)


def test_everybody_who_fits_is_promised_a_line():
    plan = planned(crowd(25))
    assert (plan.at_risk, plan.remarks, plan.reach.unreached) == (False, (), ())
    assert plan.reach.over_at == NOW + 579 * SECOND
    assert not rows(plan.notifications, DM)


def test_who_does_not_fit_is_named_and_gets_text_and_slack_at_once():
    plan = planned(crowd(26))
    assert plan.at_risk
    assert plan.remarks == (
        "25 of 26 people can be called by 18:09:39 UTC; no line in time for P26: 5 lines, 1 call a second, "
        "up to 115 s each, and a call must begin by 18:08:00 UTC",
    )
    [to_admins] = rows(plan.notifications, ChannelName.SLACK_CHANNEL, Kind.ADMIN)
    assert to_admins.details["note"] == plan.remarks[0]
    assert [n.person for n in rows(plan.notifications, DM)] == ["p26"]
    assert "p26" in [n.person for n in rows(plan.notifications, SMS)]
    assert {n.due_at for n in plan.notifications} == {NOW}


def test_whose_turn_may_still_come_keeps_the_call():
    """Calls are often shorter than they may be."""
    calls = rows(planned(crowd(26)).notifications, VOICE)
    assert len(calls) == 26
    assert [n.person for n in calls if n.details.get("no_line")] == ["p26"]


def test_with_longer_calls_twenty_and_five_named():
    step = Step(after_seconds=0, people=tuple(f"p{n:02}" for n in range(1, 26)))
    plan = planned(crowd(25, Policy(id="default", steps=(step,), call_seconds=95)))
    assert len(plan.reach.rings) - len(plan.reach.unreached) == 20
    assert "20 of 25 people" in plan.remarks[0]
    assert "for P21, P22, P23, P24, P25:" in plan.remarks[0]


def test_plans_reckon_with_what_past_calls_teach():
    """Calls of 115 s fit 25 times, those of 65 s oftener; none may begin that could last longer than there is time."""
    step = Step(after_seconds=0, people=tuple(f"p{n:02}" for n in range(1, 51)))
    policy = Policy(id="default", steps=(step,), learn_call_seconds=True)
    taught = Lines(phones=replace(FIVE.phones, learned={"default": Learned(40, 120)}))
    plan = planned(crowd(50, policy), taught)
    begun = [ring.start for ring in plan.reach.rings if ring.start]
    assert len(begun) == 40
    assert max(begun) <= NOW + 480 * SECOND
    assert {ring.end - ring.start for ring in plan.reach.rings if ring.start} == {65 * SECOND}
    assert plan.reach.length == Length(25, 40, 120)
    assert plan.remarks[0].startswith("40 of 50 people can be called by 18:08:44 UTC; no line in time for P41, P42")
    assert "65 s each as 120 past calls teach (up to 115 s), and a call must begin by 18:08:00 UTC" in plan.remarks[0]
    assert {n.until for n in rows(plan.notifications, VOICE)} == {NOW + 480 * SECOND}
    as_given = planned(crowd(50, replace(policy, learn_call_seconds=False)), taught)
    assert len(as_given.reach.rings) - len(as_given.reach.unreached) == 25


def test_who_will_be_asked_again_takes_a_line():
    """One line, and somebody else's acceptance is asked about in the middle; nobody there loses a line they had."""
    to_come = (other_call(until=400, due=100),)
    plan = planned(crowd(5), replace(ONE, to_come=to_come))
    assert plan.reach.unreached == ("p05",)
    assert "people who accepted and are to be asked again: 1" in plan.remarks[0]
    assert plan.pushes_out == ()


def test_own_calls_that_wait_are_reckoned_with_alike():
    """Those of a step that was taken before, when the next one is due."""
    roster = crowd(2, Policy(id="default", steps=(Step(after_seconds=0, people=("p01",)),), learn_call_seconds=True))
    taught = replace(ONE, phones=replace(ONE.phones, learned={"default": Learned(40, 120)}))
    known = replace(case(roster=roster), lines=taught)
    [call] = case_for(known, fitting.plan(known).notifications, (), NOW).own
    assert call.holds == 65 * SECOND


def test_a_step_whose_people_get_only_calls_writes_to_those_without_a_line():
    step = Step(after_seconds=0, people=("p01", "p02"), channels=(VOICE,))
    plan = planned(crowd(2, Policy(id="default", steps=(step,), sla_seconds=130)), ONE, short(130))
    assert [(n.person, n.channel) for n in plan.notifications if n.person] == [
        ("p01", VOICE),
        ("p02", VOICE),
        ("p02", SMS),
        ("p02", DM),
    ]


def short(seconds):
    return event(deadline_at=NOW + seconds * SECOND, work_until=NOW + seconds * SECOND)


def test_many_names_are_counted():
    assert "P45 and 96 more" in sentence_of(141)


def sentence_of(count):
    return planned(crowd(count)).remarks[0]


def test_people_of_later_steps_want_lines_too():
    """The step at 7:00 leaves one minute: five people of six."""
    later = Step(after_seconds=420, people=tuple(f"p{n:02}" for n in range(2, 8)))
    policy = Policy(id="default", steps=(Step(after_seconds=0, people=("p01",)), later))
    plan = planned(crowd(7, policy))
    assert plan.reach.unreached == ("p07",)
    assert "6 of 7 people" in plan.remarks[0]
    assert not rows(plan.notifications, DM)  # it is not their turn yet


def test_who_was_named_is_not_named_again_when_the_step_is_due():
    later = Step(after_seconds=420, people=tuple(f"p{n:02}" for n in range(2, 8)))
    roster = crowd(7, Policy(id="default", steps=(Step(after_seconds=0, people=("p01",)), later)))
    plan = planned(roster)
    now = NOW + 420 * SECOND
    before = facts(event(), plan.notifications, agenda=plan.agenda, now=now, roster=roster)
    known = replace(before, case=replace(before.case, lines=FIVE, own=()))
    [step] = [a for a in plan.agenda if a.kind == "step"]
    change = falling_due.take_step(known, step)
    assert [n.person for n in rows(change.add, DM)] == ["p07"]
    assert not rows(change.add, ChannelName.SLACK_CHANNEL, Kind.ADMIN)
    assert len(change.reach.rings) == 6


def test_calls_of_other_events_go_first_when_they_are_more_urgent():
    """One line for a minute: it is another event's."""
    busy = replace(ONE, waiting=(other_call(until=30),))
    plan = planned(crowd(5), busy)
    assert plan.reach.unreached == ("p05",)
    assert "calls of other events that wait too: 1" in plan.remarks[0]
    assert planned(crowd(5), ONE).reach.unreached == ()


def test_lines_in_use_are_not_free():
    taken = Lines(phones=Phones(2, 1.0), busy=(NOW + 300 * SECOND, NOW + 300 * SECOND))
    plan = planned(crowd(4), taken)
    assert [ring.start and (ring.start - NOW).seconds for ring in plan.reach.rings] == [300, 301, 415, 416]
    assert planned(crowd(5), taken).reach.unreached == ("p05",)


def test_the_plan_names_the_events_that_lose_a_line():
    waits = replace(ONE, waiting=(other_call(1, lane=1, until=100), other_call(2, lane=1, until=400)))
    assert planned(crowd(1), waits).pushes_out == ("event-of-1",)


def test_an_event_that_would_ring_nobody_rings_when_a_line_is_free():
    """Both lines are taken until too late: the phones ring all the same, and the sender hears it."""
    taken = Lines(phones=Phones(1, 1.0), busy=(NOW + 500 * SECOND,))
    plan = planned(crowd(2), taken)
    calls = rows(plan.notifications, VOICE)
    assert [(n.until, n.details) for n in calls] == [(event().work_until, {"overtime": True})] * 2
    assert plan.at_risk
    assert "no line is free in time for anybody" in plan.remarks[0]
    assert [n.person for n in rows(plan.notifications, DM)] == ["p01", "p02"]


def waiting(count=4, **changes):
    """The rows of an event whose calls wait for a line, of which another event has taken some."""
    roster = crowd(count)
    plan = planned(roster, ONE)
    assert not plan.at_risk
    found = [sent(n) if n.channel is not VOICE else replace(n, **changes) for n in plan.notifications]
    return roster, plan, found


def look(roster, plan, found, lines, now=NOW, replies=()):
    known = facts(event(), found, agenda=plan.agenda, now=now, roster=roster, replies=replies)
    return revise(replace(known, case=replace(known.case, lines=lines)))


def test_who_loses_a_line_to_another_event_is_named_and_written_to():
    roster, plan, found = waiting()
    taken = replace(ONE, busy=(NOW + 200 * SECOND,))
    change = look(roster, plan, found, taken)
    assert [n.person for n in rows(change.add, DM)] == ["p04"]
    [to_admins] = rows(change.add, ChannelName.SLACK_CHANNEL, Kind.ADMIN)
    assert "3 of 4 people" in to_admins.details["note"]
    assert "1 of them in use" in to_admins.details["note"]
    assert change.remarks == [to_admins.details["note"]]


def test_it_is_said_once():
    roster, plan, found = waiting()
    taken = replace(ONE, busy=(NOW + 200 * SECOND,))
    found += look(roster, plan, found, taken).add
    assert not look(roster, plan, found, taken)
    more = look(roster, plan, found, replace(ONE, busy=(NOW + 300 * SECOND,)))
    [to_admins] = rows(more.add, ChannelName.SLACK_CHANNEL, Kind.ADMIN)
    assert to_admins.details["no_line"] == "p03"


def test_a_held_call_that_still_fits_is_no_news_to_the_admins():
    roster, plan, found = waiting(hold=Hold.LINES)
    change = look(roster, plan, found, replace(ONE, busy=(NOW + 20 * SECOND,)))
    assert not rows(change.add, ChannelName.SLACK_CHANNEL, Kind.ADMIN)


def test_when_somebody_has_accepted_nobody_is_at_risk():
    roster, plan, found = waiting()
    change = look(roster, plan, found, replace(ONE, busy=(NOW + 500 * SECOND,)), replies=[reply("p01")])
    assert not rows(change.add, DM)
    assert not change.remarks


def test_calls_in_the_air_are_not_counted_twice():
    """Who is being called has a line already; the others are what is left."""
    roster, plan, found = waiting()
    ringing = [replace(n, state=State.SENT) if n.person == "p01" and n.channel is VOICE else n for n in found]
    change = look(roster, plan, ringing, replace(ONE, busy=(NOW + 115 * SECOND,)))
    assert not change.remarks


def test_after_the_deadline_lines_are_no_question():
    """A step that a dead process left behind: nobody is written to because of it."""
    plan = fitting.plan(replace(case(roster=crowd(26), now=NOW + 601 * SECOND), lines=FIVE))
    assert not rows(plan.notifications, DM)
    roster, plan, found = waiting()
    assert not look(roster, plan, found, replace(ONE, busy=(NOW + 900 * SECOND,)), now=NOW + 601 * SECOND).remarks


def test_ten_thousand_people_are_planned_in_a_moment():
    """0.7 s of a processor; what grows with the square takes minutes."""
    names = [f"p{n:05}" for n in range(10_000)]
    people = {name: person(name, "America/Chicago", 1) for name in names}
    step = Step(after_seconds=0, people=tuple(names))
    roster = replace(ROSTER, people=people, policies={"default": Policy(id="default", steps=(step,))})
    began = process_time()
    plan = planned(roster)
    assert process_time() - began < 5
    assert len(plan.reach.unreached) == 9975


def test_a_promised_line_that_came_too_late_is_made_up_for():
    """Clocks and vendors take their time: the last of many may miss the last second."""
    roster, plan, found = waiting()
    late = [replace(n, state=State.EXPIRED) if n.channel is VOICE and n.person == "p04" else n for n in found]
    change = look(roster, plan, late, ONE, now=NOW + 481 * SECOND)
    assert [n.person for n in rows(change.add, DM)].count("p04") == 1
    assert "p04" not in [n.person for n in look(roster, plan, late, ONE, now=NOW + 600 * SECOND).add]
