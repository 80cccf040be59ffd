"""Where an event goes, and by when somebody must have answered. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from model.event import Action, Content
from model.roster import Policy

_ASKS_NOTHING = frozenset({Action.RELEASE, Action.NONE, Action.INFORMATIONAL})


class Deadline(NamedTuple):
    """`work_until` is later than `deadline_at` only when the deadline had passed at receipt."""

    deadline_at: datetime
    work_until: datetime


def deadline(
    policy: Policy, content: Content, received_at: datetime, *, new_or_moved_start: bool, new_or_moved_due: bool
) -> Deadline:
    """The soonest of our SLA, the issuer's ack_due_at and, where it counts, the start of the event (design section 5).

    `new_or_moved_start`: the message is `new`, or an update that moves effective_at. `new_or_moved_due`: or one that
    moves ack_due_at: what an update repeats of it was for the first answer, and says nothing once it has passed. When
    the soonest had passed at receipt it stays the deadline, and we work until the SLA all the same.
    """
    sla_end = received_at + timedelta(seconds=policy.sla_seconds)
    given = [*_due(content, received_at, new_or_moved_due), *_start(policy, content, received_at, new_or_moved_start)]
    soonest = min((sla_end, *given))
    return Deadline(soonest, sla_end if soonest <= received_at else soonest)


def _due(content: Content, received_at: datetime, new_or_moved: bool) -> Iterator[datetime]:
    if content.ack_due_at is not None and (new_or_moved or content.ack_due_at > received_at):
        yield content.ack_due_at


def _start(policy: Policy, content: Content, received_at: datetime, new_or_moved: bool) -> Iterator[datetime]:
    if content.effective_at is not None and new_or_moved and _start_counts(policy, content, received_at):
        yield content.effective_at


def _start_counts(policy: Policy, content: Content, received_at: datetime) -> bool:
    """An action that is not said counts as asking; a start that lies before the message says nothing about haste."""
    return (
        policy.effective_at_counts
        and not content.message_type.ends
        and content.instruction.action not in _ASKS_NOTHING
        and content.effective_at is not None
        and content.effective_at > (content.issued_at or received_at)
    )
