"""The issuer waits for an answer of its own: who is reminded of that, when, and what the verdict says of it."""

from dataclasses import replace
from datetime import datetime, timedelta

from model.event import Event, EventStatus
from model.issuer import How, IssuerAck, IssuerAsks, line
from model.plan import AgendaKind, AgendaState, ChannelName, Kind
from model.reply import Answer
from model.roster import Source
from model.verdict import Outcome
from routing import falling_due, planner
from routing.facts import Facts
from routing.revision import revise
from tests.unit.routing.house import NOW, ROSTER, case, event, facts, reply, revision, sent

DEMANDS = replace(ROSTER, sources={"miso": Source(id="miso", name="MISO", also_confirm="MCS", issuer_ack=True)})
HALF = NOW + timedelta(minutes=5)


def ack(at: datetime = NOW, number: int = 1) -> IssuerAck:
    return IssuerAck(
        id=f"ack-{number}",
        event_pk="event-1",
        revision=number,
        person="ana",
        at=at,
        how=How.MCS,
        evidence="MCS 4711",
        received_at=at,
        by="operator",
    )


def known(now: datetime, *, acks=(), replies=(), done: bool = True, of: Event | None = None) -> Facts:
    """`done`: the row at half of the time was taken."""
    plan = planner.plan(case(of, roster=DEMANDS))
    agenda = [
        replace(a, state=AgendaState.DONE) if done and a.kind is AgendaKind.REMIND else a
        for a in plan.agenda
        if a.kind in (AgendaKind.REMIND, AgendaKind.VERDICT)
    ]
    rows = [sent(n) for n in plan.notifications]
    found = facts(of or event(), rows, agenda=agenda, replies=replies, now=now, roster=DEMANDS)
    return replace(found, issuer_acks=acks)


def reminded(change) -> list[tuple[str, ChannelName]]:
    return [(n.person, n.channel) for n in change.add if n.kind is Kind.REMINDER]


def remind(found: Facts):
    [row] = [a for a in found.agenda if a.kind is AgendaKind.REMIND]
    return falling_due.take_remind(found, row)


def test_half_of_the_time_is_on_the_agenda_of_sources_that_demand_it() -> None:
    due = [a.due_at for a in planner.plan(case(roster=DEMANDS)).agenda if a.kind is AgendaKind.REMIND]
    assert due == [HALF]
    assert AgendaKind.REMIND not in {a.kind for a in planner.plan(case()).agenda}


def test_who_accepted_is_reminded_by_text_and_message_with_what_is_to_be_done() -> None:
    replies = [reply("dee", at=NOW + timedelta(minutes=2)), reply("ana", at=NOW + timedelta(minutes=1), n=2)]
    change = remind(known(HALF, replies=replies))
    assert reminded(change) == [("ana", ChannelName.SLACK_DM), ("ana", ChannelName.SMS)]
    [note] = {n.details["note"] for n in change.add}
    assert note == (
        "You accepted “cut 12.5 MW”. MISO has no answer yet that is noted here: give it in MCS by 13:10 CDT, "
        "and have it noted."
    )


def test_nobody_is_reminded_who_need_not_be() -> None:
    accepted = [reply("ana")]
    assert not remind(known(HALF))  # nobody accepted: the calls go on
    assert not remind(known(HALF, replies=accepted, acks=[ack()]))
    assert not remind(known(HALF, replies=[reply("ana", Answer.CANNOT_COMPLY)]))
    over = event(status=EventStatus.CANCELLED)
    assert not remind(known(HALF, replies=accepted, of=over))
    assert not remind(known(HALF, replies=accepted, of=event(revision(), revision(2))))  # another agenda's


def test_who_accepts_later_is_reminded_at_once_and_once() -> None:
    later = HALF + timedelta(minutes=1)
    found = known(later, replies=[reply("ana", at=later)])
    change = revise(found)
    assert reminded(change) == [("ana", ChannelName.SLACK_DM), ("ana", ChannelName.SMS)]
    again = replace(found, notifications=[*found.notifications, *change.add])
    assert reminded(revise(again)) == []
    assert reminded(revise(known(HALF - timedelta(minutes=1), replies=[reply("ana")], done=False))) == []


def test_the_thread_says_that_the_issuer_was_told() -> None:
    [row] = [n for n in revise(known(HALF, acks=[ack()])).add if n.kind is Kind.NOTE]
    assert row.details["note"] == "Ana told the issuer (mcs, 18:00:00 UTC)"


def test_the_row_at_half_of_the_time_goes_with_the_event() -> None:
    over = event(revision(), status=EventStatus.CANCELLED)
    found = known(NOW, done=False, of=over)
    dropped = revise(found).drop_agenda
    assert {a.kind for a in found.agenda if a.id in dropped} == {AgendaKind.REMIND, AgendaKind.VERDICT}


def test_the_second_line_of_the_verdict() -> None:
    """Told in time, late, not needed, not yet; an answer to an earlier revision is none to this one."""
    asks = IssuerAsks.of(event(), required=True)
    late = asks.deadline_at + timedelta(seconds=1)

    def said(acks=(), now: datetime = HALF, of: IssuerAsks = asks):
        found = line(of, acks, now)
        return (found.outcome, found.reason) if found else None

    assert said() == (None, "nobody has told the issuer yet")
    assert said([ack(HALF), ack(late)]) == (Outcome.MET, "told by ana (mcs) at 18:05:00 UTC")
    assert said([ack(late)]) == (Outcome.MISSED, "after the deadline: told by ana (mcs) at 18:10:01 UTC")
    assert said(now=late) == (Outcome.MISSED, "nobody told the issuer in time")
    assert said(of=replace(asks, closed_at=HALF), now=late) == (Outcome.NOT_NEEDED, "over before the deadline")
    assert said([ack(number=1)], of=replace(asks, revision=2)) == (None, "nobody has told the issuer yet")
    assert said(of=replace(asks, required=False)) is None
    assert said([ack()], of=replace(asks, required=False)) == (Outcome.MET, "told by ana (mcs) at 18:00:00 UTC")
