"""The JSON in which rotations, overrides and absences come in, checked field by field."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from itertools import accumulate
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.api.instants import FIRST_YEAR, LAST_YEAR
from config import zones
from config.fields import CLOCK, WALL
from model.rota import (
    MAX_LAYERS,
    MAX_PARTICIPANTS,
    MAX_PRIORITY,
    MAX_RESTRICTIONS,
    MAX_SHIFT_COUNT,
    MAX_TOGETHER,
    Absence,
    Layer,
    Override,
    OverrideAction,
    Restriction,
    Rota,
    Rotation,
    ShiftLength,
    ShiftUnit,
    Weekday,
)
from routing.turns import first_instant

MAX_CHANGES = 1000  # overrides, and absences, of one request
MAX_AT_ONCE = 50  # overrides in force at one instant


def _wrong(expected: str) -> PydanticCustomError:
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def _timezone(name: str) -> str:
    if (expected := zones.problem(name)) is not None:
        raise _wrong(f"expected {expected}")
    return name


def _wall(given: Any) -> datetime:
    found = _date_time(given, "a date and time without offset, such as 2026-01-05T09:00")
    if found.tzinfo is not None or not WALL.fullmatch(given):
        raise _wrong("expected a date and time without offset, such as 2026-01-05T09:00")
    return found


def _at(given: Any) -> datetime:
    """Naive where no offset is given: the wall clock of the rotation is meant."""
    expected = "a date and time such as 2026-01-05T15:00Z, or 2026-01-05T09:00 by the rotation's clock"
    found = _date_time(given, expected)
    if not FIRST_YEAR <= found.year < LAST_YEAR:
        raise _wrong(f"expected {expected}, from {FIRST_YEAR} until before {LAST_YEAR}")
    return found


def _date_time(given: Any, expected: str) -> datetime:
    try:
        if isinstance(given, str) and len(given) > len("2026-01-05"):
            return datetime.fromisoformat(given)
    except ValueError:
        pass
    raise _wrong(f"expected {expected}")


def _clock(given: Any) -> time:
    if not isinstance(given, str) or not CLOCK.fullmatch(given):
        raise _wrong("expected a time from 00:00 to 23:59")
    return time.fromisoformat(given)


def _together(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def _once(given: list[Any]) -> list[Any]:
    if len(set(given)) < len(given):
        raise _wrong("expected each only once")
    return given


Name = Annotated[str, Field(min_length=1, max_length=200)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_timezone)]
WallTime = Annotated[
    datetime, BeforeValidator(_wall), WithJsonSchema({"type": "string", "examples": ["2026-01-05T09:00"]})
]
At = Annotated[datetime, BeforeValidator(_at), WithJsonSchema({"type": "string", "examples": ["2026-01-05T15:00:00Z"]})]
Clock = Annotated[time, BeforeValidator(_clock), WithJsonSchema({"type": "string", "examples": ["22:00"]})]
_ids = {"type": "string", "minLength": 1, "maxLength": 200}
Turn = Annotated[
    list[Name],
    BeforeValidator(_together),
    Field(min_length=1, max_length=MAX_TOGETHER),
    AfterValidator(_once),
    WithJsonSchema({"anyOf": [_ids, {"type": "array", "items": _ids, "minItems": 1, "maxItems": MAX_TOGETHER}]}),
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShiftIn(_In):
    unit: ShiftUnit
    count: StrictInt = Field(1, ge=1, le=MAX_SHIFT_COUNT)


class RestrictionIn(_In):
    """Hours of a day; the next day's when `to` is not later than `from`. `days` are those on which they begin."""

    days: Annotated[list[Weekday], Field(min_length=1), AfterValidator(_once)] = list(Weekday)
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    def restriction(self) -> Restriction:
        return Restriction(days=tuple(d for d in Weekday if d in self.days), start=self.start, end=self.end)


class LayerIn(_In):
    name: Name
    participants: list[Turn] = Field(min_length=1, max_length=MAX_PARTICIPANTS)
    shift: ShiftIn
    starts_at: WallTime
    ends_at: WallTime | None = None
    restrictions: list[RestrictionIn] = Field([], max_length=MAX_RESTRICTIONS)
    priority: StrictInt = Field(0, ge=-MAX_PRIORITY, le=MAX_PRIORITY)

    @model_validator(mode="after")
    def _some_time(self) -> "LayerIn":
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            raise _wrong("expected ends_at later than starts_at")
        return self

    def layer(self) -> Layer:
        return Layer(
            name=self.name,
            participants=tuple(tuple(turn) for turn in self.participants),
            shift=ShiftLength(unit=self.shift.unit, count=self.shift.count),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            restrictions=tuple(r.restriction() for r in self.restrictions),
            priority=self.priority,
        )


class RotationIn(_In):
    """`id`, `name` and `team` may be there, as `GET /v1/rotations/{rotation_id}` gives them."""

    id: Name = "preview"
    name: Name = "preview"
    team: Name = "preview"
    timezone: Zone
    layers: list[LayerIn] = Field(max_length=MAX_LAYERS)

    def rotation(self) -> Rotation:
        layers = tuple(layer.layer() for layer in self.layers)
        return Rotation(id=self.id, name=self.name, team=self.team, timezone=self.timezone, layers=layers)


class IntervalIn(_In):
    """From then until before then: instants, or wall times by the rotation's clock."""

    start: At = Field(alias="from")
    end: At = Field(alias="to")

    def within(self, timezone: str) -> tuple[datetime, datetime]:
        return utc(self.start, timezone), utc(self.end, timezone)


class OverrideIn(IntervalIn):
    """`id` may be there, as `GET /v1/rotations/{rotation_id}` gives it."""

    id: Name | None = None
    action: OverrideAction
    person: Name
    replaces: Name | None = None

    @model_validator(mode="after")
    def _fitting(self) -> "OverrideIn":
        if self.replaces is not None and self.action is not OverrideAction.REPLACE:
            raise _wrong(f"replaces belongs to action replace, not {self.action}")
        return self


class AbsenceIn(IntervalIn):
    id: Name | None = None
    person: Name


class PreviewIn(IntervalIn):
    """A rotation and what changes it, and the window in which to look at it."""

    rotation: RotationIn
    overrides: list[OverrideIn] = Field([], max_length=MAX_CHANGES)
    absences: list[AbsenceIn] = Field([], max_length=MAX_CHANGES)

    def rota(self) -> Rota:
        """Raises nothing: `wrong_intervals` is asked first."""
        rotation, zone = self.rotation.rotation(), self.rotation.timezone
        return Rota(
            rotation=rotation,
            overrides=tuple(_override(o, rotation.id, zone) for o in self.overrides),
            absences=tuple(_absence(a, zone) for a in self.absences),
        )

    def wrong_intervals(self) -> list[str]:
        """The paths of those that end before they begin, or at once."""
        named: list[tuple[str, IntervalIn]] = [("body", self)]
        named += [(f"body.overrides.{n}", o) for n, o in enumerate(self.overrides)]
        named += [(f"body.absences.{n}", a) for n, a in enumerate(self.absences)]
        found = [(path, interval.within(self.rotation.timezone)) for path, interval in named]
        return [f"{path}.to" for path, (start, end) in found if start >= end]


def most_at_once(overrides: Sequence[Override]) -> int:
    """How many of them are in force at the instant at which most are."""
    ends = sorted([(o.start, 1) for o in overrides] + [(o.end, -1) for o in overrides])
    return max(accumulate((step for _, step in ends), initial=0))


def utc(at: datetime, timezone: str) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else first_instant(at, ZoneInfo(timezone))


def _override(given: OverrideIn, rotation: str, zone: str) -> Override:
    start, end = given.within(zone)
    return Override(
        rotation=rotation, action=given.action, start=start, end=end, person=given.person, replaces=given.replaces
    )


def _absence(given: AbsenceIn, zone: str) -> Absence:
    start, end = given.within(zone)
    return Absence(person=given.person, start=start, end=end)
