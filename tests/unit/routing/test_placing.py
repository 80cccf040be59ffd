"""Which event and which revision a statement is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.errors import Undecidable
from model.event import (
    CHANGES_LATER,
    NEEDS_READING,
    Action,
    EventStatus,
    Instruction,
    MessageType,
    Mode,
    ResourceRef,
    TargetKind,
    Zone,
)
from model.reading import Order, Reading
from routing.placing import Decision, place
from tests.unit.routing.house import NOW, content, event, revision

LATER = NOW + timedelta(minutes=6)


def reading(digest="digest-new", number=None, event_id="E-1", **changes) -> Reading:
    said = content(**changes)
    return Reading(event_id=event_id, revision=number, content=said, key="E-1", own_digest=digest)


def placed(said, known=None):
    return place(said, known, "delivery-9", LATER)


def test_a_first_statement_is_new_and_needs_an_answer():
    found = placed(reading())
    assert found.decision is Decision.NEW
    assert found.revision is not None
    assert (found.number, found.revision.needs_answer, found.revision.received_at) == (1, True, LATER)


def test_the_same_again_is_a_duplicate_and_says_since_when():
    known = event(revision())
    found = placed(reading(digest=known.latest.digest, number=1), known)
    assert (found.decision, found.revision) == (Decision.DUPLICATE, None)
    assert found.detail == "already accepted at 18:00:00, nobody is called again"


@pytest.mark.parametrize("number", [None, 1])
def test_another_statement_under_the_same_number_is_a_conflict(number):
    """Without a number, a second, different `new` claims to be the first one."""
    found = placed(reading(number=number), event(revision()))
    assert (found.decision, found.revision) == (Decision.CONFLICT, None)


def test_an_update_without_a_number_follows_the_last():
    found = placed(reading(message_type=MessageType.UPDATE), event(revision(1), revision(2)))
    assert (found.decision, found.number) == (Decision.REVISED, 3)


def test_an_old_number_is_stale():
    found = placed(reading(number=2), event(revision(1), revision(3)))
    assert (found.decision, found.revision) == (Decision.STALE, None)


@pytest.mark.parametrize(
    ("changes", "needs", "words"),
    [
        (
            {"instruction": Instruction(action=content().instruction.action, target_mw=15.0)},
            True,
            "NOW 15 MW (was 12.5)",
        ),
        ({"ends_at": NOW + timedelta(hours=5)}, True, "EXTENDED to 18:00 EST"),
        ({"effective_at": NOW + timedelta(minutes=45)}, True, "START MOVED to 13:45 EST"),
        ({"effective_at": content().effective_at + timedelta(days=1)}, True, "START MOVED to Wed 13:30 EST"),
        ({"effective_at": content().effective_at + timedelta(days=7)}, True, "START MOVED to Jul 21 13:30 EST"),
        ({"ends_at": NOW + timedelta(hours=12)}, True, "EXTENDED to Wed 01:00 EST"),
        ({"text": "more text"}, False, None),
        ({"mode": Mode.DRILL}, True, "NOW A DRILL (was real)"),
        ({"mode": Mode.TEST, "ends_at": NOW + timedelta(hours=5)}, True, "NOW A TEST (was real)"),
        ({"extra": {CHANGES_LATER: "Interval 2: 5 MW"}}, True, "OTHER STEPS LATER"),
        ({"zones": (Zone(scheme="MISO-LRZ", code="77"),)}, False, "NEW ZONES"),  # whom they concern, the roster says
    ],
)
def test_what_needs_a_new_answer(changes, needs, words):
    found = placed(reading(message_type=MessageType.UPDATE, **changes), event(revision()))
    assert found.revision is not None
    assert found.revision.needs_answer is needs
    assert found.revision.changes == ((words,) if words else ())


BY_5 = Instruction(action=Action.REDUCE_LOAD, target_mw=5.0)
TO_5 = replace(BY_5, target_kind=TargetKind.ABSOLUTE)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (BY_5, TO_5, "NOW reduce to 5 MW (was by 5)"),
        (TO_5, replace(BY_5, target_mw=7.0), "NOW reduce by 7 MW (was to 5)"),
        (replace(BY_5, action=None), replace(TO_5, action=None), "NOW to 5 MW (was by 5)"),
        (BY_5, replace(BY_5, action=Action.HOLD), "NOW hold (was reduce load)"),
        (BY_5, replace(BY_5, action=None), "NOW read and decide (was reduce load)"),
        (BY_5, Instruction(action=Action.NONE, target_mw=0.0), "NOW no action (was reduce load)"),
        (BY_5, replace(BY_5, target_mw=None), "NOW as contracted (was 5 MW)"),
        (
            BY_5,
            replace(TO_5, action=Action.INCREASE_GEN),
            "NOW increase generation (was reduce load); NOW increase generation to 5 MW (was by 5)",
        ),
    ],
)
def test_another_order_says_what_it_was(before, after, words):
    """Who accepted "cut 5 MW" has not accepted a cut to 5 MW."""
    found = placed(reading(message_type=MessageType.UPDATE, instruction=after), event(revision(instruction=before)))
    assert found.revision is not None
    assert found.revision.needs_answer
    assert "; ".join(found.revision.changes) == words


@pytest.mark.parametrize(("text", "needs"), [("consume 7 MW more", True), ("consume 5 MW more", False)])
def test_what_a_person_must_read_is_read_again_when_it_says_something_else(text, needs):
    """Nobody but they can tell whether the order is another one."""
    unread = {"instruction": Instruction(), "extra": {NEEDS_READING: "no word for it"}}
    known = event(revision(text="consume 5 MW more", **unread))
    found = placed(reading(message_type=MessageType.UPDATE, text=text, **unread), known)
    assert found.revision is not None
    assert found.revision.needs_answer is needs


def test_other_megawatts_of_the_sites_are_told_by_their_sum():
    sites = (ResourceRef(scheme="S", code="a", target_mw=5.0), ResourceRef(scheme="S", code="b", target_mw=3.0))
    order = Instruction(action=Action.REDUCE_LOAD)
    known = event(revision(instruction=order, resources=sites))
    more = (sites[0], replace(sites[1], target_mw=4.0))
    found = placed(reading(message_type=MessageType.UPDATE, instruction=order, resources=more), known)
    assert found.revision is not None
    assert "NOW 9 MW (was 8)" in found.revision.changes


def test_an_end_needs_no_answer():
    found = placed(reading(message_type=MessageType.CANCEL), event(revision()))
    assert found.decision is Decision.ENDED
    assert found.revision is not None
    assert not found.revision.needs_answer


def test_an_end_before_its_event_is_a_tombstone_and_the_late_event_is_stale():
    end = reading(number=2, message_type=MessageType.CANCEL)
    assert placed(end).decision is Decision.TOMBSTONE
    grave = event(revision(2, needs_answer=False, message_type=MessageType.CANCEL), status=EventStatus.TOMBSTONE)
    assert placed(reading(number=1), grave).decision is Decision.STALE


def test_an_unnumbered_event_after_its_tombstone_does_not_ring():
    """The cancel came first and took number 1; the event that follows without a number claims that number too."""
    grave = event(revision(1, needs_answer=False, message_type=MessageType.CANCEL), status=EventStatus.TOMBSTONE)
    assert placed(reading(), grave).decision is Decision.STALE


def test_an_unnumbered_update_that_its_end_has_overtaken_does_not_open_it_again():
    """Issued before the release, delivered after it: it must not call people to curtail."""
    end = revision(2, needs_answer=False, message_type=MessageType.TERMINATE, issued_at=NOW + timedelta(seconds=10))
    over = event(revision(1), end, status=EventStatus.TERMINATED)
    late = reading(message_type=MessageType.UPDATE, issued_at=NOW + timedelta(seconds=5))
    assert placed(late, over).decision is Decision.STALE
    later = reading(message_type=MessageType.UPDATE, issued_at=LATER)
    assert placed(later, over).decision is Decision.REVISED
    without = reading(message_type=MessageType.UPDATE, issued_at=None)
    assert placed(without, over).decision is Decision.REVISED


@pytest.mark.parametrize("order", [Order.NUMBERED, Order.ISSUED])
def test_what_was_issued_after_an_end_opens_the_event_again_though_the_end_came_late(order):
    """Both were held up on their way, or the issuer's clock is slow: by that clock the update is the newer one."""
    ended = revision(2, needs_answer=False, message_type=MessageType.TERMINATE, issued_at=NOW + timedelta(seconds=10))
    late = replace(ended, received_at=NOW + timedelta(minutes=5))
    known = event(revision(1), late, status=EventStatus.TERMINATED)
    for seconds, decision in ((10, Decision.STALE), (200, Decision.REVISED)):
        said = reading(message_type=MessageType.UPDATE, issued_at=NOW + timedelta(seconds=seconds))
        assert placed(replace(said, order=order), known).decision is decision


def test_an_update_after_the_end_opens_the_event_again():
    over = event(revision(1), revision(2, needs_answer=False, message_type=MessageType.TERMINATE))
    over = replace(over, status=EventStatus.TERMINATED)
    found = placed(reading(number=3, message_type=MessageType.UPDATE), over)
    assert found.revision is not None
    assert (found.decision, found.revision.needs_answer) == (Decision.REVISED, True)


def test_a_statement_without_an_event_id_cannot_be_decided():
    with pytest.raises(Undecidable):
        placed(reading(event_id=None))


# --- statements without a number, by the time of issue or as they arrive --------------------------------------------


def issued(minutes, digest="digest-new", message_type=MessageType.UPDATE, **changes):
    at = None if minutes is None else NOW + timedelta(minutes=minutes)
    said = reading(digest, message_type=message_type, issued_at=at, **changes)
    return replace(said, order=Order.ISSUED)


def arriving(digest="digest-new", message_type=MessageType.NEW, **changes):
    return replace(reading(digest, message_type=message_type, **changes), order=Order.ARRIVAL)


def heard(*minutes, **changes):
    """An open event with a revision issued at each of these minutes."""
    revisions = [revision(n, issued_at=NOW + timedelta(minutes=at)) for n, at in enumerate(minutes, start=1)]
    return replace(event(*revisions), **changes)


def over(known, at=NOW + timedelta(minutes=5)):
    """The event after a release that names no time."""
    last = revision(known.latest.number + 1, message_type=MessageType.TERMINATE, issued_at=None)
    revisions = (*known.revisions, replace(last, received_at=at))
    return replace(known, status=EventStatus.TERMINATED, revisions=revisions)


@pytest.mark.parametrize(
    ("said", "known", "decision", "number"),
    [
        (issued(2), heard(0, 1), Decision.REVISED, 3),
        (issued(1), heard(0, 1), Decision.REVISED, 3),
        (issued(0, message_type=MessageType.NEW), heard(1), Decision.STALE, 1),
        (issued(None), heard(0), Decision.REVISED, 2),
        (issued(4), over(heard(0)), Decision.STALE, 2),
        (issued(None), over(heard(0)), Decision.STALE, 2),
        (issued(6), over(heard(0)), Decision.REVISED, 3),
        (issued(9, message_type=MessageType.TERMINATE), over(heard(0)), Decision.DUPLICATE, 2),
        (issued(0, message_type=MessageType.TERMINATE), heard(1), Decision.ENDED, 2),
    ],
    ids=[
        "newer",
        "same time",
        "late create",
        "no time",
        "late",
        "no time after end",
        "revived",
        "ended twice",
        "old end",
    ],
)
def test_by_the_time_of_issue(said, known, decision, number):
    """An end is never too old: people curtail until they are told."""
    found = placed(said, known)
    assert (found.decision, found.number) == (decision, number)


def test_as_they_arrive_only_the_latest_can_be_repeated():
    known = event(revision(1))
    assert placed(arriving(known.latest.digest), known).decision is Decision.DUPLICATE
    ended = over(known)
    again = placed(arriving(known.latest.digest), ended)
    assert (again.decision, again.number) == (Decision.REVISED, 3)
    assert again.revision is not None
    assert (again.revision.content.message_type, again.revision.needs_answer) == (MessageType.NEW, True)


@pytest.mark.parametrize("status", [EventStatus.TOMBSTONE, EventStatus.TERMINATED, EventStatus.OPEN])
def test_what_came_before_the_latest_and_was_overtaken_in_the_queue_is_stale(status):
    """The end of an alarm goes before the alarm itself: that must ring nobody, nor stay open for ever."""
    last = revision(1, message_type=MessageType.UPDATE if status is EventStatus.OPEN else MessageType.TERMINATE)
    for seconds, stale in ((1, True), (0, False)):
        known = event(replace(last, received_at=LATER + timedelta(seconds=seconds)), status=status)
        assert (placed(arriving(), known).decision is Decision.STALE) is stale


def test_what_is_only_noted_changes_nothing():
    noted = replace(arriving(), note="acknowledged elsewhere")
    known = placed(noted, event(revision(1)))
    assert (known.decision, known.revision, known.detail) == (Decision.NOTED, None, "acknowledged elsewhere")
    assert placed(noted).detail == "its event is not known here; nothing is done"


def test_after_a_tombstone_a_late_event_is_stale_and_a_trigger_is_new():
    grave = replace(event(revision(1, message_type=MessageType.CANCEL)), status=EventStatus.TOMBSTONE)
    assert placed(issued(-9, message_type=MessageType.NEW), grave).decision is Decision.STALE
    again = placed(arriving(), grave)
    assert (again.decision, again.number) == (Decision.NEW, 2)


def test_holding_goes_on_with_what_was_ordered():
    """ "Hold 12.5 MW" in an update is no other order than the one that is held."""
    known = heard(0)
    held = replace(known.content.instruction, action=Action.HOLD)
    found = placed(issued(1, instruction=held), known)
    assert found.revision is not None
    assert found.revision.content.instruction == known.content.instruction
    assert not found.revision.needs_answer


@pytest.mark.parametrize("kind", TargetKind)
def test_holding_a_level_is_no_other_order(kind):
    known = event(revision(1, instruction=TO_5))
    held = Instruction(action=Action.HOLD, target_mw=5.0, target_kind=kind)
    found = placed(issued(1, instruction=held), known)
    assert found.revision is not None
    assert found.revision.content.instruction == TO_5
    assert not found.revision.needs_answer


@pytest.mark.parametrize(("minutes", "kind"), [(30, MessageType.CANCEL), (-30, MessageType.TERMINATE)])
def test_the_start_of_the_event_says_what_its_end_is(minutes, kind):
    start = LATER + timedelta(minutes=minutes)
    known = event(revision(1, effective_at=start, program="EDR", headline="cut"))
    found = placed(issued(1, message_type=MessageType.TERMINATE, program="", headline=""), known)
    assert found.revision is not None
    said = found.revision.content
    assert (said.message_type, said.program, said.headline) == (kind, "EDR", "cut")
    assert said.instruction.target_mw == 0.0
