"""Which event and which revision a reading is. Pure; the router holds the placing key while it asks."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from model.errors import Undecidable
from model.event import (
    NEEDS_READING,
    Action,
    Content,
    Event,
    EventStatus,
    Instruction,
    MessageType,
    Phase,
    Revision,
    Severity,
    TargetKind,
)
from model.reading import Order, Reading
from routing import changes

HEADLINE_CHARS = 100


class Decision(StrEnum):
    NEW = "new"
    REVISED = "revised"
    ENDED = "ended"  # cancelled or terminated
    TOMBSTONE = "tombstone"  # an end came before its event
    DUPLICATE = "duplicate"
    STALE = "stale"  # older than what we have
    CONFLICT = "conflict"  # the same number, other content
    NOTED = "noted"  # it changes nothing of the event


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

    Raises Undecidable when the reading names no event, and nothing by which one is found.
    """
    if reading.event_id is None and reading.follows:
        reading = replace(reading, event_id=reading.follows.own_id)
    if reading.event_id is None:
        raise Undecidable("the message names no event_id")
    if reading.note:
        return _noted(reading, event)
    if event is None:
        return _first(reading, delivery_id, received_at)
    if reading.order is not Order.NUMBERED:
        reading = replace(reading, content=completed(reading.content, event, received_at))
    return _known(reading, event, received_at) or _next(reading, event, delivery_id, received_at)


def _first(reading: Reading, delivery_id: str, received_at: datetime) -> Placement:
    if reading.follows and reading.follows.alike:
        reading = replace(reading, content=_on_its_own(reading.content))
    ends = reading.content.message_type.ends
    number = reading.revision or 1
    return Placement(
        decision=Decision.TOMBSTONE if ends else Decision.NEW,
        event_id=reading.event_id or "",
        number=number,
        revision=_revision(reading, number, delivery_id, received_at, needs_answer=not ends),
        detail="its event is not known; should it come later, nobody is called" if ends else "accepted",
    )


def _on_its_own(content: Content) -> Content:
    """An end that fits no open event is told: people may be curtailing for one that we know by other words."""
    if not content.message_type.ends:
        return content
    return replace(
        content,
        message_type=MessageType.NEW,
        phase=Phase.ALERT,
        instruction=Instruction(action=Action.INFORMATIONAL, target_mw=0.0),
        headline=f"No open event fits this: {content.text or content.headline}"[:HEADLINE_CHARS],
        extra=dict(content.extra) | {NEEDS_READING: "it ends an event, and none that is open fits"},
    )


def completed(content: Content, event: Event, received_at: datetime) -> Content:
    """A statement of a format that does not repeat what its event is, with what the event says of it."""
    before = event.content
    if content.message_type.ends:
        return _ending(content, before, received_at)
    asked, was = content.instruction, before.instruction
    goes_on = asked.action is Action.HOLD and before.asks_action  # "hold 12.5 MW" in an update: of what was ordered
    return replace(
        content,
        message_type=MessageType.UPDATE if event.status is EventStatus.OPEN else MessageType.NEW,
        instruction=_held(asked, was) if goes_on else asked,
    )


def _held(asked: Instruction, was: Instruction) -> Instruction:
    """What was ordered, to the level where it was one: "hold" alone names no kind."""
    stated = asked.target_kind is TargetKind.ABSOLUTE
    return replace(asked, action=was.action, target_kind=asked.target_kind if stated else was.target_kind)


def _ending(content: Content, before: Content, received_at: datetime) -> Content:
    """Before its start an event is cancelled, after it terminated, whatever word was used."""
    known = replace(
        content,
        program=before.program or content.program,
        phase_detail=content.phase_detail or before.phase_detail,
        nerc_eea=before.nerc_eea if content.nerc_eea is None else content.nerc_eea,
        end_kind=before.end_kind,
        zones=content.zones or before.zones,
        resources=content.resources or before.resources,
        headline=content.headline or before.headline,
        source_timezone=content.source_timezone or before.source_timezone,
    )
    informs = content.instruction.action is Action.INFORMATIONAL
    if before.effective_at is not None and before.effective_at > received_at:
        return replace(
            known,
            message_type=MessageType.CANCEL,
            phase=before.phase,
            effective_at=before.effective_at,
            ends_at=before.ends_at,
            instruction=content.instruction if informs else Instruction(action=Action.NONE, target_mw=0.0),
        )
    over_at = content.effective_at or received_at
    return replace(
        known,
        message_type=MessageType.TERMINATE,
        phase=Phase.TERMINATION,
        effective_at=over_at,
        ends_at=content.ends_at if content.ends_at and content.ends_at <= received_at else over_at,
        instruction=content.instruction if informs else Instruction(action=Action.RELEASE, target_mw=0.0),
    )


def _known(reading: Reading, event: Event, received_at: datetime) -> Placement | None:
    """The statement was heard before, is older than what we have, or contradicts it."""
    if reading.order is not Order.NUMBERED and reading.revision is None:
        return _heard(reading, event, received_at)
    same = next((r for r in event.revisions if r.digest == reading.digest), None)
    number = reading.revision or _implied_number(reading, event)
    if same is not None and reading.revision in (None, same.number):
        return _nothing(Decision.DUPLICATE, event, same.number, _already(same))
    existing = next((r for r in event.revisions if r.number == number), None)
    if reading.revision is None and not reading.content.message_type.ends and _overtaken(reading, event):
        return _nothing(Decision.STALE, event, number, "it was over already when this was said; nobody is called")
    if existing is not None:
        said = f"revision {number} was accepted at {existing.received_at:%H:%M:%S} with other content; both are kept"
        return _nothing(Decision.CONFLICT, event, number, said)
    if number < event.latest.number:
        return _nothing(Decision.STALE, event, number, f"older than revision {event.latest.number}; nobody is called")
    return None


def _heard(reading: Reading, event: Event, received_at: datetime) -> Placement | None:
    """The same of a statement without a number, by `reading.order`."""
    latest, is_open = event.latest, event.status is EventStatus.OPEN
    by_time = reading.order is Order.ISSUED
    candidates = event.revisions if by_time else (latest,)
    same = next((r for r in candidates if r.digest == reading.digest), None)
    if same is not None:
        return _nothing(Decision.DUPLICATE, event, same.number, _already(same))
    if reading.content.message_type.ends:
        over = "its event is over already, nobody is called again"
        return None if is_open else _nothing(Decision.DUPLICATE, event, latest.number, over)
    # In the queue an end goes before what came before it, and what is critical before what is not.
    overtaken = reading.order is Order.ARRIVAL and received_at < latest.received_at
    if overtaken or (by_time and _is_older(reading.content.issued_at, event)):
        return _nothing(Decision.STALE, event, latest.number, f"older than revision {latest.number}; nobody is called")
    return None


def _overtaken(reading: Reading, event: Event) -> bool:
    """A statement without a number that its event's end has overtaken on the way to us."""
    if event.status is EventStatus.TOMBSTONE:
        return reading.content.message_type is MessageType.NEW
    issued_at = reading.content.issued_at
    return event.status is not EventStatus.OPEN and issued_at is not None and _is_older(issued_at, event)


def _is_older(issued_at: datetime | None, event: Event) -> bool:
    """Issued before what we have; of an event that is over, before its end, or before we heard of that."""
    heard = [r.content.issued_at for r in event.revisions if r.content.issued_at]
    if event.status is not EventStatus.OPEN:
        # The end's own time where it has one: it may have been long on its way, and its issuer's clock may be slow.
        ended_at = event.latest.content.issued_at or event.latest.received_at
        return issued_at is None or issued_at <= max([ended_at, *heard])
    return issued_at is not None and bool(heard) and issued_at < max(heard)


def _implied_number(reading: Reading, event: Event) -> int:
    """Without a number a `new` claims to be the first statement; everything else follows the last one."""
    is_new = reading.content.message_type is MessageType.NEW
    return event.revisions[0].number if is_new else event.latest.number + 1


def _already(revision: Revision) -> str:
    return f"already accepted at {revision.received_at:%H:%M:%S}, nobody is called again"


def _noted(reading: Reading, event: Event | None) -> Placement:
    number = event.latest.number if event else 0
    detail = reading.note if event else "its event is not known here; nothing is done"
    return Placement(
        decision=Decision.NOTED, event_id=reading.event_id or "", number=number, revision=None, detail=detail
    )


def _nothing(decision: Decision, event: Event, number: int, detail: str) -> Placement:
    return Placement(decision=decision, event_id=event.event_id, number=number, revision=None, detail=detail)


def _next(reading: Reading, event: Event, delivery_id: str, received_at: datetime) -> Placement:
    number = reading.revision or event.latest.number + 1
    before, after = event.content, reading.content
    ends = after.message_type.ends
    if event.status is EventStatus.TOMBSTONE and not ends:
        # The late event of an earlier cancel has a lower number and is stale; this one is newer than the cancel.
        return _first(replace(reading, revision=number), delivery_id, received_at)
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
