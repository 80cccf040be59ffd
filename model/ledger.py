"""When each thing happened to an event and to each person, and by whose doing a deadline was missed. Pure."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from model.event import Mode
from model.issuer import IssuerAck
from model.roster import OWN_SOURCE
from model.verdict import Outcome

# Until the plan is made, and from when the first send is due until it begins; more is our own delay.
OURS = timedelta(seconds=15)
# Who is called at once has not heard what to press before that.
TOO_SHORT = timedelta(seconds=30)


class Late(StrEnum):
    """Where the time of a missed deadline went."""

    SOURCE = "source"  # it had passed, or nearly, when we heard of it
    US = "us"  # we began late with the first send, or none began
    VENDOR = "vendor"  # nothing that was sent has reached anybody in time
    PERSON = "person"  # somebody was reached in time and nobody accepted


class Group(StrEnum):
    """What is counted together."""

    ACTUAL = "actual"
    DRILL = "drill"
    OWN = "own"  # what Gridcall says itself: of silent sources, messages nobody could read, hours without anybody


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLine:
    """The first instants of one person, None where it did not happen. `reply`: the last answer, which counts.

    `due_at` None: they were on no timetable, and answered. `delivered_at`: of a text or message, as its vendor says.
    """

    person: str
    due_at: datetime | None = None
    started_at: datetime | None = None
    ringing_at: datetime | None = None
    delivered_at: datetime | None = None
    answered_at: datetime | None = None
    replied_at: datetime | None = None
    accepted_at: datetime | None = None
    reply: str | None = None

    @property
    def reached_at(self) -> datetime | None:
        return _first(self.ringing_at, self.delivered_at, self.answered_at, self.replied_at)


@dataclass(frozen=True, slots=True)
class Paged:
    """When PagerDuty was to be told, and when that began, where it calls people and we do not. Whom it reaches, it does
    not tell us.
    """

    due_at: datetime | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """Of one revision that needed an answer. `outcome` None: still open.

    `planned_at`: when the timetable was made, where that is known. `closed_at`: when the event was over, or a later
    revision asked for another answer.
    """

    pk: str
    source: str
    event_id: str
    revision: int
    mode: Mode
    severity: str
    policy: str
    received_at: datetime
    planned_at: datetime | None
    deadline_at: datetime
    outcome: Outcome | None
    outcome_at: datetime | None
    reason: str
    people: Sequence[PersonLine]
    closed_at: datetime | None = None
    issuer_acks: Sequence[IssuerAck] = ()
    paged: Paged = Paged()

    @property
    def group(self) -> Group | None:
        """None for a test, which has no deadline."""
        if self.mode is Mode.TEST:
            return None
        return Group.OWN if self.source == OWN_SOURCE else Group(self.mode)

    @property
    def late(self) -> bool:
        """Its deadline had passed at receipt."""
        return self.deadline_at <= self.received_at

    @property
    def due_at(self) -> datetime | None:
        return _first(self.paged.due_at, *(p.due_at for p in self.people))

    @property
    def started_at(self) -> datetime | None:
        return _first(self.paged.started_at, *(p.started_at for p in self.people))

    @property
    def ringing_at(self) -> datetime | None:
        return _first(*(p.ringing_at for p in self.people))

    @property
    def reached_at(self) -> datetime | None:
        return _first(*(p.reached_at for p in self.people))

    @property
    def accepted_at(self) -> datetime | None:
        return _first(*(p.accepted_at for p in self.people))


def late_by(line: EventLine) -> Late | None:
    """By whose doing the deadline was missed; None where it was not."""
    if line.outcome is not Outcome.MISSED:
        return None
    if line.late:
        return Late.SOURCE
    if line.started_at is None or _our_delay(line, line.started_at) > OURS:
        return Late.US
    if line.deadline_at < line.received_at + TOO_SHORT:
        return Late.SOURCE
    if line.reached_at is None or line.reached_at > line.deadline_at:
        return Late.VENDOR
    return Late.PERSON


def _our_delay(line: EventLine, started_at: datetime) -> timedelta:
    """What the policy waits before its first step is not ours."""
    planned_at = line.planned_at or line.received_at
    return planned_at - line.received_at + started_at - (line.due_at or planned_at)


@dataclass(frozen=True, slots=True)
class Spread:
    """Of some durations, in seconds: nearest ranks, the shortest and the longest. None when there are none."""

    count: int
    shortest: float | None
    p50: float | None
    p95: float | None
    longest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Of `deadlines`, one or more of each of the `events`. `kept`: the share of the decided that was met, else None."""

    events: int
    deadlines: int
    outcomes: Counter[str]
    late_by: Counter[str]
    kept: float | None
    first_ring: Spread
    first_acceptance: Spread
    left_at_first_ring: Spread


def totals(lines: Collection[EventLine]) -> Totals:
    """Durations from receipt; `left_at_first_ring` until the deadline, negative after it."""
    outcomes = Counter(str(line.outcome) if line.outcome else "open" for line in lines)
    decided = outcomes[Outcome.MET] + outcomes[Outcome.MISSED]
    return Totals(
        events=len({line.pk for line in lines}),
        deadlines=len(lines),
        outcomes=outcomes,
        late_by=Counter(str(late) for line in lines if (late := late_by(line))),
        kept=outcomes[Outcome.MET] / decided if decided else None,
        first_ring=_spread(lines, lambda line: _seconds(line.received_at, line.ringing_at)),
        first_acceptance=_spread(lines, lambda line: _seconds(line.received_at, line.accepted_at)),
        left_at_first_ring=_spread(lines, _left_at_first_ring),
    )


def _left_at_first_ring(line: EventLine) -> float | None:
    return None if line.ringing_at is None else _seconds(line.ringing_at, line.deadline_at)


def _spread(lines: Iterable[EventLine], seconds: Callable[[EventLine], float | None]) -> Spread:
    found = sorted(s for line in lines if (s := seconds(line)) is not None)

    def rank(share: float) -> float | None:
        return found[max(0, math.ceil(share * len(found)) - 1)] if found else None

    return Spread(len(found), rank(0), rank(0.5), rank(0.95), rank(1))


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()


def _first(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)
