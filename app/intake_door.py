"""The door for events: what was posted becomes one durable message, and the sender its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.notebook import Notebook
from app.security import Caller, DeliveryIds, without_credentials
from broker.base import Durability, Message, MessageKind, Publisher
from intake.read import read
from model.canary import CANARY_SOURCE
from model.clock import Clock, stopwatch
from model.event import MessageType, lane
from model.ids import Ids
from model.reading import Feed, Problem, Reading, Unreadable
from model.roster import Counts, Roster
from model.tracing import UNTRACED, Tracer
from routing import routes

KEPT_OF_TOO_LARGE = 64 * 1024
TOO_LARGE = Unreadable(
    problems=(Problem(field="", found="a body over the size limit", expected="a smaller body, or several posts"),)
)


@dataclass(frozen=True, slots=True)
class Posted:
    """One POST as it came in. `proof`: by what it is known whose it is, in words; "" where a person's key says it.

    `asked`: we asked its source for it, so it does not show that the source is alive, and nobody waits for an answer.
    """

    body: bytes
    headers: Mapping[str, str]
    sender: str
    request_id: str
    truncated: bool = False
    replay_of: str | None = None
    proof: str = ""
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A durable message and what the door read in it; when it had read it, and when it was durable (stopwatch).

    `heard`: it shows that its source is alive.
    """

    message: Message
    readings: Sequence[Reading | Unreadable]
    durable: Durability
    deadlines: Sequence[datetime | None]
    heard: bool
    read_at: float
    durable_at: float


def feed_of(roster: Roster, source: str) -> Feed:
    """How a source's messages are read; a source that left the roster speaks canonical."""
    known = roster.sources.get(source)
    if known is None:
        return Feed(source=source)
    return Feed(
        source=source,
        format=known.format,
        timezone=known.timezone,
        critical=known.critical,
        names=known.names,
        mapping=known.mapping,
        counted_by=known.numbered.by if known.numbered else None,
    )


def read_message(message: Message, roster: Roster) -> Sequence[Reading | Unreadable]:
    """What the router reads: the same as the door did. One result for each delivery of the message."""
    if message.truncated:
        return (TOO_LARGE,)
    feed = feed_of(roster, message.source)
    found = read(message.body, message.headers, feed, message.received_at)
    return found if len(found) == len(message.deliveries) else _as_many(found, len(message.deliveries))


def _as_many(found: Sequence[Reading | Unreadable], count: int) -> Sequence[Reading | Unreadable]:
    """The source's format was changed between door and router: nothing may get lost over that."""
    changed = Problem(field="", found="another number of members", expected="what was read at the door")
    return [*found, *[Unreadable(problems=(changed,))] * count][:count]


class Door:
    """Reads, publishes, and tells what to answer. Needs no database."""

    def __init__(
        self,
        broker: Publisher,
        clock: Clock,
        ids: Ids,
        delivery_ids: DeliveryIds,
        notebook: Notebook,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._ids = ids
        self._delivery_ids = delivery_ids
        self._notebook = notebook
        self._tracer = tracer

    async def accept(self, posted: Posted, source: str, caller: Caller | None, roster: Roster) -> Accepted:
        """Return when the message is durable. Raises QueueFull or Unavailable: then nothing was accepted."""
        with self._tracer.begin("accept", posted.headers.get("traceparent", ""), source=source) as span:
            now, key_id = self._clock.now(), caller.key_id if caller else None
            feed = feed_of(roster, source)
            headers = without_credentials(posted.headers)
            readings = (TOO_LARGE,) if posted.truncated else read(posted.body, headers, feed, now)
            deadlines = [_deadline(r, roster, source, now) if isinstance(r, Reading) else None for r in readings]
            ids = tuple(self._ids.new() for _ in readings)
            read_at = stopwatch()
            with self._tracer.span("publish", span) as trace:
                message = Message(
                    id=ids[0],
                    kind=_kind(source, readings),
                    source=source,
                    format=feed.format,
                    lane=min(_lane(r) for r in readings),
                    body=posted.body,
                    received_at=now,
                    deliveries=ids,
                    headers=headers,
                    sender=posted.sender,
                    signature=posted.proof or f"key {key_id} as bearer is valid",
                    key_id=key_id,
                    request_id=posted.request_id,
                    truncated=posted.truncated,
                    deadline_at=deadlines[0] if len(deadlines) == 1 else None,
                    replay_of=posted.replay_of,
                    trace=trace,
                )
                durable = await self._broker.publish(message)
            durable_at = stopwatch()
        # A replay, by a person, and an answer to our own question say nothing of the source.
        heard = posted.replay_of is None and not posted.asked and _counts(roster, source, readings)
        if message.kind is not MessageKind.CANARY and not posted.asked:
            if heard:
                self._notebook.heard(source, now)
            self._notebook.answered(message.id, self._clock.now())
        return Accepted(message, readings, durable, deadlines, heard, read_at, durable_at)

    def answers(self, accepted: Accepted) -> list[dict[str, Any]]:
        """The answer for each member: the 202 body, or a problem."""
        members = zip(accepted.message.deliveries, accepted.readings, accepted.deadlines, strict=True)
        return [self._answer(accepted, *member) for member in members]

    def _answer(
        self, accepted: Accepted, delivery_id: str, reading: Reading | Unreadable, deadline_at: datetime | None
    ) -> dict[str, Any]:
        shown = self._delivery_ids.shown(delivery_id)
        if isinstance(reading, Unreadable):
            return {
                "type": "about:blank",
                "title": "The message cannot be read",
                "status": 422,
                "detail": f"{reading.reason}. It is kept as unreadable and people are told.",
                "errors": [{"field": p.field, "found": p.found, "expected": p.expected} for p in reading.problems],
                "delivery_id": shown,
                "unreadable_id": delivery_id,
            }
        return {
            "delivery_id": shown,
            "event_id": reading.event_id,
            "revision": reading.revision,
            "source": accepted.message.source,
            "received_at": accepted.message.received_at.isoformat(),
            "deadline_at": deadline_at.isoformat() if deadline_at else None,
            "status_url": f"/v1/deliveries/{shown}",
            "duplicate": None,
            "rings": None,
            "at_risk": None,
            "durable": str(accepted.durable),
            "detail": "; ".join(("accepted", *reading.warnings)),
        }


def _kind(source: str, readings: Sequence[Reading | Unreadable]) -> MessageKind:
    if source == CANARY_SOURCE:
        return MessageKind.CANARY
    return MessageKind.EVENT if any(isinstance(r, Reading) for r in readings) else MessageKind.UNREADABLE


def _counts(roster: Roster, source: str, readings: Sequence[Reading | Unreadable]) -> bool:
    """Whether a message shows that the source is alive. What cannot be read is of no kind."""
    known = roster.sources.get(source)
    if known is None or (minded := known.heartbeat) is None or minded.counts is Counts.ANY:
        return True
    return any(isinstance(reading, Reading) and minded.shown_by(reading.content) for reading in readings)


def _lane(reading: Reading | Unreadable) -> int:
    """What the message alone says: an end of an event, and what nobody can read, go first."""
    if isinstance(reading, Unreadable) or reading.content.message_type.ends:
        return 0
    return lane(reading.content, reading.content.severity)


def _deadline(reading: Reading, roster: Roster, source: str, now: datetime) -> datetime | None:
    """By the cached roster; the router, who knows the event, takes the sooner."""
    if reading.content.message_type.ends:
        return None
    policy = roster.policy_for(roster.routed(source, reading.content))
    is_new = reading.content.message_type is MessageType.NEW
    given = routes.deadline(policy, reading.content, now, new_or_moved_start=is_new, new_or_moved_due=is_new)
    return given.deadline_at
