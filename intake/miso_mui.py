"""MISO's Market User Interface 2.0 (notifications 3.3.0): emergencies in free text, and reserve deployments.

Messages have no id: they are known by the SHA-256 of their identifying values. Step, zone, megawatts and whether it
is an order or a release stand in the text alone; what cannot be read there goes out as "needs a human reading". How
MISO takes anything but 200 is not public, so it always gets that.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import Field
from pydantic_core import PydanticCustomError

from intake import strict_json
from intake.amounts import megawatts
from intake.format import Format, Results, received
from intake.grid_text import EST, Said, read_text
from intake.instants import lenient
from intake.meaning import Notes
from intake.problem import NotReadable, not_readable, path, shown, validated
from intake.statement import HEADLINE_CHARS, NAME_CHARS, TEXT_CHARS, Part
from model.digest import sha256
from model.event import (
    MAY_BE_A_DRILL,
    NEEDS_READING,
    Action,
    Content,
    EndKind,
    Instruction,
    MessageType,
    Mode,
    Phase,
    ResourceRef,
    Severity,
    Zone,
)
from model.reading import Feed, Follows, Order, Reading, Unreadable

ISSUER = "MISO"
NODES = "MISO-EPNODE"
EMERGENCY_PRIORITY = 0
_CLOCK = "Etc/GMT+5"
_LISTS = ("messages", "crDeployments")


class Message(Part):
    """An emergency notification. Its times are read later: one that cannot be read costs that field only."""

    source: str = ""
    destination: str = ""
    priority: int | str | None = None
    text: str = Field(min_length=1)
    effective: Any = Field(None, alias="effectiveTime")
    termination: Any = Field(None, alias="terminationTime")

    @property
    def is_emergency(self) -> bool:
        return str(self.priority).strip() == str(EMERGENCY_PRIORITY)


class Deployment(Part):
    """A contingency reserve deployment: who, from when, how much."""

    node: str = Field(alias="pnodeName", min_length=1, max_length=NAME_CHARS)
    timestamp: Any = None
    mw: Any = None


def read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    """One result per message, in order. Raises NotReadable when there is none to be seen."""
    document = strict_json.parse(body)
    notification = document.value.get("notificationData") if isinstance(document.value, dict) else None
    if not isinstance(notification, dict):
        document.part(document.value)
        raise not_readable("notificationData", shown(document.value), "MISO's notification, an object")
    lists = [name for name in _LISTS if notification.get(name)]
    if len(lists) != 1 or not isinstance(notification[lists[0]], list):
        document.part(document.value)
        raise not_readable("notificationData", shown(notification), f"a list, one of {' or '.join(_LISTS)}")
    (name,) = lists
    test = document.value.get("test") if document.sound(document.value.get("test"), depth=1) else None
    found = strict_json.members(notification[name], f"notificationData.{name}")
    reading = _emergency if name == "messages" else _deployment
    return tuple(
        _one(document, member, path("notificationData", [name, index]), reading, test, feed)
        for index, member in enumerate(found)
    )


def _one(
    document: strict_json.Document, member: Any, where: str, reading: Any, test: Any, feed: Feed
) -> Reading | Unreadable:
    try:
        found: Reading = reading(document.part(member, where, depth=3), where, test, feed)
    except NotReadable as error:
        return Unreadable(problems=error.problems)
    return found


# --- emergencies ----------------------------------------------------------------------------------------------------


def _emergency(member: Any, where: str, test: Any, feed: Feed) -> Reading:
    message = validated(Message, member, where)
    said = read_text(message.text)
    notes = Notes(extra=_extra(message))
    mode, drill_doubt = _mode(test, said, notes)
    doubt = said.doubt or said.end_doubt or drill_doubt
    content = None if doubt else _understood(message, said, mode, notes)
    if content is None:
        content = _for_a_person(message, said, mode, doubt, notes)
    own_id = _own_id(*(member.get(name, "") for name in _IDENTITY))
    native_id = own_id if content.mode is Mode.ACTUAL else f"{own_id} {content.mode}"
    return Reading(
        event_id=None,
        revision=None,
        content=content,
        key=feed.source,
        native_id=native_id,
        warnings=tuple(notes.warnings),
        parsed=member,
        whole=notes.whole,
        own_digest=sha256([native_id]),
        follows=Follows(own_id=own_id, statements=(native_id,), alike=content.message_type.ends or _repeats(content)),
        order=Order.ARRIVAL,
    )


_IDENTITY = ("source", "destination", "priority", "text", "effectiveTime", "terminationTime")


def _own_id(*values: Any) -> str:
    """Made of the values as they were received, each on a line."""
    identity = "\n".join(str(value) for value in values)
    return "mui-" + hashlib.sha256(identity.encode()).hexdigest()[:16]


def _repeats(content: Content) -> bool:
    """The same order again may only move its times: placing compares everything else."""
    return content.instruction.action is not None and content.instruction.action.asks


def _extra(message: Message) -> dict[str, object]:
    return {"destination": message.destination, "priority": message.priority, **(message.model_extra or {})}


def _understood(message: Message, said: Said, mode: Mode, notes: Notes) -> Content | None:
    """What the text says, None when no declaration and no order is found in it."""
    asks = said.action is not None and said.action.asks
    phase = said.phase or (Phase.EVENT if asks else None)
    if phase is None:
        return None
    begins, ends = _times(message, said, notes)
    message_type = MessageType.TERMINATE if said.ends else MessageType.NEW
    action = Action.RELEASE if said.ends else said.action
    content = Content(
        message_type=message_type,
        mode=mode,
        issuer=notes.cut("issuer", message.source, NAME_CHARS) or ISSUER,
        program=said.program,
        phase=Phase.TERMINATION if said.ends else phase,
        phase_detail=said.detail,
        nerc_eea=said.eea,
        effective_at=begins,
        ends_at=begins if said.ends else ends,
        end_kind=EndKind.UNTIL_RELEASED if said.until_released or ends is None else EndKind.SCHEDULED,
        instruction=Instruction(
            action=action,
            target_mw=said.target_mw if action is None or action.asks else 0.0,
            target_kind=said.target_kind,
            mandatory=asks,
        ),
        zones=said.zones,
        resources=(ResourceRef(scheme=NODES, code=said.resource, target_mw=said.target_mw),) if said.resource else (),
        headline="-",
        text=notes.cut("text", message.text, TEXT_CHARS),
        source_timezone=_CLOCK,
        extra=notes.extra,
    )
    content = replace(content, severity=_severity(message, content))
    return replace(content, headline=_headline(content))


def _for_a_person(message: Message, said: Said, mode: Mode, doubt: str, notes: Notes) -> Content:
    """Nobody knows what it asks: it goes out with its text, so that somebody reads it in time."""
    why = doubt or "no declaration that is known stands in it"
    notes.warnings.append(f"the text needs a human reading: {why}")
    begins, ends = _times(message, said, notes)
    phase = said.phase or (Phase.EVENT if message.is_emergency else Phase.ALERT)
    severity = Severity.CRITICAL if _is_grave(message, phase, said.eea) else Severity.WARNING
    begins_with = " ".join(message.text.split())
    return Content(
        mode=mode,
        issuer=notes.cut("issuer", message.source, NAME_CHARS) or ISSUER,
        program=said.program,
        phase=phase,
        phase_detail=said.detail,
        nerc_eea=said.eea,
        severity=_by_mode(mode, severity),
        effective_at=begins,
        ends_at=ends,
        end_kind=EndKind.UNTIL_RELEASED,
        zones=said.zones,
        headline=f"Needs a human reading: {begins_with}"[:HEADLINE_CHARS],
        text=notes.cut("text", message.text, TEXT_CHARS),
        source_timezone=_CLOCK,
        extra=notes.extra | {NEEDS_READING: why},
    )


def _times(message: Message, said: Said, notes: Notes) -> tuple[datetime | None, datetime | None]:
    """Start and end: the fields', else the text's; by when to act is the text's, where it says so and is sooner."""
    begins = _instant("effectiveTime", message.effective, notes) or said.starts_at
    ends = _instant("terminationTime", message.termination, notes) or said.ends_at
    if said.due_at and begins and said.due_at != begins:
        notes.warnings.append(f"the text says no later than {said.due_at:%H:%M} UTC, effectiveTime {begins:%H:%M} UTC")
    starts = [at for at in (begins, said.due_at) if at]
    return min(starts, default=None), ends


def _instant(name: str, value: Any, notes: Notes) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        return lenient(value, EST)
    except PydanticCustomError as error:
        notes.warnings.append(f"{name} {shown(value)} is not used: expected {error.message()}")
        notes.extra[name] = value
        return None


def _mode(test: Any, said: Said, notes: Notes) -> tuple[Mode, str]:
    """The mode, and why a person must read whether it is a drill. `test` is a boolean or its word, else not given."""
    flag = {"true": True, "false": False}.get(test.strip().lower()) if isinstance(test, str) else test
    if not isinstance(flag, bool):
        notes.warnings.append(f"test {shown(test)} is neither true nor false, taken as false")
    if flag is True:
        return Mode.DRILL if said.names_drill else Mode.TEST, ""
    if flag is False and said.names_drill and _holds_something(said):
        return Mode.ACTUAL, f"{MAY_BE_A_DRILL}, and its source says that it is none"
    if said.drill:
        return Mode.DRILL, ""
    return Mode.ACTUAL, f"{MAY_BE_A_DRILL}, and may be none" if said.names_drill else ""


def _holds_something(said: Said) -> bool:
    """A declaration, an order, or what may be one."""
    return said.phase is not None or bool(said.doubt) or (said.action is not None and said.action.asks)


def _severity(message: Message, content: Content) -> Severity:
    if _is_grave(message, content.phase, content.nerc_eea):
        return _by_mode(content.mode, Severity.CRITICAL)
    warns = content.message_type.ends or content.phase in (Phase.WARNING, Phase.ALERT)
    return _by_mode(content.mode, Severity.WARNING if warns else Severity.NOTICE)


def _is_grave(message: Message, phase: Phase, eea: int | None) -> bool:
    return message.is_emergency or phase is Phase.EVENT or (eea or 0) >= 2


def _by_mode(mode: Mode, severity: Severity) -> Severity:
    return severity if mode is Mode.ACTUAL else Severity.INFO


def _headline(content: Content) -> str:
    """What a person must know, made of what was read."""
    return (_drill(content) + f"{content.issuer} {_what(content)}{_where(content.zones)}")[:HEADLINE_CHARS]


def _drill(content: Content) -> str:
    return "" if content.mode is Mode.ACTUAL else f"{content.mode.upper()} - "


def _what(content: Content) -> str:
    asked = content.instruction
    if content.message_type.ends:
        return (
            f"RELEASED: {content.phase_detail or content.program}, return to normal{_at(' from', content.effective_at)}"
        )
    if asked.action is not None and asked.action.asks:
        to = "to " if asked.target_kind == "absolute" else ""
        by = _at(" by", content.effective_at)
        return f"{content.program or content.phase_detail}: {_VERB[asked.action]} {to}{asked.target_mw:g} MW{by}"
    no_action = ", no action" if asked.action is Action.NONE else ""
    return f"{content.phase_detail}{_at(' from', content.effective_at)}{no_action}"


_VERB = {Action.REDUCE_LOAD: "cut", Action.INCREASE_GEN: "raise", Action.HOLD: "hold"}


def _at(word: str, at: datetime | None) -> str:
    return f"{word} {at.astimezone(EST):%H:%M} EST" if at else ""


def _where(zones: Sequence[Zone]) -> str:
    return f", zone {', '.join(zone.code for zone in zones)}" if zones else ""


# --- contingency reserve --------------------------------------------------------------------------------------------


def _deployment(member: Any, where: str, test: Any, feed: Feed) -> Reading:
    deployment = validated(Deployment, member, where)
    notes = Notes(extra=dict(deployment.model_extra or {}))
    mode, _ = _mode(test, Said(), notes)
    begins = _instant("timestamp", deployment.timestamp, notes)
    target = megawatts(deployment.mw)
    if target is None or target < 0:
        notes.warnings.append(f"mw {shown(deployment.mw)} is not used: expected megawatts")
        notes.extra["mw"], target = deployment.mw, None
    amount = f"{target:g} MW" if target is not None else "reserve"
    drill = "" if mode is Mode.ACTUAL else f"{mode.upper()} - "
    own_id = _own_id(deployment.node, deployment.timestamp, deployment.mw)
    content = Content(
        mode=mode,
        issuer=ISSUER,
        program="CONTINGENCY-RESERVE",
        phase=Phase.EVENT,
        phase_detail="Contingency reserve deployment",
        severity=_by_mode(mode, Severity.CRITICAL),
        effective_at=begins,
        instruction=Instruction(target_mw=target, mandatory=True),
        resources=(ResourceRef(scheme=NODES, code=deployment.node, target_mw=target),),
        headline=f"{drill}MISO contingency reserve: deploy {amount} at {deployment.node}"[:HEADLINE_CHARS],
        source_timezone=_CLOCK,
        extra=notes.extra,
    )
    return Reading(
        event_id=own_id,
        revision=None,
        content=content,
        key=own_id,
        native_id=own_id,
        warnings=tuple(notes.warnings),
        parsed=member,
        own_digest=sha256([own_id, mode]),
    )


FORMAT = Format(read=read, accepted=200, unreadable=200, answer=received)
