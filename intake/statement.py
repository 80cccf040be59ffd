"""The canonical event as it travels: the shape that is validated and published. What it means: meaning.py.

Words of an open vocabulary (mode, phase, severity, end_kind, clock_start) are any text here, because an unknown one
must not stop an event; the schema still lists the known ones, which is what a sender should use.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from intake.instants import Instant, OpenEnd
from model.event import ClockStart, EndKind, Mode, Phase, Severity

EVENT_ID_CHARS = 200
HEADLINE_CHARS = 100
TEXT_CHARS = 1027
NAME_CHARS = 200
PARTS = 5_000  # zones, resources or references of one event
REVISION_MAX = 2_147_483_647
TARGET_MW_MAX = 1_000_000
_ID_WORDS = f"1 to {EVENT_ID_CHARS} printable characters without a space at either end"


def is_identifier(value: object) -> bool:
    """1 to 200 printable characters without a space at either end."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= EVENT_ID_CHARS
        and value.isprintable()
        and value[0] != " " != value[-1]
    )


def _identifier(value: str) -> str:
    if not is_identifier(value):
        raise PydanticCustomError("identifier", _ID_WORDS)
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("said", "at least one character that is not a space")
    return value


def _words(kind: type[StrEnum]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [word.value for word in kind]})


def _up_to(chars: int) -> WithJsonSchema:
    """Published as a limit; what is longer is cut with a warning, not refused."""
    return WithJsonSchema({"type": "string", "maxLength": chars})


Identifier = Annotated[
    str, AfterValidator(_identifier), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": EVENT_ID_CHARS})
]
Name = Annotated[str, _up_to(NAME_CHARS)]
Code = Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]
Megawatts = Annotated[float, Field(ge=0, le=TARGET_MW_MAX)]
Headline = Annotated[
    str, AfterValidator(_said), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": HEADLINE_CHARS})
]


class Part(BaseModel):
    """Strict about types, open to fields nobody has thought of yet."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class ZonePart(Part):
    scheme: Code = Field(description="Whose numbering, e.g. MISO-LRZ")
    code: Code = Field(description="The area in it, e.g. 4")


class ResourcePart(Part):
    scheme: Code = Field(description="Whose naming, e.g. MISO-EPNODE")
    code: Code = Field(description="The site or asset in it")
    target_mw: Megawatts | None = Field(None, description="Its share in MW")


class InstructionPart(Part):
    action: Literal["reduce_load", "increase_gen", "hold", "release", "none", "informational"] | None = Field(
        None, description="What is asked; null: the resource register decides between load and generation"
    )
    target_mw: Megawatts | None = Field(None, description="How much, in MW; null: the contracted amount")
    target_kind: Literal["relative", "absolute"] | None = Field(
        None, description="By how much (relative, the default) or to what level (absolute)"
    )
    mandatory: bool | None = Field(None, description="False when absent")


class Statement(Part):
    """One statement about one grid event. Only event_id and headline are required; null is the same as absent."""

    model_config = ConfigDict(title="Gridcall event")

    event_id: Identifier = Field(description="Names the event; the same in all its revisions")
    headline: Headline = Field(description="What a person must know, readable alone")
    revision: Annotated[int, Field(ge=1, le=REVISION_MAX)] | None = Field(
        None, description="Grows with each statement about the event; null: not numbered"
    )
    sequence: Annotated[Any, WithJsonSchema({"type": "integer", "minimum": 0})] = Field(
        None, description="Number of this message among all of the source; another than the event's revision"
    )
    message_type: Literal["new", "update", "cancel", "terminate"] | None = Field(
        None, description="new when absent; cancel: before the start, terminate: after it"
    )
    mode: Annotated[str, _words(Mode)] | None = Field(None, description="actual when absent or unknown")
    issuer: Name | None = Field(None, description="Who says it, e.g. MISO")
    program: Name | None = Field(None, description="Under which program, e.g. EDR")
    phase: Annotated[str, _words(Phase)] | None = Field(
        None, description="When absent: termination for a terminate, event when an action is asked, else info"
    )
    phase_detail: Name | None = Field(None, description="The issuer's own words for the phase")
    nerc_eea: Annotated[int, Field(ge=0, le=3)] | None = Field(None, description="NERC energy emergency alert level")
    severity: Annotated[str, _words(Severity)] | None = Field(
        None, description="When absent: critical when an action is asked or the phase is event, else warning"
    )
    issued_at: Instant | None = Field(None, description="When the issuer said it")
    effective_at: Instant | None = Field(None, description="When what is asked must be done")
    ends_at: OpenEnd = Field(None, description="The end as planned; null: open")
    end_kind: Annotated[str, _words(EndKind)] | None = Field(
        None, description="until_released when absent; scheduled: ends_at itself ends the event"
    )
    ack_due_at: Instant | None = Field(None, description="When somebody must have accepted at the latest")
    clock_start: Annotated[str, _words(ClockStart)] | None = Field(
        None, description="From when the time to comply counts; issued when absent"
    )
    instruction: InstructionPart | None = Field(None, description="What is asked")
    zones: list[ZonePart] | None = Field(None, max_length=PARTS, description="The areas concerned")
    resources: list[ResourcePart] | None = Field(None, max_length=PARTS, description="The sites or assets concerned")
    references: list[str] | None = Field(None, max_length=PARTS, description="Ids of the statements this one replaces")
    text: Annotated[str, _up_to(TEXT_CHARS)] | None = Field(None, description="Everything else that should be read")
    contact: Name | None = Field(None, description="Whom to ask")
    source_timezone: Name | None = Field(None, description="The issuer's clock as an IANA name, e.g. Etc/GMT+5 for EST")
