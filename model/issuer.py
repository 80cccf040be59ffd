"""The acknowledgement that counts for the issuer: given elsewhere, noted here, apart from a person's to us."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from model.event import Event
from model.verdict import Outcome


class How(StrEnum):
    """By what the issuer was told."""

    MCS = "mcs"
    DSRI = "dsri"
    VERBAL = "verbal"
    OPTIN = "optin"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerAck:
    """`person` told the issuer at `at`, as `by` (a key's name) wrote down at `received_at`. Append-only."""

    id: str
    event_pk: str
    revision: int
    person: str
    at: datetime
    how: How
    evidence: str
    received_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class IssuerLine:
    """Was the issuer told in time. `outcome` None: it still can be. `at`: when it was told, or that was decided."""

    outcome: Outcome | None
    reason: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerAsks:
    """What the issuer waits for. `closed_at`: when the event was over, None while it is not."""

    revision: int
    deadline_at: datetime
    closed_at: datetime | None
    required: bool

    @classmethod
    def of(cls, event: Event, *, required: bool) -> "IssuerAsks":
        return cls(
            revision=event.answer_revision,
            deadline_at=event.deadline_at,
            closed_at=event.closed_at,
            required=required,
        )


def first(acks: Sequence[IssuerAck], revision: int) -> IssuerAck | None:
    """The soonest that covers the revision: one of an earlier revision does not."""
    return min((a for a in acks if a.revision >= revision), key=lambda a: a.at, default=None)


def line(asks: IssuerAsks, acks: Sequence[IssuerAck], now: datetime) -> IssuerLine | None:
    """The verdict's second line; None where the issuer was not told and need not be."""
    if told := first(acks, asks.revision):
        how = f"told by {told.person} ({told.how}) at {told.at:%H:%M:%S} UTC"
        if told.at <= asks.deadline_at:
            return IssuerLine(Outcome.MET, how, told.at)
        return IssuerLine(Outcome.MISSED, f"after the deadline: {how}", told.at)
    if not asks.required:
        return None
    if asks.closed_at is not None and asks.closed_at <= asks.deadline_at:
        return IssuerLine(Outcome.NOT_NEEDED, "over before the deadline", asks.closed_at)
    if now >= asks.deadline_at:
        return IssuerLine(Outcome.MISSED, "nobody told the issuer in time", asks.deadline_at)
    return IssuerLine(None, "nobody has told the issuer yet", None)
