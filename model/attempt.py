"""Tries at a vendor, what the vendor told us about them, and the words that were sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from model.plan import ChannelName, Notification


class AttemptState(StrEnum):
    SENDING = "sending"  # intent is written, the vendor's answer is not
    ACCEPTED = "accepted"  # the vendor has it, `vendor_id` names it there
    UNKNOWN = "unknown"  # the answer was lost
    FAILED = "failed"  # certainly not sent
    ABSENT = "absent"  # looked up: the vendor never had it


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a person hears or reads, exactly.

    `text` is for people and for the evidence. `payload` is the channel's own form of it as JSON data: {"menu", ...}
    for voice, {"blocks"} for Slack, the Events v2 `payload` for PagerDuty, nothing for SMS.
    `template` names template and version.
    A call about several events keeps {"told", "items", ...} besides: the rows that it names, and the words of each.
    """

    text: str
    template: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try. `part` of `parts` for messages cut into several; `vendor_at` is the vendor's clock beside ours.

    `bundle`: it tells more events than its own row's, see `Notification.carried_by`.
    """

    id: str
    notification_id: str
    event_pk: str
    channel: ChannelName
    address: str = field(repr=False)
    words: Words
    started_at: datetime
    ended_at: datetime | None = None
    part: int = 1
    parts: int = 1
    state: AttemptState = AttemptState.SENDING
    vendor_id: str | None = None
    vendor_at: datetime | None = None
    error: str = ""
    bundle: bool = False

    @classmethod
    def of(
        cls,
        row: Notification,
        id_: str,
        words: Words,
        now: datetime,
        *,
        part: int = 1,
        parts: int = 1,
        bundle: bool = False,
    ) -> Self:
        """A try of a row that begins now."""
        return cls(
            id=id_,
            notification_id=row.id,
            event_pk=row.event_pk,
            channel=row.channel,
            address=row.address,
            words=words,
            started_at=now,
            part=part,
            parts=parts,
            bundle=bundle,
        )

    @property
    def named(self) -> tuple[str, ...]:
        """The rows that a call speaks of, in that order: who presses 1 accepts them all, whatever they are by then."""
        return tuple(self.words.payload.get("told", (self.notification_id,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The vendor accepted. `vendor_id` is its name for the thing; `vendor_at` its clock, where it tells."""

    vendor_id: str
    vendor_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


class ReceiptKind(StrEnum):
    """In the order of a message's life; a later one is never undone by an earlier one that arrives late."""

    QUEUED = "queued"
    SENT = "sent"
    RINGING = "ringing"
    DELIVERED = "delivered"
    ANSWERED = "answered"
    MACHINE = "machine"  # a voicemail or fax took the call
    COMPLETED = "completed"  # the call ended after it was answered
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    CANCELED = "canceled"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        return self in FINAL_RECEIPTS


FINAL_RECEIPTS = frozenset(
    {ReceiptKind.COMPLETED, ReceiptKind.NO_ANSWER, ReceiptKind.BUSY, ReceiptKind.CANCELED, ReceiptKind.FAILED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the vendor told us about an attempt. `sequence` orders a call's receipts; -1 where there is none.

    Of one that failed: `refused`, nothing can be sent there; `unreachable`, now nothing arrives there. Of a
    call: `by_machine`, whether a machine picked up, None where that is not said.
    """

    kind: ReceiptKind
    vendor_id: str
    vendor_at: datetime | None = None
    sequence: int = -1
    code: str | None = None
    refused: bool = False
    unreachable: bool = False
    by_machine: bool | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
