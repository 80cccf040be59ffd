"""Who accepted and of whom nothing was heard since is asked once; who does not answer has it no more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.event import EventStatus
from model.issuer import How, IssuerAck
from model.plan import AgendaKind, AgendaState, CallEnd, ChannelName, Kind, State
from model.reply import Answer
from model.roster import Level
from model.verdict import Outcome, Verdict
from routing import falling_due, paging_again, planner
from routing.revision import revise
from tests.unit.routing.house import NOW, POLICY, ROSTER, case, event, facts, person, reply, revision, sent

AGAIN = 120
ROSTER_AGAIN = replace(ROSTER, policies={"default": replace(POLICY, page_again_seconds=AGAIN)})
ACCEPTED = reply("ana", at=NOW + timedelta(seconds=30))
MET = Verdict(event_pk="event-1", revision=1, outcome=Outcome.MET, reason="", at=ACCEPTED.received_at)
LOOK = replace(planner.agenda_page_again(case(), NOW + timedelta(seconds=30 + AGAIN)), id="look")
TOLD = IssuerAck(
    id="ack-1",
    event_pk="event-1",
    revision=1,
    person="ana",
    at=NOW,
    how=How.MCS,
    evidence="MCS 4711",
    received_at=NOW,
    by="operator",
)


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def known(at, *, rows=(), agenda=None, replies=(ACCEPTED,), verdicts=(MET,), acks=(), of=None, roster=ROSTER_AGAIN):
    """The event was accepted by Ana after 30 s; what still waited was dropped, and the look is on the agenda."""
    planned = planner.plan(case(of, roster=roster))
    if agenda is None:
        dropped = [replace(a, state=AgendaState.SUPERSEDED) for a in planned.agenda]
        agenda = [*dropped, LOOK]
    told = [sent(n, State.SUPERSEDED if n.person else State.DELIVERED) for n in planned.notifications]
    found = facts(
        of or event(), [*told, *rows], agenda=agenda, replies=replies, verdicts=verdicts, now=after(at), roster=roster
    )
    return replace(found, issuer_acks=acks)


def looks(change):
    return [(a.due_at - NOW).total_seconds() for a in change.add_agenda if a.kind is AgendaKind.PAGE_AGAIN]


def asked(at=30 + AGAIN, **more):
    found = known(at, **more)
    [row] = [a for a in found.agenda if a.kind is AgendaKind.PAGE_AGAIN]
    return falling_due.take_page_again(found, row)


def the_call(state=State.PENDING):
    [call] = asked().add
    return sent(replace(call, id="ask"), state)


def test_acceptance_puts_one_look_on_the_agenda_and_off_is_the_default():
    assert looks(revise(known(30, agenda=[]))) == [30 + AGAIN]
    assert looks(revise(known(31))) == []
    assert looks(revise(known(30, agenda=[], roster=ROSTER))) == []


def test_what_was_accepted_after_the_deadline_is_not_asked_about():
    late = reply("ana", at=after(601))
    assert looks(revise(known(602, agenda=[], replies=[late], verdicts=[]))) == []


def test_who_accepted_is_called_and_asked():
    [call] = asked().add
    assert (call.kind, call.channel, call.person) == (Kind.CONFIRM, ChannelName.VOICE, "ana")
    assert (call.due_at, call.until) == (after(150), after(150) + paging_again.LIFE)


@pytest.mark.parametrize(
    "more",
    [
        {"acks": [TOLD]},
        {"replies": [ACCEPTED, reply("dee", at=after(60))]},
        {"replies": [ACCEPTED, reply("dee", Answer.CANNOT_COMPLY, at=after(60))]},
        {"replies": [reply("ana", Answer.CANNOT_COMPLY, at=after(60))]},
        {"of": event(status=EventStatus.TERMINATED)},
        {"of": event(revision(), revision(2)), "agenda": [LOOK]},
    ],
)
def test_nobody_is_asked_when_something_was_heard(more):
    assert not asked(**more)


def test_who_says_it_again_has_that_long_from_there():
    change = asked(replies=[ACCEPTED, reply("ana", at=after(100), n=2)])
    assert (looks(change), change.add) == ([100 + AGAIN], [])


def test_who_has_no_phone_is_named_to_the_admins():
    roster = replace(ROSTER_AGAIN, people={**ROSTER.people, "ana": person("ana", "America/Chicago", 1, phone=False)})
    notes = {n.details["note"] for n in asked(roster=roster).add}
    assert notes == {"Ana accepted it, nothing was heard since, and there is no phone to ask on"}


@pytest.mark.parametrize("state", [State.FAILED, State.EXPIRED])
def test_who_does_not_answer_has_it_no_more(state):
    why_not = "Twilio 21211: not a phone number" if state is State.FAILED else ""
    change = revise(known(180, rows=[replace(the_call(state), reason=why_not)]))
    why = "Ana accepted it and did not say whether it is in hand"
    assert [(v.outcome, v.reason) for v in change.verdicts] == [(Outcome.REOPENED, why)]
    due = [(a.step, a.due_at) for a in change.add_agenda if a.kind is AgendaKind.STEP]
    assert due[0] == (0, after(180))
    notes = [n.details["note"] for n in change.add if n.kind is Kind.NOTE]
    assert f"Ana did not say whether it is in hand: {why_not or 'no answer'}" in notes


def test_while_it_rings_the_event_stays_accepted():
    change = revise(known(160, rows=[the_call(State.DELIVERED)]))
    assert (change.verdicts, change.cut, looks(change)) == ([], [], [])


def test_who_answers_is_not_asked_again():
    """By the key; the look was taken, and there is no other for this acceptance."""
    taken = [replace(LOOK, state=AgendaState.DONE)]
    said = [ACCEPTED, reply("ana", at=after(165), n=2)]
    change = revise(known(165, rows=[the_call(State.ACKNOWLEDGED)], replies=said, agenda=taken))
    assert (change.verdicts, looks(change)) == ([], [])


@pytest.mark.parametrize(
    "more",
    [{"acks": [TOLD]}, {"replies": [ACCEPTED, reply("ana", at=after(165), n=2)]}],
)
def test_the_call_is_stopped_when_it_was_answered_by_another_way(more):
    assert revise(known(165, rows=[the_call(State.DELIVERED)], **more)).cut == ["ask"]
    assert revise(known(165, rows=[the_call(State.PENDING)], **more)).supersede == ["ask"]


def test_who_answers_after_the_call_has_it_again():
    """A text that came when the phone had stopped to ring."""
    said = [ACCEPTED, reply("ana", at=after(185), n=2)]
    reopened = replace(MET, outcome=Outcome.REOPENED, at=after(180))
    change = revise(known(185, rows=[the_call(State.FAILED)], replies=said, verdicts=[MET, reopened]))
    assert change.verdicts[0].outcome is Outcome.MET
    assert looks(change) == [185 + AGAIN]  # a new acceptance, a new look


def test_a_taken_back_acceptance_stops_the_look_and_the_call():
    said = [ACCEPTED, reply("ana", Answer.CANNOT_COMPLY, at=after(160), n=2)]
    change = revise(known(160, rows=[the_call(State.DELIVERED)], replies=said))
    assert change.verdicts[0].reason == "who accepted it cannot comply"
    assert change.cut == ["ask"]
    assert "look" in change.drop_agenda


def test_who_cannot_comply_later_is_not_taken_for_the_one_who_was_silent():
    """Ana fell silent, Dee accepted and took it back: that is why it is open again."""
    said = [ACCEPTED, reply("dee", Answer.CANNOT_COMPLY, at=after(200))]
    change = revise(known(200, rows=[the_call(State.FAILED)], replies=said))
    assert change.verdicts[0].reason == "who accepted it cannot comply"


def test_after_the_deadline_the_next_are_called_all_the_same():
    """Accepted in time and taken back, or silent later: their calls cannot be over by a deadline that has passed."""
    step = replace(planner.agenda_step(case(roster=ROSTER_AGAIN), 1, after(700)), id="step")
    opened = [MET, replace(MET, outcome=Outcome.REOPENED, at=after(690))]
    cannot = [reply("ana", Answer.CANNOT_COMPLY)]
    for found in (
        known(700, rows=[the_call(State.FAILED)], verdicts=opened),
        known(700, replies=cannot, verdicts=opened),
    ):
        calls = [n for n in falling_due.take_step(found, step).add if n.channel is ChannelName.VOICE]
        assert [(n.person, n.details, n.until > after(700)) for n in calls] == [("dee", {"overtime": True}, True)]
    late = [*opened, replace(MET, outcome=Outcome.MISSED, at=after(695))]  # its deadline was looked at before its steps
    [call] = [
        n
        for n in falling_due.take_step(known(700, replies=cannot, verdicts=late), step).add
        if n.channel is ChannelName.VOICE
    ]
    assert call.until > after(700)
    missed = known(700, replies=cannot, verdicts=[replace(MET, outcome=Outcome.MISSED)])
    calls = [n for n in falling_due.take_step(missed, step).add if n.channel is ChannelName.VOICE]
    assert [n.details for n in calls] == [{}]  # where nobody had it, they are only written to, as ever


def test_a_call_of_before_the_deadline_that_is_known_after_it_and_leads_to_nothing_calls_again():
    """Ana picked up half a second before it, which was known when she hung up: it was judged as missed by then."""
    reached = replace(
        ROSTER_AGAIN, policies={"default": replace(POLICY, page_again_seconds=AGAIN, level=Level.REACHED)}
    )
    ask = replace(the_call(State.FAILED), due_at=after(720), details={"accepted_at": after(599.5).isoformat()})
    found = known(740, rows=[ask], replies=[], verdicts=[replace(MET, outcome=Outcome.MISSED, at=after(600))])
    call = next(n for n in found.notifications if (n.person, n.channel) == ("ana", ChannelName.VOICE))
    over = replace(call, state=State.FAILED, reason=CallEnd.NO_KEY, answered_at=after(599.5))
    rows = [over if n.id == call.id else n for n in found.notifications]
    found = replace(
        found, notifications=rows, case=replace(found.case, roster=reached, policy=reached.policies["default"])
    )
    change = revise(found)
    assert [v.outcome for v in change.verdicts if v.person is None] == [Outcome.REOPENED, Outcome.MISSED]
    assert {a.step for a in change.add_agenda if a.kind is AgendaKind.STEP} == {0, 1}
    again = revise(replace(found, verdicts=[*found.verdicts, *change.verdicts]))
    assert not again.verdicts


def test_a_deadline_that_passes_meanwhile_says_who_is_silent():
    due = replace(planner.agenda_page_again(case(roster=ROSTER_AGAIN), after(600)), kind=AgendaKind.VERDICT)
    reopened = replace(MET, outcome=Outcome.REOPENED, at=after(180))
    change = falling_due.take_deadline(known(600, rows=[the_call(State.FAILED)], verdicts=[MET, reopened]), due)
    assert change.verdicts[0].reason == "Ana accepted it and did not say whether it is in hand"


def test_the_end_stops_it():
    over = event(revision(), status=EventStatus.CANCELLED)
    assert "look" in revise(known(160, of=over)).drop_agenda
