"""Which event and which revision a reading is. Pure; the router holds the placing key while it asks."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from model.errors import Undecidable
from model.event import Content, Event, EventStatus, MessageType, Revision, Severity
from model.reading import Reading
from routing import changes


class Decision(StrEnum):
    NEW = "new"
    REVISED = "revised"
    ENDED = "ended"  # cancelled or terminated
    TOMBSTONE = "tombstone"  # an end came before its event
    DUPLICATE = "duplicate"
    STALE = "stale"  # older than what we have
    CONFLICT = "conflict"  # the same number, other content


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """`revision` is what to add to the event; None when nothing is added. `detail` is a sentence for the sender."""

    decision: Decision
    event_id: str
    number: int
    revision: Revision | None
    detail: str


def place(reading: Reading, event: Event | None, delivery_id: str, received_at: datetime) -> Placement:
    """Decide about a reading against the event of the same source and event_id, if there is one.

    Raises Undecidable when the reading names no event.
    """
    if reading.event_id is None:
        raise Undecidable("the message names no event_id")
    if event is None:
        return _first(reading, delivery_id, received_at)
    return _known(reading, event) or _next(reading, event, delivery_id, received_at)


def _first(reading: Reading, delivery_id: str, received_at: datetime) -> Placement:
    ends = reading.content.message_type.ends
    number = reading.revision or 1
    return Placement(
        decision=Decision.TOMBSTONE if ends else Decision.NEW,
        event_id=reading.event_id or "",
        number=number,
        revision=_revision(reading, number, delivery_id, received_at, needs_answer=not ends),
        detail="its event is not known; should it come later, nobody is called" if ends else "accepted",
    )


def _known(reading: Reading, event: Event) -> Placement | None:
    """The statement was heard before, is older than what we have, or contradicts it."""
    same = next((r for r in event.revisions if r.digest == reading.digest), None)
    number = reading.revision or _implied_number(reading, event)
    if same is not None and reading.revision in (None, same.number):
        return _nothing(Decision.DUPLICATE, event, same.number, _already(same))
    existing = next((r for r in event.revisions if r.number == number), None)
    if existing is not None:
        said = f"revision {number} was accepted at {existing.received_at:%H:%M:%S} with other content; both are kept"
        return _nothing(Decision.CONFLICT, event, number, said)
    if number < event.latest.number:
        return _nothing(Decision.STALE, event, number, f"older than revision {event.latest.number}; nobody is called")
    return None


def _implied_number(reading: Reading, event: Event) -> int:
    """Without a number a `new` claims to be the first statement; everything else follows the last one."""
    is_new = reading.content.message_type is MessageType.NEW
    return event.revisions[0].number if is_new else event.latest.number + 1


def _already(revision: Revision) -> str:
    return f"already accepted at {revision.received_at:%H:%M:%S}, nobody is called again"


def _nothing(decision: Decision, event: Event, number: int, detail: str) -> Placement:
    return Placement(decision=decision, event_id=event.event_id, number=number, revision=None, detail=detail)


def _next(reading: Reading, event: Event, delivery_id: str, received_at: datetime) -> Placement:
    number = reading.revision or event.latest.number + 1
    before, after = event.content, reading.content
    ends = after.message_type.ends
    if event.status is EventStatus.TOMBSTONE and not ends:
        # The late event of an earlier cancel has a lower number and is stale; this one is newer than the cancel.
        return _first(reading, delivery_id, received_at)
    needs = not ends and (event.status is not EventStatus.OPEN or changes.needs_answer(before, after))
    revision = _revision(reading, number, delivery_id, received_at, needs_answer=needs, before=before)
    return Placement(
        decision=Decision.ENDED if ends else Decision.REVISED,
        event_id=event.event_id,
        number=number,
        revision=revision,
        detail=f"accepted as {after.message_type} of revision {event.latest.number}",
    )


def _revision(
    reading: Reading,
    number: int,
    delivery_id: str,
    received_at: datetime,
    *,
    needs_answer: bool,
    before: Content | None = None,
) -> Revision:
    return Revision(
        number=number,
        content=reading.content,
        digest=reading.digest,
        delivery_id=delivery_id,
        received_at=received_at,
        needs_answer=needs_answer,
        changes=changes.in_words(before, reading.content) if before else (),
    )


def highest(a: Severity, b: Severity) -> Severity:
    return max(a, b, key=lambda severity: severity.rank)
