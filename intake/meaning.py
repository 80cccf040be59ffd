"""What a canonical statement means: defaults, unknown words, lengths."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from intake.problem import shown, validated
from intake.statement import HEADLINE_CHARS, NAME_CHARS, TEXT_CHARS, Part, Statement
from model.event import (
    Action,
    ClockStart,
    Content,
    EndKind,
    Instruction,
    MessageType,
    Mode,
    Phase,
    ResourceRef,
    Severity,
    TargetKind,
    Zone,
)
from model.reading import Reading

WARNINGS = 20
W = TypeVar("W", bound=StrEnum)


@dataclass(slots=True)
class Notes:
    """What is worth keeping beside the content: warnings for the sender, fields we do not know, texts we cut."""

    warnings: list[str] = field(default_factory=list)
    extra: dict[str, object] = field(default_factory=dict)
    whole: dict[str, str] = field(default_factory=dict)

    def warn(self, warning: str) -> None:
        """Once, however often it holds; no more than is read."""
        if len(self.warnings) < WARNINGS and warning not in self.warnings:
            self.warnings.append(warning)

    def word(self, name: str, said: str | None, kind: type[W], default: W) -> W:
        """`said` as one of the words of `kind`; an unknown word is kept in extra and read as the default."""
        if said is None:
            return default
        try:
            return kind(said)
        except ValueError:
            self.warnings.append(f"{name} {shown(said)} is unknown, taken as {default}")
            self.extra[name] = said
            return default

    def cut(self, name: str, said: str | None, chars: int) -> str:
        if said is None or len(said) <= chars:
            return said or ""
        self.warnings.append(f"{name} has {len(said)} characters, cut at {chars}")
        self.whole[name] = said
        return said[:chars].rstrip()

    def keep(self, name: str, part: Part) -> None:
        """The fields of `part` that we do not know."""
        if part.model_extra:
            self.extra[name] = part.model_extra


def reading_of(
    data: Any, where: str, *, parsed: Any = None, native_id: str | None = None, ce_source: str | None = None
) -> Reading:
    """The Reading of one canonical event `data`. Raises NotReadable with paths below `where`."""
    statement = validated(Statement, data, where)
    notes = Notes(extra=dict(statement.model_extra or ()))
    content = content_of(statement, notes)
    if content.ends_at is None and data.get("ends_at") is not None:
        notes.warnings.append(f"ends_at {shown(data['ends_at'])} is read as no end")
    return Reading(
        event_id=statement.event_id,
        revision=statement.revision,
        content=content,
        key=statement.event_id,
        native_id=native_id,
        ce_source=ce_source,
        warnings=tuple(notes.warnings),
        parsed=data if parsed is None else parsed,
        whole=notes.whole,
    )


def content_of(said: Statement, notes: Notes) -> Content:
    """`said` with every default taken. Adds to `notes`."""
    message_type = MessageType(said.message_type or MessageType.NEW)
    instruction = _instruction(said, message_type, notes)
    asks = instruction.action is not None and instruction.action.asks
    phase = _phase(said, message_type, asks, notes)
    severe = Severity.CRITICAL if asks or phase is Phase.EVENT else Severity.WARNING
    return Content(
        message_type=message_type,
        mode=notes.word("mode", said.mode, Mode, Mode.ACTUAL),
        issuer=notes.cut("issuer", said.issuer, NAME_CHARS),
        program=notes.cut("program", said.program, NAME_CHARS),
        phase=phase,
        phase_detail=_phase_detail(said, notes),
        nerc_eea=said.nerc_eea,
        severity=notes.word("severity", said.severity, Severity, severe),
        issued_at=said.issued_at,
        effective_at=said.effective_at,
        ends_at=_ends_at(said, notes),
        end_kind=notes.word("end_kind", said.end_kind, EndKind, EndKind.UNTIL_RELEASED),
        ack_due_at=said.ack_due_at,
        clock_start=notes.word("clock_start", said.clock_start, ClockStart, ClockStart.ISSUED),
        instruction=instruction,
        zones=_zones(said, notes),
        resources=_resources(said, notes),
        references=tuple(said.references or ()),
        headline=notes.cut("headline", said.headline, HEADLINE_CHARS),
        text=notes.cut("text", said.text, TEXT_CHARS),
        contact=notes.cut("contact", said.contact, NAME_CHARS),
        source_timezone=_timezone(said.source_timezone, notes),
        extra=notes.extra,
    )


def _instruction(said: Statement, message_type: MessageType, notes: Notes) -> Instruction:
    part = said.instruction
    stated = Action(part.action) if part and part.action else None
    action = _action(stated, message_type, notes)
    if part is None:
        return Instruction(action=action, target_mw=_target_mw(action, None))
    notes.keep("instruction", part)
    return Instruction(
        action=action,
        target_mw=_target_mw(action, part.target_mw),
        target_kind=TargetKind(part.target_kind or TargetKind.RELATIVE),
        mandatory=bool(part.mandatory),
    )


def _action(stated: Action | None, message_type: MessageType, notes: Notes) -> Action | None:
    """What ends an event asks for nothing, even when it still carries the old instruction."""
    if not message_type.ends or (stated and not stated.asks):
        return stated
    ending = Action.RELEASE if message_type is MessageType.TERMINATE else Action.NONE
    if stated:
        notes.warnings.append(f"a {message_type} that says {stated} is read as {ending}")
    return ending


def _target_mw(action: Action | None, stated: float | None) -> float | None:
    return stated if action is None or action.asks else 0.0


def _phase(said: Statement, message_type: MessageType, asks: bool, notes: Notes) -> Phase:
    if message_type is MessageType.TERMINATE:
        return notes.word("phase", said.phase, Phase, Phase.TERMINATION)
    default = Phase.EVENT if asks else Phase.INFO
    if said.phase is None and default is Phase.INFO:
        notes.warnings.append("phase is not given and nothing is asked, taken as info")
    return notes.word("phase", said.phase, Phase, default)


def _phase_detail(said: Statement, notes: Notes) -> str:
    """The issuer's words; an unknown phase is the next best. Comes after `_phase`."""
    unknown = said.phase if "phase" in notes.extra else None
    return notes.cut("phase_detail", said.phase_detail or unknown, NAME_CHARS)


def _ends_at(said: Statement, notes: Notes) -> Any:
    if said.ends_at and said.effective_at and said.ends_at < said.effective_at:
        notes.warnings.append("ends_at is before effective_at")
    return said.ends_at


def _zones(said: Statement, notes: Notes) -> tuple[Zone, ...]:
    for index, part in enumerate(said.zones or ()):
        notes.keep(f"zones[{index}]", part)
    return tuple(Zone(scheme=part.scheme, code=part.code) for part in said.zones or ())


def _resources(said: Statement, notes: Notes) -> tuple[ResourceRef, ...]:
    for index, part in enumerate(said.resources or ()):
        notes.keep(f"resources[{index}]", part)
    return tuple(ResourceRef(scheme=p.scheme, code=p.code, target_mw=p.target_mw) for p in said.resources or ())


def _timezone(name: str | None, notes: Notes) -> str | None:
    if name is None or _is_timezone(name):
        return name
    notes.warnings.append(f"source_timezone {shown(name)} is no IANA timezone and is not used")
    notes.extra["source_timezone"] = name
    return None


@lru_cache(maxsize=256)
def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
