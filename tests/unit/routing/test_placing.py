"""Which event and which revision a statement is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from model.errors import Undecidable
from model.event import EventStatus, Instruction, MessageType
from model.reading import Reading
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
        ({"text": "more text"}, False, None),
    ],
)
def test_what_needs_a_new_answer(changes, needs, words):
    found = placed(reading(message_type=MessageType.UPDATE, **changes), event(revision()))
    assert found.revision is not None
    assert found.revision.needs_answer is needs
    assert found.revision.changes == ((words,) if words else ())


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
    assert placed(reading(), grave).revision is None


def test_an_update_after_the_end_opens_the_event_again():
    over = event(revision(1), revision(2, needs_answer=False, message_type=MessageType.TERMINATE))
    over = replace(over, status=EventStatus.TERMINATED)
    found = placed(reading(number=3, message_type=MessageType.UPDATE), over)
    assert found.revision is not None
    assert (found.decision, found.revision.needs_answer) == (Decision.REVISED, True)


def test_a_statement_without_an_event_id_cannot_be_decided():
    with pytest.raises(Undecidable):
        placed(reading(event_id=None))
