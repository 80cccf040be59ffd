"""Revise: what is learned later changes the timetable, once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from model.event import LAST_LANE, Action, EndKind, EventStatus, Instruction, MessageType, Mode, Severity
from model.plan import NEVER_KNOWN, AgendaKind, AgendaState, CallEnd, ChannelName, Hold, Kind, PagerDutyAction, State
from model.reply import Answer
from model.roster import Level
from model.rota import ShiftLength, ShiftUnit
from model.silence import Noise, Silence
from model.verdict import Outcome, Verdict
from routing import falling_due, planner
from routing.revision import revise
from routing.stand_down import STAND_DOWN_LIFE
from tests.unit.routing.house import NOW, PRIMARY, ROSTER, case, content, event, facts, reply, revision, sent

SOON = NOW + timedelta(seconds=20)


def started(event_=None):
    """The plan of a new event with everything that was due sent, and its agenda."""
    plan = planner.plan(case(event_))
    return [sent(n) for n in plan.notifications], list(plan.agenda)


def test_nothing_learned_changes_nothing():
    rows, agenda = started()
    assert not revise(facts(event(), rows, agenda=agenda, now=SOON))


def test_an_acceptance_stops_the_phones_and_everything_later():
    rows, agenda = started()
    change = revise(facts(event(), rows, agenda=agenda, replies=[reply("ana", at=SOON)], now=SOON))
    calls = [n.id for n in rows if n.channel is ChannelName.VOICE]
    assert change.cut == calls
    assert set(change.drop_agenda) == {a.id for a in agenda if a.kind is not AgendaKind.ENDS}
    assert [(v.person, v.outcome) for v in change.verdicts] == [(None, Outcome.MET), ("ana", Outcome.MET)]
    actions = [n.details["action"] for n in change.add if n.channel is ChannelName.PAGERDUTY]
    assert actions == [PagerDutyAction.ACKNOWLEDGE]


def test_what_waits_is_superseded():
    plan = planner.plan(case())
    change = revise(facts(event(), plan.notifications, agenda=plan.agenda, replies=[reply("ana")]))
    assert set(change.supersede) == {n.id for n in plan.notifications if n.person}


def test_twice_changes_nothing():
    """The change applied, the same facts ask for nothing more."""
    rows, agenda = started()
    answers = [reply("ana", at=SOON)]
    first = revise(facts(event(), rows, agenda=agenda, replies=answers, now=SOON))
    rows = [replace(n, cut_requested_at=SOON) if n.id in first.cut else n for n in [*rows, *first.add]]
    agenda = [replace(a, state=AgendaState.SUPERSEDED) for a in agenda]
    assert not revise(facts(event(), rows, agenda=agenda, replies=answers, verdicts=first.verdicts, now=SOON))


def test_who_was_rung_and_did_not_answer_hears_that_it_is_over():
    plan = planner.plan(case())
    late = planner.take_step(case(), 1, asleep=False)
    rows = [*map(sent, plan.notifications), *map(sent, late.notifications)]
    change = revise(facts(event(), rows, replies=[reply("dee", at=SOON)], now=SOON))
    [courtesy] = [n for n in change.add if n.kind is Kind.COURTESY]
    assert (courtesy.person, courtesy.details["by"]) == ("ana", "Dee")


def test_no_courtesy_for_who_was_on_the_line():
    rows, agenda = started()
    late = planner.take_step(case(), 1, asleep=False)
    rows = [replace(n, answered_at=NOW) if n.channel is ChannelName.VOICE else n for n in rows]
    change = revise(facts(event(), [*rows, *map(sent, late.notifications)], agenda=agenda, replies=[reply("dee")]))
    assert not [n for n in change.add if n.kind is Kind.COURTESY]


def test_cannot_comply_brings_the_next_forward_once_for_each():
    rows, agenda = started()
    cannot = reply("ana", Answer.CANNOT_COMPLY, at=SOON)
    change = revise(facts(event(), rows, agenda=agenda, replies=[cannot], now=SOON))
    [(brought, by, _)] = change.bring_forward
    assert by == cannot.id
    assert next(a for a in agenda if a.id == brought).asleep  # the sleeping group is the earliest
    agenda = [replace(a, brought_by=by, due_at=SOON) if a.id == brought else a for a in agenda]
    assert not revise(facts(event(), rows, agenda=agenda, replies=[cannot], now=SOON)).bring_forward


@pytest.mark.parametrize("state", [State.SENT, State.SUPERSEDED])
def test_who_cannot_comply_is_not_called_with_the_sleepers_whether_or_not_the_phone_has_stopped(state):
    rows, agenda = started()
    rows = [replace(n, state=state) if (n.person, n.channel) == ("ana", ChannelName.VOICE) else n for n in rows]
    [sleepers] = [a for a in agenda if a.kind is AgendaKind.STEP and a.asleep]
    cannot = reply("ana", Answer.CANNOT_COMPLY, at=SOON)
    change = falling_due.take_step(facts(event(), rows, agenda=agenda, replies=[cannot], now=SOON), sleepers)
    assert {n.person for n in change.add if n.person} == {"chie"}


def test_cannot_comply_with_nobody_left_tells_the_admins():
    rows, agenda = started()
    rows = [replace(n, state=State.DECLINED) if n.person else n for n in rows]
    taken = [replace(a, state=AgendaState.DONE) for a in agenda]
    change = revise(facts(event(), rows, agenda=taken, replies=[reply("ana", Answer.CANNOT_COMPLY)]))
    [admin] = [n for n in change.add if n.kind is Kind.ADMIN]
    assert "nobody is left" in str(admin.details["note"])


def test_a_step_that_the_policy_was_given_meanwhile_comes_at_its_time():
    """The steps that are planned keep their numbers: of three there is no third one in the timetable of two."""
    rows, agenda = started()
    taken = [replace(a, state=AgendaState.DONE) for a in agenda]
    known = facts(event(), rows, agenda=taken, now=SOON)
    first, second = known.case.policy.steps
    longer = replace(known.case.policy, steps=(first, replace(second, people=("ana",), rotations=()), second))
    roster = replace(ROSTER, policies={"default": longer})
    found = revise(replace(known, case=replace(known.case, roster=roster, policy=longer))).add_agenda
    due_at = NOW + timedelta(seconds=second.after_seconds)
    assert [(a.step, a.due_at) for a in found if a.kind is AgendaKind.STEP] == [(2, due_at)]
    again = replace(known, agenda=[*taken, *found])
    assert not revise(replace(again, case=replace(known.case, roster=roster, policy=longer))).add_agenda


def test_cannot_after_accept_reopens():
    rows, agenda = started()
    agenda = [replace(a, state=AgendaState.SUPERSEDED) for a in agenda]
    met = revise(facts(event(), rows, replies=[reply("ana")])).verdicts
    answers = [reply("ana"), reply("ana", Answer.CANNOT_COMPLY, at=SOON, n=2)]
    change = revise(facts(event(), rows, agenda=agenda, replies=answers, verdicts=met, now=SOON))
    assert [v.outcome for v in change.verdicts] == [Outcome.REOPENED]
    steps = [(a.step, a.asleep, a.due_at) for a in change.add_agenda if a.kind is AgendaKind.STEP]
    assert steps == [(0, True, SOON), (1, False, NOW + timedelta(seconds=300))]


def test_reopened_with_no_step_left_takes_those_that_were_taken_once_more():
    rows, agenda = started()
    answers = [reply("ana"), reply("ana", Answer.CANNOT_COMPLY, at=SOON, n=2)]
    met = Verdict(event_pk="event-1", revision=1, outcome=Outcome.MET, reason="", at=NOW)
    done = [replace(a, state=AgendaState.DONE) for a in agenda if a.kind is AgendaKind.STEP]
    change = revise(facts(event(), rows, agenda=done, replies=answers, verdicts=[met], now=SOON))
    steps = [(a.step, a.asleep, a.due_at, a.cause) for a in change.add_agenda if a.kind is AgendaKind.STEP]
    assert steps == [(0, True, SOON, planner.NOBODY_LEFT)]
    assert not [n for n in change.add if n.kind is Kind.ADMIN]


def test_reopened_twice_brings_back_each_of_the_agenda_once_and_calls_again():
    """What an earlier reopening brought back, and was taken or dropped since, does not come by its old row."""
    rows, agenda = started()
    dropped = [replace(a, state=AgendaState.SUPERSEDED) for a in agenda]
    later = [
        replace(a, id=f"{a.id}-2", state=AgendaState.DONE if a.kind is AgendaKind.STEP else AgendaState.SUPERSEDED)
        for a in agenda
    ]
    answers = [reply("ana"), reply("ana", Answer.CANNOT_COMPLY, at=SOON, n=2)]
    met = Verdict(event_pk="event-1", revision=1, outcome=Outcome.MET, reason="", at=NOW)
    found = facts(event(), rows, agenda=[*dropped, *later], replies=answers, verdicts=[met], now=SOON)
    brought = revise(found).add_agenda
    kinds = [a.kind for a in brought]
    assert kinds.count(AgendaKind.VERDICT) == kinds.count(AgendaKind.RAISE) == 1
    assert [(a.step, a.cause) for a in brought if a.kind is AgendaKind.STEP] == [(0, planner.NOBODY_LEFT)]


def test_of_an_agenda_row_that_came_again_the_last_counts_though_it_was_due_sooner():
    """The store gives them by their time: a step that was brought back at once stands before its dropped row."""
    rows, agenda = started()
    dropped = [replace(a, state=AgendaState.SUPERSEDED) for a in agenda]
    taken = [
        replace(a, id=f"{a.id}-2", due_at=NOW + timedelta(seconds=1), state=AgendaState.DONE)
        for a in agenda
        if a.kind is AgendaKind.STEP
    ]
    by_time = sorted([*dropped, *taken], key=lambda a: (a.due_at, a.id))
    answers = [reply("ana"), reply("ana", Answer.CANNOT_COMPLY, at=SOON, n=2)]
    met = Verdict(event_pk="event-1", revision=1, outcome=Outcome.MET, reason="", at=NOW)
    found = facts(event(), rows, agenda=by_time, replies=answers, verdicts=[met], now=SOON)
    steps = [(a.step, a.cause) for a in revise(found).add_agenda if a.kind is AgendaKind.STEP]
    assert steps == [(0, planner.NOBODY_LEFT)]


def test_who_takes_an_acceptance_back_calls_one_step_and_not_the_one_after_it():
    rows, agenda = started()
    dropped = [replace(a, state=AgendaState.SUPERSEDED) for a in agenda]
    cannot = reply("ana", Answer.CANNOT_COMPLY, at=SOON, n=2)
    met = Verdict(event_pk="event-1", revision=1, outcome=Outcome.MET, reason="", at=NOW)
    known = {"replies": [reply("ana"), cannot], "now": SOON}
    change = revise(facts(event(), rows, agenda=dropped, verdicts=[met], **known))
    first, second = sorted((a for a in change.add_agenda if a.kind is AgendaKind.STEP), key=lambda a: a.due_at)
    assert (first.step, first.due_at, first.brought_by) == (0, SOON, cannot.id)
    assert (second.step, second.due_at, second.brought_by) == (1, NOW + timedelta(seconds=300), None)
    verdicts = [met, *change.verdicts]
    taken = [replace(first, state=AgendaState.DONE), *(a for a in change.add_agenda if a is not first)]
    chie = [sent(n) for n in planner.take_step(case(), 0, asleep=True).notifications if n.person == "chie"]
    after = facts(event(), [*rows, *chie], agenda=[*dropped, *taken], verdicts=verdicts, **known)
    assert revise(after).bring_forward == []


def pages(rows):
    return [(n.details["action"], n.details["generation"]) for n in rows if n.channel is ChannelName.PAGERDUTY]


def test_where_pagerduty_calls_it_calls_again_when_it_is_open_again():
    """Its alert was acknowledged and keeps quiet: a new one wakes its people, and again the next time."""
    rows = [sent(n) for n in planner.plan(case(roster=PRIMARY)).notifications]
    assert pages(rows) == [("trigger", 1)]
    answers, verdicts = [], []
    for time, (begins, ends) in enumerate([(1001, 1), (2001, 1001)]):
        at = SOON + timedelta(minutes=time)
        answers.append(reply("ana", at=at, n=2 * time))
        accepted = revise(facts(event(), rows, replies=answers, verdicts=verdicts, now=at, roster=PRIMARY))
        assert pages(accepted.add) == [("acknowledge", ends)]
        rows, verdicts = [*rows, *map(sent, accepted.add)], [*verdicts, *accepted.verdicts]
        answers.append(reply("ana", Answer.CANNOT_COMPLY, at=at, n=2 * time + 1))
        reopened = revise(facts(event(), rows, replies=answers, verdicts=verdicts, now=at, roster=PRIMARY))
        assert pages(reopened.add) == [("trigger", begins), ("resolve", ends)]
        [again, over] = [n for n in reopened.add if n.channel is ChannelName.PAGERDUTY]
        assert (again.details["severity"], again.details["calls"]) == ("critical", True)
        assert (over.follows, over.details.get("calls")) == (again.id, None)
        rows, verdicts = [*rows, *map(sent, reopened.add)], [*verdicts, *reopened.verdicts]


def expired(rows):
    """No line came in time for any call; the rest was sent."""
    return [replace(n, state=State.EXPIRED, sent_at=None) if n.channel is ChannelName.VOICE else n for n in rows]


def test_an_event_whose_calls_all_came_too_late_rings_all_the_same():
    """The next step beyond its time; and where no step is left, those who were to be called, once."""
    rows, agenda = started()
    rows, late = expired(rows), event().work_until - timedelta(seconds=90)
    [step] = [a for a in agenda if a.kind is AgendaKind.STEP and a.step == 1]
    known = facts(event(), rows, agenda=[replace(step, state=AgendaState.DONE)], now=late)
    [dee] = [n for n in falling_due.take_step(known, step).add if n.channel is ChannelName.VOICE]
    assert (dee.person, dee.until, dee.details) == ("dee", event().work_until, {"overtime": True})

    change = revise(known)
    [ana] = [n for n in change.add if n.channel is ChannelName.VOICE]
    assert (ana.person, ana.until, ana.details) == ("ana", event().work_until, {"overtime": True})
    again = facts(event(), [*rows, *change.add], agenda=known.agenda, now=late)
    assert not [n for n in revise(again).add if n.channel is ChannelName.VOICE]
    done = facts(event(), [*rows, *expired(change.add)], agenda=known.agenda, now=late)
    assert not [n for n in revise(done).add if n.channel is ChannelName.VOICE]
    over = facts(event(), rows, agenda=known.agenda, now=event().work_until)
    assert not [n for n in revise(over).add if n.channel is ChannelName.VOICE]


def test_a_new_revision_goes_to_the_number_that_somebody_has_now():
    rows, agenda = started()
    dee = [sent(n) for n in planner.take_step(case(), 1, asleep=False).notifications]
    methods = tuple(replace(m, address="+13125550199") for m in ROSTER.people["dee"].methods[:2])
    roster = replace(ROSTER, people={**ROSTER.people, "dee": replace(ROSTER.people["dee"], methods=methods)})
    now = event(revision(), revision(2, message_type=MessageType.UPDATE, ends_at=NOW + timedelta(hours=5)))
    change = revise(facts(now, [*rows, *dee], agenda=agenda, now=SOON, roster=roster))
    told = {n.address for n in change.add if n.person == "dee" and n.channel in (ChannelName.VOICE, ChannelName.SMS)}
    assert told == {"+13125550199"}


def test_missed_then_accepted_and_taken_back_calls_again():
    rows, agenda = started()
    done = [replace(a, state=AgendaState.SUPERSEDED) for a in agenda]
    missed = Verdict(event_pk="event-1", revision=1, outcome=Outcome.MISSED, reason="", at=NOW)
    later, latest = SOON + timedelta(seconds=30), SOON + timedelta(seconds=60)
    answers = [reply("ana", at=later), reply("ana", Answer.CANNOT_COMPLY, at=latest, n=2)]
    change = revise(facts(event(), rows, agenda=done, replies=answers, verdicts=[missed], now=latest))
    outcomes = [v.outcome for v in change.verdicts if v.person is None]
    assert outcomes == [Outcome.REOPENED, Outcome.MISSED]  # its deadline does not come again
    assert {a.step for a in change.add_agenda if a.kind is AgendaKind.STEP} == {0, 1}
    only_no = [reply("ana", Answer.CANNOT_COMPLY, at=latest)]
    assert not revise(facts(event(), rows, agenda=done, replies=only_no, verdicts=[missed], now=latest)).verdicts


def test_a_failed_or_held_call_gets_a_slack_message_and_an_unanswered_one_does_not():
    rows, _ = started()

    def with_call(**changes):
        changed = [replace(n, **changes) if n.channel is ChannelName.VOICE else n for n in rows]
        return [n.person for n in revise(facts(event(), changed)).add if n.channel is ChannelName.SLACK_DM]

    assert with_call(state=State.FAILED, reason="Twilio 21211") == ["ana"]
    assert with_call(state=State.PENDING, hold=Hold.LINES) == ["ana"]
    assert with_call(state=State.PENDING, reason="Twilio 503") == ["ana"]
    assert with_call(state=State.UNKNOWN, reason="Twilio: no answer within 5 s", sent_at=None) == ["ana"]
    assert with_call(state=State.FAILED, reason=CallEnd.NO_ANSWER) == []
    assert with_call(state=State.PENDING, hold=Hold.CHANNEL_RATE) == []


def cancelled():
    return event(
        revision(1), revision(2, needs_answer=False, message_type=MessageType.CANCEL), status=EventStatus.CANCELLED
    )


def test_a_cancel_tells_exactly_those_who_were_told():
    rows, agenda = started()
    change = revise(facts(cancelled(), rows, agenda=agenda, now=SOON))
    stood_down = {(n.person, n.channel) for n in change.add if n.kind is Kind.STAND_DOWN}
    assert stood_down == {(None, ChannelName.SLACK_CHANNEL), ("ana", ChannelName.SMS)}
    assert change.cut
    [resolve] = [n for n in change.add if n.channel is ChannelName.PAGERDUTY]
    [trigger] = [n for n in rows if n.channel is ChannelName.PAGERDUTY]
    assert resolve.follows == trigger.id
    assert resolve.due_at > SOON  # only after people were told
    assert resolve.until == SOON + STAND_DOWN_LIFE  # a text that waits for its vendor keeps it from nothing


@pytest.mark.parametrize(("state", "superseded"), [(State.PENDING, True), (State.UNKNOWN, False)])
def test_an_alert_that_is_on_its_way_does_not_open_after_the_event(state, superseded):
    rows, agenda = started()
    rows = [replace(n, state=state) if n.channel is ChannelName.PAGERDUTY else n for n in rows]
    [trigger] = [n for n in rows if n.channel is ChannelName.PAGERDUTY]
    change = revise(facts(cancelled(), rows, agenda=agenda, now=SOON))
    assert (trigger.id in change.supersede) is superseded
    [resolve] = [n for n in change.add if n.channel is ChannelName.PAGERDUTY]
    assert resolve.follows == trigger.id


def test_what_a_silence_holds_is_looked_at_once_more_when_that_is_over():
    """Who ends it may not see an event that is held in the same moment."""
    warning = event(revision(severity=Severity.WARNING), severity=Severity.WARNING)
    silence = Silence(
        id="s", noise=Noise(sources=("miso",)), since=NOW, until=NOW + timedelta(minutes=5), reason="r", author="a"
    )
    held = facts(warning, [])
    held = replace(held, case=replace(held.case, silence=silence))
    [look] = revise(held).add_agenda
    assert (look.kind, look.due_at) == (AgendaKind.REVISE, silence.until + timedelta(seconds=5))
    assert not revise(replace(held, agenda=[look])).add_agenda


def test_what_asked_in_the_channel_asks_no_more_at_the_end():
    """Each once, those told with other events too; who had accepted is named. Behind all that is new."""
    rows, agenda = started()
    [post] = [n for n in rows if n.channel is ChannelName.SLACK_CHANNEL]
    known = facts(cancelled(), rows, agenda=agenda, replies=[reply("ana", Answer.ACKNOWLEDGE)], now=SOON)
    [edit] = [n for n in revise(known).add if n.kind is Kind.EDIT]
    assert (edit.follows, edit.revision, edit.address) == (post.id, post.revision, post.address)
    assert edit.details["by"] == "Ana"
    assert edit.lane == LAST_LANE > post.lane
    reached = replace(
        known, case=replace(known.case, policy=replace(known.case.policy, level=Level.REACHED)), replies=[]
    )
    picked_up = {"state": State.FAILED, "reason": CallEnd.NO_KEY, "answered_at": NOW}
    answered = [replace(n, **picked_up) if n.channel is ChannelName.VOICE else n for n in rows]
    [edit] = [n for n in revise(replace(reached, notifications=answered)).add if n.kind is Kind.EDIT]
    assert "by" not in edit.details  # nobody has accepted
    again = replace(known, notifications=[*rows, edit])
    assert [n for n in revise(again).add if n.kind is Kind.EDIT] == []
    told_with_others = [replace(n, carried_by="another") if n is post else n for n in rows]
    assert [n.follows for n in revise(facts(cancelled(), told_with_others, now=SOON)).add if n.kind is Kind.EDIT] == [
        post.id
    ]
    never = [replace(n, state=State.EXPIRED, sent_at=None) if n is post else n for n in rows]
    assert [n for n in revise(facts(cancelled(), never, now=SOON)).add if n.kind is Kind.EDIT] == []


def test_who_may_have_been_told_hears_that_it_is_over():
    rows, agenda = started()
    unheard = {"state": State.FAILED, "sent_at": None}

    def standing_down(reason):
        known = [replace(n, **unheard, reason=reason) if n.person == "ana" else n for n in rows]
        change = revise(facts(cancelled(), known, agenda=agenda, now=SOON))
        return {n.person for n in change.add if n.kind is Kind.STAND_DOWN and n.person == "ana"}

    assert standing_down(f"{NEVER_KNOWN}: voice is not set up") == {"ana"}
    assert standing_down("Twilio 503") == set()


@pytest.mark.parametrize(
    ("changes", "edited"),
    [
        ({"state": State.SENT, "sent_at": NOW}, True),
        ({"state": State.ACKNOWLEDGED, "sent_at": NOW}, True),
        ({"state": State.UNKNOWN}, True),  # once it is known: the edit follows it
        ({"state": State.PENDING}, False),  # it is stopped
        ({"state": State.FAILED}, False),
    ],
)
def test_what_asked_a_person_in_slack_asks_no_more_at_the_end(changes, edited):
    rows, agenda = started()
    direct = planner.row(case(), Kind.ALERT, ChannelName.SLACK_DM, "UANA", person="ana", step=0)
    direct = replace(direct, id="direct", **changes)
    change = revise(facts(cancelled(), [*rows, direct], agenda=agenda, now=SOON))
    found = [n for n in change.add if n.kind is Kind.EDIT and n.channel is ChannelName.SLACK_DM]
    assert [(n.person, n.address, n.follows, n.lane) for n in found] == [("ana", "UANA", direct.id, LAST_LANE)] * edited
    assert (direct.id in change.supersede) == (direct.state is State.PENDING)


def test_two_messages_to_one_person_are_two_edits():
    rows, agenda = started()
    direct = planner.row(case(), Kind.ALERT, ChannelName.SLACK_DM, "UANA", person="ana")
    twice = [replace(direct, id=f"direct-{n}", step=n) for n in (0, 1)]
    change = revise(facts(cancelled(), [*rows, *map(sent, twice)], agenda=agenda, now=SOON))
    found = [n for n in change.add if n.kind is Kind.EDIT and n.channel is ChannelName.SLACK_DM]
    assert [n.follows for n in found] == [n.id for n in twice]
    assert len({n.slot for n in found}) == 2


def test_every_open_alert_of_pagerduty_is_resolved_at_the_end():
    """The record and the raised alert of a revision nobody accepted."""
    rows, agenda = started()
    [raise_] = [a for a in agenda if a.kind is AgendaKind.RAISE]
    raised = falling_due.take_raise(facts(event(), rows, agenda=agenda, now=SOON), raise_).add
    change = revise(facts(cancelled(), [*rows, *map(sent, raised)], now=SOON))
    resolved = [n.details["generation"] for n in change.add if n.channel is ChannelName.PAGERDUTY]
    assert resolved == [2]  # 1 was resolved when 2 was raised


def test_whom_slack_told_directly_slack_stands_down_too():
    rows, _ = started()
    direct = planner.row(case(), Kind.ALERT, ChannelName.SLACK_DM, "UANA", person="ana", step=0)
    change = revise(facts(cancelled(), [*rows, sent(direct)], now=SOON))
    ways = {n.channel for n in change.add if n.person == "ana" and n.kind is Kind.STAND_DOWN}
    assert ways == {ChannelName.SMS, ChannelName.SLACK_DM}


def test_where_a_webhook_told_it_stands_down_and_slack_makes_good_for_one_that_failed():
    rows, _ = started()
    address = "https://scada.example/alerts"
    webhook = sent(planner.row(case(), Kind.ALERT, ChannelName.WEBHOOK, address, person="ana", step=0))
    change = revise(facts(cancelled(), [*rows, webhook], now=SOON))
    told = {(n.channel, n.address) for n in change.add if n.person == "ana" and n.kind is Kind.STAND_DOWN}
    assert (ChannelName.WEBHOOK, address) in told
    failed = replace(webhook, state=State.FAILED, reason="the webhook's receiver answered 410")
    change = revise(facts(event(), [*rows, failed], now=SOON))
    assert [n.person for n in change.add if n.channel is ChannelName.SLACK_DM] == ["ana"]


def test_who_answered_is_phoned_at_the_end():
    rows, _ = started()
    rows = [replace(n, answered_at=NOW, state=State.ANSWERED) if n.channel is ChannelName.VOICE else n for n in rows]
    change = revise(facts(cancelled(), rows, now=SOON))
    calls = [n.person for n in change.add if n.kind is Kind.STAND_DOWN and n.channel is ChannelName.VOICE]
    assert calls == ["ana"]


def test_who_accepted_an_earlier_revision_by_text_is_phoned_when_a_test_is_made_of_it():
    """They are acting on it, though nobody can answer a test."""
    rows, agenda = started()
    change = revise(facts(now_a_test(), rows, agenda=agenda, replies=[reply("ana")], now=SOON))
    calls = [n.person for n in change.add if n.kind is Kind.STAND_DOWN and n.channel is ChannelName.VOICE]
    assert calls == ["ana"]


def test_an_order_that_becomes_a_test_is_called_off_once():
    """Also where the team has no channel for the test's own line: a second look changes nothing."""
    team = replace(ROSTER.teams["ops"], slack_channel=None)
    roster = replace(ROSTER, teams={"ops": team})
    plan = planner.plan(case(roster=roster))
    rows, agenda = [sent(n) for n in plan.notifications], list(plan.agenda)
    first = revise(facts(now_a_test(), rows, agenda=agenda, now=SOON, roster=roster))
    assert {n.kind for n in first.add if n.person} == {Kind.STAND_DOWN}
    assert set(first.drop_agenda) == {a.id for a in agenda}
    assert [(v.person, v.outcome) for v in first.verdicts] == [(None, Outcome.NOT_NEEDED)]
    rows = [replace(n, cut_requested_at=SOON) if n.id in first.cut else n for n in [*rows, *first.add]]
    agenda = [replace(a, state=AgendaState.SUPERSEDED) for a in agenda]
    known = facts(now_a_test(), rows, agenda=agenda, verdicts=first.verdicts, now=SOON, roster=roster)
    assert not revise(known)


def now_a_test():
    return event(revision(1), revision(2, message_type=MessageType.UPDATE, mode=Mode.TEST))


def test_nobody_told_nobody_stood_down():
    plan = planner.plan(case())
    change = revise(facts(cancelled(), plan.notifications, agenda=plan.agenda, now=SOON))
    assert not [n for n in change.add if n.kind is Kind.STAND_DOWN and n.person]
    nobody_hears = [n for n in plan.notifications if n.person or n.channel is ChannelName.PAGERDUTY]
    assert set(change.supersede) == {n.id for n in nobody_hears}


def test_a_changed_revision_asks_again_and_stops_the_old():
    more = replace(content().instruction, target_mw=15.0)
    later = event(revision(1), revision(2, message_type=MessageType.UPDATE, instruction=more))
    rows, agenda = started()
    change = revise(facts(later, rows, agenda=agenda, replies=[reply("ana")], now=SOON))
    asked = {(n.person, n.channel) for n in change.add if n.kind is Kind.ALERT and n.person}
    assert asked == {("ana", ChannelName.VOICE), ("ana", ChannelName.SMS)}
    assert {n.revision for n in change.add if n.kind is Kind.ALERT} == {2}
    assert change.cut
    trigger, resolve = (n for n in change.add if n.channel is ChannelName.PAGERDUTY)
    assert (trigger.details["action"], trigger.details["generation"]) == (PagerDutyAction.TRIGGER, 3)
    assert (resolve.details["action"], resolve.details["generation"]) == (PagerDutyAction.RESOLVE, 1)
    assert resolve.follows == trigger.id  # the new alert goes first


def test_a_revision_that_asks_nothing_new_informs_quietly():
    later = event(revision(1), revision(2, needs_answer=False, message_type=MessageType.UPDATE, text="more"))
    rows, agenda = started()
    change = revise(facts(later, rows, agenda=agenda, now=SOON))
    assert {(n.kind, n.channel) for n in change.add} == {
        (Kind.UPDATE, ChannelName.SLACK_CHANNEL),
        (Kind.UPDATE, ChannelName.SMS),
    }
    assert not change.cut


def test_pagerduty_is_raised_before_the_record_is_resolved():
    rows, agenda = started()
    [raise_] = [a for a in agenda if a.kind is AgendaKind.RAISE]
    change = falling_due.take_raise(facts(event(), rows, agenda=agenda, now=SOON), raise_)
    first, second = change.add
    assert (first.details["action"], first.details["generation"], first.details["severity"]) == (
        "trigger",
        2,
        "critical",
    )
    assert (second.details["action"], second.details["generation"], second.follows) == ("resolve", 1, first.id)


@pytest.mark.parametrize("replaced", ["raised", "by a revision", "open again"])
@pytest.mark.parametrize("state", [State.PENDING, State.SENDING, State.UNKNOWN])
def test_no_trigger_of_an_alert_comes_after_its_resolve(replaced: str, state: State) -> None:
    """PagerDuty is slow or away: what has not been taken would open the alert again when it is repeated."""
    house = PRIMARY if replaced == "open again" else ROSTER
    plan = planner.plan(case(roster=house))
    rows = [replace(sent(n), id=f"first-{n.id}") for n in plan.notifications]
    rows = [replace(n, state=state, sent_at=None) if n.channel is ChannelName.PAGERDUTY else n for n in rows]
    [old] = [n for n in rows if n.channel is ChannelName.PAGERDUTY]
    if replaced == "raised":
        [raise_] = [a for a in plan.agenda if a.kind is AgendaKind.RAISE]
        change = falling_due.take_raise(facts(event(), rows, agenda=plan.agenda, now=SOON), raise_)
    elif replaced == "by a revision":
        more = replace(content().instruction, target_mw=15.0)
        later = event(revision(1), revision(2, message_type=MessageType.UPDATE, instruction=more))
        change = revise(facts(later, rows, agenda=plan.agenda, now=SOON))
    else:
        met = Verdict(event_pk=event().pk, revision=1, outcome=Outcome.MET, reason="", at=SOON)
        change = revise(facts(event(), rows, agenda=plan.agenda, verdicts=[met], now=SOON, roster=house))
    new, over = (n for n in change.add if n.channel is ChannelName.PAGERDUTY)
    assert (new.details["action"], over.details["action"]) == (PagerDutyAction.TRIGGER, PagerDutyAction.RESOLVE)
    assert over.details["dedup_key"] == old.details["dedup_key"]
    assert (old.id in change.supersede) is (state is State.PENDING)
    assert over.follows == (new.id if state is State.PENDING else old.id)


def test_what_settles_an_alert_outlives_the_time_of_its_event_and_so_does_the_alert() -> None:
    """PagerDuty may be away for longer, and would go on calling people, or never have heard of it."""
    rows, agenda = started()
    assert {n.until - n.due_at for n in rows if n.channel is ChannelName.PAGERDUTY} == {planner.PAGERDUTY_LIFE}
    accepted = revise(facts(event(), rows, agenda=agenda, replies=[reply("ana", at=SOON)], now=SOON))
    more = replace(content().instruction, target_mw=15.0)
    later = event(revision(1), revision(2, message_type=MessageType.UPDATE, instruction=more))
    replaced = revise(facts(later, rows, agenda=agenda, now=SOON))
    settling = (PagerDutyAction.ACKNOWLEDGE, PagerDutyAction.RESOLVE)
    found = [n for n in (*accepted.add, *replaced.add) if n.details.get("action") in settling]
    assert [n.until for n in found] == [SOON + planner.PAGERDUTY_LIFE] * 2


def test_the_newest_alert_is_acknowledged_though_the_one_before_was_repeated() -> None:
    """Its repeat is due later than the newest, which was taken at once."""
    rows, agenda = started()
    [raise_] = [a for a in agenda if a.kind is AgendaKind.RAISE]
    raised = falling_due.take_raise(facts(event(), rows, agenda=agenda, now=SOON), raise_).add
    repeated = [replace(n, due_at=NOW + timedelta(minutes=1)) for n in rows]
    in_order = sorted([*repeated, *map(sent, raised)], key=lambda n: n.due_at)
    change = revise(facts(event(), in_order, replies=[reply("ana", at=SOON)], now=SOON))
    assert pages(change.add) == [("acknowledge", 2)]


def test_the_deadline_is_missed_with_reasons():
    rows, agenda = started()
    rows = [
        replace(n, state=State.FAILED, reason=CallEnd.NO_ANSWER) if n.channel is ChannelName.VOICE else n for n in rows
    ]
    [deadline] = [a for a in agenda if a.kind is AgendaKind.VERDICT]
    change = falling_due.take_deadline(facts(event(), rows, agenda=agenda, now=event().deadline_at), deadline)
    assert [(v.person, v.outcome) for v in change.verdicts] == [(None, Outcome.MISSED), ("ana", Outcome.MISSED)]
    assert "voice: no answer" in change.verdicts[1].reason
    assert {n.address for n in change.add} == {"C0OPS", "C0ADMIN"}


def test_a_late_event_is_missed_at_the_source():
    late = event(deadline_at=NOW - timedelta(seconds=5), work_until=NOW + timedelta(minutes=10))
    rows, agenda = started(late)
    [deadline] = [a for a in agenda if a.kind is AgendaKind.VERDICT]
    assert deadline.due_at == NOW
    change = falling_due.take_deadline(facts(late, rows, agenda=agenda), deadline)
    assert change.verdicts[0].reason == "late at the source"


def ends(of, now=None):
    rows, agenda = started(of)
    [end] = [a for a in agenda if a.kind is AgendaKind.ENDS]
    found = facts(of, [sent(n) for n in rows], agenda=agenda, now=now or end.due_at)
    return end, falling_due.take_ends(found, end)


def test_past_its_planned_end_those_who_were_told_are_reminded_that_it_holds():
    end, change = ends(event())
    assert end.due_at == event().content.ends_at
    assert {(n.kind, n.person, n.channel) for n in change.add} == {
        (Kind.REMINDER, None, ChannelName.SLACK_CHANNEL),
        (Kind.REMINDER, "ana", ChannelName.SMS),
    }
    note = "“cut 12.5 MW” was planned to end at 17:00 EST and is not released: hold until it is."
    assert {n.details["note"] for n in change.add} == {note}


@pytest.mark.parametrize(
    "changes",
    [
        {"end_kind": EndKind.SCHEDULED},
        {"ends_at": None},
        {"ends_at": NOW},
        {"instruction": Instruction(action=Action.INFORMATIONAL)},
    ],
)
def test_what_ends_by_itself_or_asks_nothing_has_no_such_reminder(changes):
    _, agenda = started(event(revision(**changes)))
    assert AgendaKind.ENDS not in {a.kind for a in agenda}


def test_a_release_or_another_end_takes_the_reminder_away():
    rows, agenda = started()
    [end] = [a for a in agenda if a.kind is AgendaKind.ENDS]
    extended = event(revision(), revision(2, ends_at=NOW + timedelta(hours=6)))
    change = revise(facts(extended, rows, agenda=agenda))
    assert end.id in change.drop_agenda
    assert [a.due_at for a in change.add_agenda if a.kind is AgendaKind.ENDS] == [NOW + timedelta(hours=6)]
    over = event(revision(), revision(2, needs_answer=False), status=EventStatus.TERMINATED)
    assert end.id in revise(facts(over, rows, agenda=agenda)).drop_agenda
    assert not falling_due.take_ends(facts(over, rows, agenda=agenda), end)
    accepted = facts(event(), rows, agenda=agenda, replies=[reply("ana")])
    assert end.id not in revise(accepted).drop_agenda, "who has accepted holds too"


def test_a_step_asks_the_rota_again():
    """Dee handed over to chie meanwhile: chie is called."""
    rows, agenda = started()
    [backup] = [a for a in agenda if a.kind is AgendaKind.STEP and not a.asleep]
    handed_over = replace(
        ROSTER, rotations=ROSTER.rotations | {"backup": replace(ROSTER.rotations["primary"], id="backup")}
    )
    found = facts(event(), rows, agenda=agenda, now=backup.due_at, roster=handed_over)
    change = falling_due.take_step(found, backup)
    assert {n.person for n in change.add if n.person} == {"chie"}  # ana is on it too and was told already


def gap(*, ends_in_minutes):
    """An event nobody is on call for: primary begins later, and there is no backup. Its rows and its agenda."""
    (layer,) = ROSTER.rotations["primary"].layers
    layer = replace(layer, starts_at=datetime(2026, 7, 14, 13, ends_in_minutes))  # 13:00 in Chicago is NOW
    primary = replace(ROSTER.rotations["primary"], layers=(layer,))
    roster = replace(ROSTER, rotations={"primary": primary})
    plan = planner.plan(case(roster=roster))
    return roster, plan.notifications, plan.agenda


def test_who_comes_on_call_within_the_event_is_called_then():
    roster, rows, agenda = gap(ends_in_minutes=3)
    [again] = [a for a in agenda if a.kind is AgendaKind.STEP and a.step == 0]
    found = facts(event(), rows, agenda=agenda, now=again.due_at, roster=roster)
    change = falling_due.take_step(found, again)
    assert {n.person for n in change.add if n.person} == {"ana"}


def test_one_who_is_not_reachable_is_said_and_the_next_change_waited_for_once():
    """Ana has no number by then. Chie, whose turn is next, is asked for in her turn, by one row."""
    roster, rows, agenda = gap(ends_in_minutes=3)
    turns = replace(roster.rotations["primary"].layers[0], participants=(("ana",), ("chie",)))
    turns = replace(turns, shift=ShiftLength(unit=ShiftUnit.HOUR), starts_at=datetime(2026, 7, 14, 12, 5))
    rotations = {"primary": replace(roster.rotations["primary"], layers=(turns,))}
    people = ROSTER.people | {"ana": replace(ROSTER.people["ana"], methods=())}
    roster = replace(roster, rotations=rotations, people=people)
    [again] = [a for a in agenda if a.kind is AgendaKind.STEP and a.step == 0]
    now = again.due_at
    change = falling_due.take_step(facts(event(), rows, agenda=agenda, now=now, roster=roster), again)
    added = [a for a in change.add_agenda if a.kind is AgendaKind.STEP]
    assert [(a.step, (a.due_at - NOW).total_seconds()) for a in added] == [(0, 300)]
    found = facts(event(), rows, agenda=[*agenda, *added], now=now, roster=roster)
    assert not [a for a in falling_due.take_step(found, again).add_agenda if a.kind is AgendaKind.STEP]


def test_one_who_cannot_comply_takes_the_next_step_and_not_the_one_nobody_is_on_call_for():
    roster, rows, agenda = gap(ends_in_minutes=3)
    found = facts(event(), rows, agenda=agenda, replies=[reply("dee", Answer.CANNOT_COMPLY)], roster=roster)
    [(brought, _, _)] = revise(found).bring_forward
    assert [a.step for a in agenda if a.id == brought] == [1]


def test_reopened_takes_the_next_step_and_not_the_one_nobody_is_on_call_for():
    roster, rows, agenda = gap(ends_in_minutes=3)
    agenda = [replace(a, state=AgendaState.SUPERSEDED) for a in agenda]
    found = facts(event(), rows, agenda=agenda, replies=[reply("dee", Answer.CANNOT_COMPLY)], roster=roster)
    met = Verdict(event_pk="event-1", revision=1, outcome=Outcome.MET, reason="", at=NOW)
    change = revise(replace(found, verdicts=[met]))
    steps = [(a.step, (a.due_at - NOW).total_seconds()) for a in change.add_agenda if a.kind is AgendaKind.STEP]
    assert steps == [(1, 0), (0, 180)]


def test_what_asks_is_not_covered_by_what_informs_after_it():
    """An update that asks and one that only informs come before anybody looked: the first is asked all the same."""
    rows, agenda = started()
    asks = revision(2, message_type=MessageType.UPDATE)
    informs = revision(3, needs_answer=False, message_type=MessageType.UPDATE)
    change = revise(facts(event(revision(), asks, informs), rows, agenda=agenda, now=SOON))
    assert {n.person for n in change.add if (n.kind, n.revision, n.channel) == (Kind.ALERT, 2, ChannelName.VOICE)}
    assert {n.revision for n in change.add if n.kind is Kind.UPDATE} == {3}
    assert AgendaKind.VERDICT in {a.kind for a in change.add_agenda if a.revision == 2}


def test_an_event_that_ends_before_its_newest_order_was_told_has_a_verdict():
    """People were on a timetable of an earlier revision: the end of the event is an outcome for them."""
    rows, agenda = started()
    asks = revision(2, message_type=MessageType.UPDATE)
    ends = revision(3, needs_answer=False, message_type=MessageType.CANCEL)
    over = event(revision(), asks, ends, status=EventStatus.CANCELLED)
    change = revise(facts(over, rows, agenda=agenda, now=SOON))
    assert [(v.person, v.revision, v.outcome) for v in change.verdicts] == [(None, 2, Outcome.NOT_NEEDED)]


def test_a_note_that_came_first_is_no_timetable():
    """A conflict about the new revision is noted before anybody looked: the revision is asked all the same."""
    rows, agenda = started()
    now = event(revision(), revision(2, message_type=MessageType.UPDATE))
    note = planner.row(
        case(now), Kind.NOTE, ChannelName.SLACK_CHANNEL, "C0OPS", details={"note": "CONFLICT", "key": "k"}
    )
    change = revise(facts(now, [*rows, note], agenda=agenda, now=SOON))
    assert {n.revision for n in change.add if n.channel is ChannelName.VOICE} == {2}


def test_an_event_that_ends_while_it_is_reopened_has_an_outcome():
    """To be reopened says that somebody is still looked for; after the end nobody is."""
    rows, agenda = started()
    reopened = Verdict(event_pk="event-1", revision=1, outcome=Outcome.REOPENED, reason="who accepted cannot", at=NOW)
    ends = revision(2, needs_answer=False, message_type=MessageType.CANCEL)
    over = event(revision(), ends, status=EventStatus.CANCELLED)
    change = revise(facts(over, rows, agenda=agenda, verdicts=[reopened], now=SOON))
    assert change.verdicts[0].outcome is Outcome.NOT_NEEDED
