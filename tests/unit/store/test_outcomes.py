"""Rows on their way to a vendor: what was stopped is not sent again, and what is told twice changes nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from model.attempt import Attempt, AttemptState, Sent, Words
from model.plan import AgendaKind, ChannelName, Hold, State
from routing import planner
from store import attempts, claims, events, lines, outcomes, plans, signals, tables
from store.claims import Call, Claim
from store.signals import DISPATCH
from tests.databases import in_memory
from tests.unit.routing.house import NOW, CountingIds, case, event

IDS = CountingIds()
LATER = NOW + timedelta(seconds=25)


@pytest.fixture
def conn():
    database = in_memory()
    with database.engine.begin() as connection:
        events.save(connection, event())
        plans.add_notifications(connection, planner.plan(case()).notifications)
        yield connection
    database.engine.dispose()


def row_of(conn, channel):
    return next(n for n in plans.of_event(conn, "event-1") if n.channel is channel and n.person == "ana")


def claimed(conn, channel=ChannelName.SMS, parts=1):
    """The row with the attempts of one claim."""
    row = row_of(conn, channel)
    tries = [
        Attempt.of(row, IDS.new(), Words(text=f"part {n}", template="t"), NOW, part=n, parts=parts)
        for n in range(1, parts + 1)
    ]
    in_the_air = Call(until=NOW + timedelta(minutes=3), lines=5, per_second=1)
    call = in_the_air if channel is ChannelName.VOICE else None
    assert claims.claim(conn, IDS, [Claim(notification=row, attempts=tries, call=call)], "me", NOW)
    return row, tries


def test_without_a_free_line_a_call_waits(conn):
    """Whether or not a look has seen that the lines are in use."""
    row = row_of(conn, ChannelName.VOICE)
    call = Call(until=NOW + timedelta(minutes=3), lines=0, per_second=1)
    attempt = Attempt.of(row, IDS.new(), Words(text="ring", template="t"), NOW)
    assert claims.claim(conn, IDS, [Claim(notification=row, attempts=[attempt], call=call)], "me", NOW) == set()
    kept = plans.one(conn, row.id)
    assert (kept.state, kept.hold) == (State.PENDING, Hold.LINES)


def lost(conn, channel=ChannelName.SMS, parts=1):
    """A row whose first attempt has an unknown outcome."""
    row, tries = claimed(conn, channel, parts)
    outcomes.unknown(conn, IDS, row, tries[0], "no answer", NOW)
    return row, tries


def state(conn, row):
    return plans.one(conn, row.id).state


def test_only_a_row_that_another_waits_for_wakes_the_notifiers(conn):
    row, tries = claimed(conn)
    signals.take(conn)
    outcomes.sent(conn, IDS, row, tries[0], Sent(vendor_id="SM1"), LATER)
    assert DISPATCH not in signals.take(conn).topics


def test_a_row_that_waits_for_another_is_sent_at_once_after_it(conn):
    row, tries = claimed(conn)
    plans.add_notifications(conn, [replace(row, id="next", try_no=2, follows=row.id)])
    signals.take(conn)
    outcomes.sent(conn, IDS, row, tries[0], Sent(vendor_id="SM1"), LATER)
    assert DISPATCH in signals.take(conn).topics


@pytest.mark.parametrize("channel", [ChannelName.VOICE, ChannelName.SMS])
def test_what_was_stopped_while_it_was_unknown_is_not_sent_again(conn, channel):
    row, tries = lost(conn, channel)
    plans.request_cut(conn, [row.id], "Ana has accepted", NOW)
    outcomes.absent(conn, IDS, row, tries[:1], LATER)
    assert state(conn, row) is State.SUPERSEDED
    assert attempts.one(conn, tries[0].id).state is AttemptState.ABSENT
    assert lines.in_use(conn) == 0


def test_what_was_stopped_while_it_failed_is_not_tried_again(conn):
    row, tries = claimed(conn)
    plans.request_cut(conn, [row.id], "cancelled", NOW)
    outcomes.failed(conn, IDS, row, tries[0], "503", LATER, NOW)
    assert state(conn, row) is State.SUPERSEDED


def test_a_callback_that_came_before_the_last_look_knows_better(conn):
    """Its next part is on its way already: the look must not send it once more."""
    row, tries = lost(conn, parts=2)
    outcomes.settled(conn, attempts.one(conn, tries[0].id), "SM1", NOW)
    again, rest = replace(row_of(conn, ChannelName.SMS)), [replace(tries[1], id=IDS.new())]
    assert claims.claim(conn, IDS, [Claim(notification=again, attempts=rest)], "me", NOW)
    outcomes.send_the_rest(conn, row, LATER)
    outcomes.absent(conn, IDS, row, tries[:1], LATER)
    assert state(conn, row) is State.SENDING


def test_an_outcome_that_is_written_twice_does_not_touch_the_next_try(conn):
    """The first commit was done and its answer lost; meanwhile the row was claimed again."""
    row, tries = claimed(conn)
    outcomes.failed(conn, IDS, row, tries[0], "503", NOW, NOW)
    claimed(conn)
    outcomes.failed(conn, IDS, row, tries[0], "503", NOW, LATER)
    outcomes.unknown(conn, IDS, row, tries[0], "503", LATER)
    assert state(conn, row) is State.SENDING


def test_a_part_that_a_callback_proved_is_not_looked_for(conn):
    """Its answer never came, but word of it did: what is behind it is due at once, nothing is said to be missing."""
    row, tries = claimed(conn, parts=2)
    outcomes.proven(conn, tries[0], "SM1", NOW)
    for _ in range(2):  # the first commit may be done and its answer lost
        outcomes.unknown(conn, IDS, row, tries[0], "no answer", LATER)
        kept = plans.one(conn, row.id)
        assert (kept.state, kept.reason, kept.due_at) == (State.PENDING, "", LATER)
    found = [attempts.one(conn, each.id).state for each in tries]
    assert found == [AttemptState.ACCEPTED, AttemptState.FAILED]


def test_a_call_that_a_callback_proved_stays_as_it_is(conn):
    row, tries = claimed(conn, ChannelName.VOICE)
    outcomes.proven(conn, tries[0], "CA1", NOW)
    outcomes.unknown(conn, IDS, row, tries[0], "no answer", LATER)
    assert state(conn, row) is State.SENT
    assert lines.in_use(conn) == 1


def test_a_proven_part_of_what_was_stopped_is_the_last(conn):
    row, tries = claimed(conn, parts=2)
    outcomes.proven(conn, tries[0], "SM1", NOW)
    plans.request_cut(conn, [row.id], "Ana has accepted", NOW)
    outcomes.unknown(conn, IDS, row, tries[0], "no answer", LATER)
    assert state(conn, row) is State.SUPERSEDED


def test_who_has_read_the_first_part_was_told(conn):
    row, tries = claimed(conn, parts=2)
    outcomes.sent(conn, IDS, row, tries[0], Sent(vendor_id="SM1"), NOW)
    outcomes.failed(conn, IDS, row, tries[1], "503", LATER, NOW)
    assert (state(conn, row), plans.one(conn, row.id).sent_at) == (State.PENDING, NOW)


def test_a_claim_nobody_knows_of_is_due_again(conn):
    """The commit was done and its answer lost: nothing of it was begun, and what is in hand stays there."""
    row, _ = claimed(conn, ChannelName.VOICE)
    other, _ = claimed(conn)
    outcomes.take_back(conn, IDS, "me", {other.id}, LATER)
    assert (state(conn, row), state(conn, other)) == (State.PENDING, State.SENDING)
    assert lines.in_use(conn) == 0
    assert set(conn.scalars(select(tables.attempts.c.state))) == {AttemptState.FAILED, AttemptState.SENDING}


def test_an_answer_proves_that_the_vendor_has_it(conn):
    """Its outcome was unknown, and the row ends with the answer: nobody would look it up any more."""
    row, tries = lost(conn)
    outcomes.proven(conn, tries[0], "SM1", LATER)
    plans.move(conn, row.id, State.ACKNOWLEDGED, LATER)
    found = attempts.one(conn, tries[0].id)
    assert (found.state, found.vendor_id) == (AttemptState.ACCEPTED, "SM1")


def test_a_look_at_the_first_part_says_nothing_of_the_second(conn):
    """A callback settled the first meanwhile, and the second was sent and lost: the row is unknown anew."""
    row, tries = lost(conn, parts=2)
    outcomes.settled(conn, attempts.one(conn, tries[0].id), "SM1", NOW)
    rest = replace(tries[1], id=IDS.new())
    assert claims.claim(conn, IDS, [Claim(notification=row, attempts=[rest])], "me", NOW)
    outcomes.unknown(conn, IDS, row, rest, "no answer", NOW)
    assert not outcomes.still_unknown(conn, tries[:1])
    outcomes.absent(conn, IDS, row, tries[:1], LATER)
    assert state(conn, row) is State.UNKNOWN


def wishes(conn):
    return [a.due_at for a in plans.agenda_of_event(conn, "event-1") if a.kind is AgendaKind.REVISE]


def test_who_is_unknown_longer_than_a_look_takes_is_told_another_way(conn):
    lost(conn)
    assert wishes(conn) == [NOW + outcomes.LOOKS[0] + outcomes.FOUND_WITHIN]


def test_whom_a_process_was_telling_as_it_ended_is_told_another_way(conn):
    claimed(conn)
    assert outcomes.adopt(conn, IDS, LATER) == 1
    assert wishes(conn) == [LATER + outcomes.FOUND_WITHIN]


def test_a_loss_told_again_leaves_the_next_try_alone(conn):
    """Its commit was done and the answer lost; meanwhile a callback proved the part, and the next one is on its way."""
    row, tries = lost(conn, parts=2)
    outcomes.proven(conn, tries[0], "SM1", LATER)
    rest = replace(tries[1], id=IDS.new(), started_at=LATER)
    assert claims.claim(conn, IDS, [Claim(notification=row, attempts=[rest])], "me", LATER)
    outcomes.unknown(conn, IDS, row, tries[0], "no answer", LATER)
    assert state(conn, row) is State.SENDING
    assert attempts.one(conn, rest.id).state is AttemptState.SENDING
