"""What an issuer says, and what we know of it. Field rules: docs/sending.md."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class MessageType(StrEnum):
    NEW = "new"
    UPDATE = "update"
    CANCEL = "cancel"
    TERMINATE = "terminate"

    @property
    def ends(self) -> bool:
        """True when the message ends its event."""
        return self in (MessageType.CANCEL, MessageType.TERMINATE)


class Mode(StrEnum):
    ACTUAL = "actual"
    DRILL = "drill"
    TEST = "test"


class Phase(StrEnum):
    """Not a ladder: an issuer may skip, repeat and jump."""

    INFO = "info"
    ADVISORY = "advisory"
    ALERT = "alert"
    WARNING = "warning"
    EVENT = "event"
    TERMINATION = "termination"


class Severity(StrEnum):
    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class EndKind(StrEnum):
    SCHEDULED = "scheduled"
    UNTIL_RELEASED = "until_released"


class Action(StrEnum):
    REDUCE_LOAD = "reduce_load"
    INCREASE_GEN = "increase_gen"
    HOLD = "hold"
    RELEASE = "release"
    NONE = "none"
    INFORMATIONAL = "informational"

    @property
    def asks(self) -> bool:
        """True when somebody has to do something."""
        return self in (Action.REDUCE_LOAD, Action.INCREASE_GEN, Action.HOLD)


class TargetKind(StrEnum):
    RELATIVE = "relative"
    ABSOLUTE = "absolute"


class ClockStart(StrEnum):
    """From when the issuer counts the time to comply."""

    ISSUED = "issued"
    RECEIVED = "received"
    VOICE_COMPLETED = "voice_completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What is asked. `action` None: the payload does not say. `target_mw` in megawatts, >= 0, None: not said."""

    action: Action | None = None
    target_mw: float | None = None
    target_kind: TargetKind = TargetKind.RELATIVE
    mandatory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """An area in somebody's numbering, e.g. MISO-LRZ 4. Schemes are data, never an enum."""

    scheme: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRef:
    """A site or asset as the issuer names it, with its share in megawatts where given."""

    scheme: str
    code: str
    target_mw: float | None = None


def total(amounts: Iterable[float | None]) -> float | None:
    """Of all of them, None when one is not known or there are none."""
    listed = list(amounts)
    known = [amount for amount in listed if amount is not None]
    return round(sum(known), 6) if known and len(known) == len(listed) else None


NEEDS_READING = "needs_a_human_reading"  # in Content.extra: why
MAY_BE_A_DRILL = "it speaks of a drill"  # how that begins where it is not certain
CHANGES_LATER = "changes_later"  # in Content.extra: what is ordered after what people are told, in the issuer's words


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One statement of the issuer, read. Times are aware UTC; None means the payload does not say."""

    message_type: MessageType = MessageType.NEW
    mode: Mode = Mode.ACTUAL
    issuer: str = ""
    program: str = ""
    phase: Phase = Phase.EVENT
    phase_detail: str = ""
    nerc_eea: int | None = None
    severity: Severity = Severity.WARNING
    issued_at: datetime | None = None
    effective_at: datetime | None = None
    ends_at: datetime | None = None
    end_kind: EndKind = EndKind.UNTIL_RELEASED
    ack_due_at: datetime | None = None
    clock_start: ClockStart = ClockStart.ISSUED
    instruction: Instruction = field(default_factory=Instruction)
    zones: tuple[Zone, ...] = ()
    resources: tuple[ResourceRef, ...] = ()
    references: tuple[str, ...] = ()
    headline: str
    text: str = ""
    contact: str = ""
    source_timezone: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def asks_action(self) -> bool:
        return self.instruction.action is not None and self.instruction.action.asks

    @property
    def target_mw(self) -> float | None:
        """The issuer's megawatts: of the whole, else of an order what it says for each of the resources together."""
        stated = self.instruction.target_mw
        return total(r.target_mw for r in self.resources) if stated is None and self.asks_action else stated

    @property
    def needs_reading(self) -> bool:
        """Nobody knows what it asks: people are told its own words."""
        return NEEDS_READING in self.extra

    @property
    def may_be_a_drill(self) -> bool:
        """It is told as real, and somebody must find out."""
        return str(self.extra.get(NEEDS_READING, "")).startswith(MAY_BE_A_DRILL)

    @property
    def later(self) -> str:
        """What the order becomes before it ends, "" where it stays."""
        return str(self.extra.get(CHANGES_LATER, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One accepted statement about an event.

    `needs_answer`: an acknowledgement of an earlier revision does not cover this one.
    `changes`: what differs from the revision before, in words, e.g. "EXTENDED to 18:30".
    """

    number: int
    content: Content
    digest: str
    delivery_id: str
    received_at: datetime
    needs_answer: bool = True
    changes: tuple[str, ...] = ()


class EventStatus(StrEnum):
    OPEN = "open"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    TOMBSTONE = "tombstone"  # a cancel or terminate came before its event: the late event must not ring


class Also(NamedTuple):
    """A route that fitted and went on: its team is told too, and the people of its policy are called ("": nobody)."""

    route: str
    team: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event with everything said about it so far. `pk` is ours, (source, event_id) is the issuer's.

    `answer_revision` is the revision that needs an answer now: the newest with `needs_answer`.
    `deadline_at` is when somebody must have acknowledged that revision; `work_until` is when we stop trying
    (later than the deadline only when that had passed at receipt, or when it was planned).
    `severity` is the highest so far; it decides the lane. `route`, `policy` and `team` are of the route that decides,
    `also` those of the routes before it that went on. `merge_key`: what it has in common with those near-identical to
    it, "" where its source does not merge them; `leader_pk`: the one that rings for it, None when it rings for itself.
    """

    pk: str
    source: str
    event_id: str
    status: EventStatus
    severity: Severity
    revisions: tuple[Revision, ...]
    answer_revision: int
    received_at: datetime
    deadline_at: datetime
    work_until: datetime
    route: str
    policy: str
    team: str
    roster_version: int
    also: tuple[Also, ...] = ()
    closed_at: datetime | None = None
    merge_key: str = ""
    leader_pk: str | None = None

    @property
    def latest(self) -> Revision:
        return self.revisions[-1]

    @property
    def content(self) -> Content:
        return self.latest.content

    def revision(self, number: int) -> Revision:
        """The revision of that number. Raises StopIteration when there is none."""
        return next(r for r in self.revisions if r.number == number)

    @property
    def rings(self) -> bool:
        """Does it call people? A test does not; a mere notice is one line in Slack, unless it is a drill."""
        content = self.content
        if content.mode is Mode.TEST:
            return False
        return content.mode is Mode.DRILL or content.asks_action or self.severity.rank >= Severity.WARNING.rank

    @property
    def late(self) -> bool:
        """The deadline had passed before we heard of it."""
        return self.deadline_at <= self.revision(self.answer_revision).received_at


LAST_LANE = 2


def lane(content: Content, severity: Severity) -> int:
    """0 goes before 1 goes before 2. `severity` is the event's highest so far (design section 1.5)."""
    if content.mode is not Mode.ACTUAL and not content.message_type.ends:
        severity = min(severity, content.severity, key=lambda s: s.rank)
    if severity is Severity.CRITICAL:
        return 0
    return 1 if severity is Severity.WARNING else LAST_LANE
