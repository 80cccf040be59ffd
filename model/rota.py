"""Who covers by turns: rotations, what changes them, and the shifts that come of it."""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import NamedTuple

# How large a rotation may be.
MAX_LAYERS = 20
MAX_PARTICIPANTS = 1000  # turns of a layer
MAX_TOGETHER = 50  # people in one turn
MAX_SHIFT_COUNT = 1000
MAX_RESTRICTIONS = 50
MAX_PRIORITY = 1000


class ShiftUnit(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftLength:
    unit: ShiftUnit
    count: int = 1


class Weekday(StrEnum):
    """In the order of `datetime.weekday()`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """The hours of a layer on days: wall time, from `start` until before `end`, the next day when `end` <= `start`.

    `days` are those on which the hours begin.
    """

    start: time
    end: time
    days: tuple[Weekday, ...] = tuple(Weekday)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Turns of equal length, in order, from a first handoff in the rotation's local wall time.

    Each participant is a turn: the ids of those who are on call together during it. Of the layers that name somebody
    at an instant those of the highest priority count, equal ones together. Turns go on while restrictions keep a
    layer silent; no restriction: at all hours.
    """

    name: str
    participants: tuple[tuple[str, ...], ...]
    shift: ShiftLength
    starts_at: datetime  # naive: wall time in the rotation's timezone
    ends_at: datetime | None = None  # naive as well
    restrictions: tuple[Restriction, ...] = ()
    priority: int = 0


class OverrideAction(StrEnum):
    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A change of the rota from `start` until before `end` (aware UTC). `replaces` None: replaces everybody."""

    rotation: str
    action: OverrideAction
    start: datetime
    end: datetime
    person: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """From `start` until before `end` (aware UTC) the person is on call in no rotation."""

    person: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    id: str
    name: str
    team: str
    timezone: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """A rotation and all that changes it, in order: whatever decides who is on call."""

    rotation: Rotation
    overrides: tuple[Override, ...] = ()
    absences: tuple[Absence, ...] = ()

    @property
    def people(self) -> set[str]:
        """Everybody who is named in it."""
        turns = {person for layer in self.rotation.layers for turn in layer.participants for person in turn}
        changes = {person for o in self.overrides for person in (o.person, o.replaces) if person is not None}
        return turns | changes


class Duty(NamedTuple):
    """Why a person is on call: a turn of a layer, counted from 0, or an override (`layer` None) by its place."""

    person: str
    layer: str | None
    layer_index: int
    turn: int
    priority: int = 0

    @property
    def override(self) -> bool:
        return self.layer is None


class Span(NamedTuple):
    """A piece of time (aware UTC, `end` excluded) in which nothing about the rota changes; a gap without duties.

    `duties`: one for each person, in rota order. Beside them what people should hear about: `twice`, who was named
    more than once; `absent`, who would be on call but for an absence; `used`, the places of overrides that changed
    something.
    """

    start: datetime
    end: datetime
    duties: tuple[Duty, ...]
    twice: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    used: tuple[int, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(duty.person for duty in self.duties)


class Shift(NamedTuple):
    """One person on call from `start` until before `end` (aware UTC), within one turn or by one override."""

    duty: Duty
    start: datetime
    end: datetime

    @property
    def person(self) -> str:
        return self.duty.person


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Nobody is on call from `start` until before `end` (aware UTC)."""

    start: datetime
    end: datetime
