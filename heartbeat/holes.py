"""What is told of numbers that never came, and when. Each hole is one event, over when they are all there. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from heartbeat.alarms import Statement
from model.event import Action, MessageType, Phase, Severity
from model.hole import Hole, Range
from model.roster import Source

LIFE = timedelta(days=7)  # after it nobody waits for them any more
_NAMED = 20


class Next(StrEnum):
    """What to do about a hole now."""

    WAIT = "wait"
    TELL = "tell"
    END = "end"  # it was told, and is over
    FORGET = "forget"  # it is over, and nobody was told


def following(hole: Hole, source: Source | None, now: datetime) -> Next:
    """`source` None: it left the roster."""
    numbered = source.numbered if source else None
    over = hole.closed_at is not None or numbered is None or now >= hole.seen_at + LIFE
    if over:
        return Next.FORGET if hole.told is None else Next.END
    assert numbered is not None
    waited = now >= hole.seen_at + timedelta(seconds=numbered.wait_seconds)
    return Next.TELL if waited and not hole.said else Next.WAIT


def missing(hole: Hole, source: Source) -> Statement:
    """`hole.told` says what is missing. Of a critical source it may be an order, so it calls people."""
    assert hole.told is not None
    assert hole.told_at is not None
    count = sum(last - first + 1 for first, last in hole.told)
    what = f"{count} messages are" if count > 1 else "A message is"
    look = f" Look in {source.also_confirm}." if source.also_confirm else ""
    return {
        "event_id": hole.event_id,
        "revision": 1,
        "message_type": MessageType.NEW,
        "issuer": "Gridcall",
        "program": "GRIDCALL",
        "phase": Phase.ALERT,
        "severity": Severity.CRITICAL if source.critical else Severity.NOTICE,
        "issued_at": hole.told_at.isoformat(),
        "instruction": {"action": Action.INFORMATIONAL},
        "headline": f"{what} missing from {source.name}: {shown(hole.told)}"[:100],
        "text": f"Missing by number: {shown(hole.told)}. Later ones came, first at "
        f"{hole.seen_at.astimezone(UTC):%H:%M:%S} UTC.{look} This ends by itself when they come in.",
    }


def over(hole: Hole, name: str) -> Statement:
    """The same words however often: by when it was closed, or by when it is given up."""
    ended_at = hole.closed_at or hole.seen_at + LIFE
    came = "have come in" if hole.closed_at else "are waited for no longer"
    return {
        "event_id": hole.event_id,
        "revision": 2,
        "message_type": MessageType.TERMINATE,
        "issuer": "Gridcall",
        "program": "GRIDCALL",
        "phase": Phase.TERMINATION,
        "severity": Severity.NOTICE,
        "issued_at": ended_at.isoformat(),
        "instruction": {"action": Action.INFORMATIONAL},
        "headline": f"What was missing from {name}: all {came}"[:100],
        "text": f"Numbers {shown(hole.told or ())}.",
    }


def shown(ranges: Sequence[Range]) -> str:
    """ "5, 7-9": as people read it."""
    parts = [str(first) if first == last else f"{first}-{last}" for first, last in ranges]
    more = f" and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
    return ", ".join(parts[:_NAMED]) + more
