"""OpenADR 3.0 and 3.1: a server's notifications of its events, and events as they are written to a server.

Power comes in kW. There is no status for a cancel: the event is deleted (the notification still carries the old object,
whose order nobody must hear again), or gets a duration of zero. There is no revision: the time of modification orders.
A server stops sending to an address that refuses, so it always gets 200; before it sends at all, it asks for an echo.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field
from pydantic_core import PydanticCustomError

from intake import strict_json
from intake.amounts import megawatts
from intake.format import Format, Results, received
from intake.instants import lenient
from intake.meaning import Notes
from intake.problem import not_readable, shown, validated
from intake.statement import HEADLINE_CHARS, NAME_CHARS, PARTS, TEXT_CHARS, Code, Identifier, Part
from model.digest import sha256
from model.event import (
    CHANGES_LATER,
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
    TargetKind,
)
from model.reading import Feed, Follows, Named, Order, Reading

RESOURCES = "OPENADR"
# 3.1's words, and the HTTP verbs of 3.0.
_OPERATIONS = {
    "CREATE": MessageType.NEW,
    "POST": MessageType.NEW,
    "READ": MessageType.UPDATE,
    "GET": MessageType.UPDATE,
    "UPDATE": MessageType.UPDATE,
    "PUT": MessageType.UPDATE,
    "PATCH": MessageType.UPDATE,
    "DELETE": MessageType.TERMINATE,
}
_NOW = "0001-"  # a start in the year 1 is now
_DURATION = re.compile(
    r"P(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,4})M)?(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,9})(?:\.\d{1,9})?S)?)?",
    re.ASCII,
)
_OPEN_YEARS = 1000  # P9999Y: no end
_ALERTS = {
    "ALERT_GRID_EMERGENCY": Phase.EVENT,
    "ALERT_BLACK_START": Phase.EVENT,
    "ALERT_POSSIBLE_OUTAGE": Phase.WARNING,
    "ALERT_FLEX_ALERT": Phase.ADVISORY,
    "ALERT_OTHER": Phase.ALERT,
}
_POWER = ("DISPATCH_SETPOINT_RELATIVE", "DISPATCH_SETPOINT", "IMPORT_CAPACITY_LIMIT")
# What tells of prices, rights and emissions and orders nothing. What nobody knows may be an order.
_RIGHTS = ("SUBSCRIPTION", "RESERVATION", "RESERVATION_FEE", "AVAILABLE", "AVAILABLE_PRICE")
_NO_ORDERS = frozenset({"PRICE", "EXPORT_PRICE", "GHG", "CURVE", "OLS"}).union(
    f"{way}_CAPACITY_{right}" for way in ("IMPORT", "EXPORT") for right in _RIGHTS
)
INTERVALS = 2_500  # a week of five minutes
DOUBT_CHARS = 40  # of an order that nobody can read, in the headline


class Period(Part):
    start: Any = None
    duration: Any = None


_NO_PERIOD = Period()


class Payload(Part):
    type: Code
    values: list[Any] = Field(default_factory=list)


class Interval(Part):
    payloads: list[Payload] = Field(default_factory=list)
    period: Period | None = Field(None, alias="intervalPeriod")


class Descriptor(Part):
    payload_type: str | None = Field(None, alias="payloadType")
    units: str | None = None


class Object(Part):
    """An event as 3.0 and 3.1 write it. What can be read later, and costs that field only, is anything here."""

    id: Identifier | None = None
    program: Code = Field(alias="programID")
    name: str | None = Field(None, alias="eventName")
    created: Any = Field(None, alias="createdDateTime")
    modified: Any = Field(None, alias="modificationDateTime")
    duration: Any = None
    priority: Any = None
    targets: Annotated[list[Any], Field(max_length=PARTS)] | None = None
    period: Period | None = Field(None, alias="intervalPeriod")
    intervals: Annotated[list[Interval], Field(max_length=INTERVALS)] = Field(default_factory=list)
    descriptors: list[Descriptor] | None = Field(None, alias="payloadDescriptors")


def read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    """One result: a notification or an event. Raises NotReadable."""
    document = strict_json.parse(body)
    said = document.part(document.value)
    if not isinstance(said, dict):
        raise not_readable("", shown(said), "OpenADR's notification, an object")
    if "operation" not in said and "programID" in said:
        return (_reading(validated(Object, said, ""), said, MessageType.NEW, feed, received_at),)
    kind = said.get("objectType", said.get("object_type"))  # as some libraries write it, after the binding to MQTT
    if kind != "EVENT":
        raise not_readable("objectType", "nothing" if kind is None else shown(kind), '"EVENT": subscribe to no others')
    operation = said.get("operation")
    message_type = _OPERATIONS.get(operation.upper()) if isinstance(operation, str) else None
    if message_type is None:
        raise not_readable("operation", shown(operation), f"one of {', '.join(_OPERATIONS)}")
    return (_reading(validated(Object, said.get("object"), "object"), said, message_type, feed, received_at),)


def _reading(event: Object, said: Any, message_type: MessageType, feed: Feed, received_at: datetime) -> Reading:
    notes = Notes(extra=dict(event.model_extra or {}))
    content = _content(event, feed, received_at, notes)
    deleted = message_type is MessageType.TERMINATE
    over = deleted or _is_empty(event)
    content = _over(content, received_at) if over else replace(content, message_type=message_type)
    if over:  # what the object says is still the order
        extra = {name: value for name, value in content.extra.items() if name not in (NEEDS_READING, CHANGES_LATER)}
        headline = f"RELEASED: {event.name or event.id}"[:HEADLINE_CHARS]
        content = replace(content, text="", headline=headline, extra=extra)
    if deleted:  # its time is that of its last change
        content = replace(content, issued_at=None)
    digest = sha256([over, said.get("object", said)])
    return Reading(
        event_id=event.id,
        revision=None,
        content=content,
        key=event.id or feed.source,
        native_id=None if event.id else digest,
        warnings=tuple(notes.warnings),
        parsed=said,
        whole=notes.whole,
        own_digest=digest,
        follows=None if event.id else Follows(own_id=f"openadr-{digest[:16]}", statements=(digest,)),
        order=Order.ISSUED,
    )


def _content(event: Object, feed: Feed, received_at: datetime, notes: Notes) -> Content:
    known = feed.names.programs.get(event.program, Named())
    zone = ZoneInfo(feed.timezone)
    spans = _spans(event, zone, received_at, notes)
    units = {d.payload_type: d.units for d in reversed(event.descriptors or ()) if d.payload_type and d.units}
    told = _told(spans, units)
    starts_at, ends_at = told.starts_at or spans[0].starts_at, _ends_at(event, spans, told, notes)
    instruction = _instruction(told.interval, units, notes)
    if later := _later(spans[told.number - 1 :], ends_at, zone):
        notes.extra[CHANGES_LATER] = later
    doubt = notes.extra.get(NEEDS_READING)
    words = [str(value) for p in told.interval.payloads if p.type in _ALERTS for value in p.values]
    asks = instruction.action is not None and instruction.action.asks
    orders = instruction.target_mw is not None and instruction.action is not Action.INFORMATIONAL  # not a price alone
    phase = Phase.EVENT if asks or doubt or orders else _phase(event)
    headline = next(
        (said for said in (*words, event.name) if said and said.strip()), f"OpenADR event of {event.program}"
    )
    if doubt:  # people hear the headline and nothing else
        period = f"{_at(' from', starts_at, zone)}{_at(' until', ends_at, zone)}"
        headline = f"Needs a human reading: {doubt}{period}: {headline}"[:HEADLINE_CHARS]
    targets = list(_targets(event))
    areas = feed.names.targets
    return Content(
        mode=known.mode,
        issuer=known.issuer,
        program=known.program or event.program,
        phase=phase,
        severity=_severity(event, phase, known.mode),
        issued_at=_time("modificationDateTime", event.modified, zone, notes)
        or _time("createdDateTime", event.created, zone, notes),
        effective_at=starts_at,
        ends_at=ends_at,
        end_kind=EndKind.SCHEDULED if ends_at else EndKind.UNTIL_RELEASED,
        instruction=instruction,
        zones=tuple(areas[target] for target in targets if target in areas),
        resources=tuple(ResourceRef(scheme=RESOURCES, code=target) for target in targets if target not in areas),
        headline=notes.cut("headline", headline, HEADLINE_CHARS),
        text=notes.cut("text", "\n".join((*words, *_others(spans, None if doubt else told, zone))), TEXT_CHARS),
        source_timezone=feed.timezone if feed.timezone != "UTC" else None,
        extra=notes.extra,
    )


def _over(content: Content, received_at: datetime) -> Content:
    """Before its start it is cancelled, after it released, as of now."""
    if content.effective_at is not None and content.effective_at > received_at:
        nothing = Instruction(action=Action.NONE, target_mw=0.0)
        return replace(content, message_type=MessageType.CANCEL, instruction=nothing)
    return replace(
        content,
        message_type=MessageType.TERMINATE,
        phase=Phase.TERMINATION,
        effective_at=received_at,
        ends_at=received_at,
        instruction=Instruction(action=Action.RELEASE, target_mw=0.0),
    )


# --- times ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """An interval and when it is; `ends_at` None: it is open, or nobody knows."""

    number: int
    interval: Interval
    starts_at: datetime | None
    ends_at: datetime | None


def _spans(event: Object, zone: tzinfo, received_at: datetime, notes: Notes) -> Sequence[Span]:
    """At least one: each by its own period, else as long as the event's period says, one after the other."""
    default = event.period or _NO_PERIOD
    length = _length(default.duration, notes)
    found: list[Span] = []
    at = _start(default.start, zone, received_at, notes)
    for number, interval in enumerate(event.intervals or (Interval(intervalPeriod=None),), start=1):
        own = interval.period or _NO_PERIOD
        follows = found and _is_now(own.start)  # several that all begin now come one after the other
        starts_at = at if follows else _start(own.start, zone, received_at, notes) or at
        at = _after(starts_at, length if own.duration is None else _length(own.duration, notes))
        found.append(Span(number, interval, starts_at, at))
    return found


def _ends_at(event: Object, spans: Sequence[Span], told: Span, notes: Notes) -> datetime | None:
    """As the event says for itself, else when the last of its intervals is over; None where one of them is open.

    What the event says does not count where what people are told would be over before it begins.
    """
    if event.duration is not None and not _is_zero(event.duration):
        stated = _after(spans[0].starts_at, _length(event.duration, notes))
        if stated is None or told.starts_at is None or told.starts_at < stated:
            return stated
    ends = [span.ends_at for span in spans if span.ends_at is not None]
    return max(ends) if len(ends) == len(spans) else None


def _is_empty(event: Object) -> bool:
    """How an event is cancelled that stays on the server: it lasts no time, or begins in the year 1 and says so."""
    period = event.period or _NO_PERIOD
    whole = [event.duration, period.duration]
    if _is_now(period.start) and any(_is_zero(written) for written in whole):
        return True
    given = [*whole, *(interval.period.duration for interval in event.intervals if interval.period)]
    written = [duration for duration in given if duration is not None]
    return bool(written) and all(map(_is_zero, written))


def _is_zero(written: Any) -> bool:
    return _duration(written) == timedelta(0)


def _is_now(start: Any) -> bool:
    return isinstance(start, str) and start.startswith(_NOW)


def _start(written: Any, zone: tzinfo, received_at: datetime, notes: Notes) -> datetime | None:
    return received_at if _is_now(written) else _time("start", written, zone, notes)


def _length(written: Any, notes: Notes) -> timedelta | None:
    duration = _duration(written)
    if written is not None and duration is None and not _is_open(written):
        notes.warn(f"duration {shown(written)} is not used: expected e.g. PT4H")
    return duration


def _after(starts_at: datetime | None, length: timedelta | None) -> datetime | None:
    try:
        return starts_at + length if starts_at and length is not None else None
    except OverflowError:
        return None


def _is_open(written: Any) -> bool:
    match = _DURATION.fullmatch(written) if isinstance(written, str) else None
    return match is not None and int(match["years"] or 0) >= _OPEN_YEARS


def _duration(written: Any) -> timedelta | None:
    """ISO 8601 without years and months, which have no length of their own; None for anything else."""
    match = _DURATION.fullmatch(written) if isinstance(written, str) else None
    parts = {name: int(number) for name, number in match.groupdict().items() if number} if match else {}
    if not parts or parts.get("years") or parts.get("months"):
        return None
    return timedelta(**{name: number for name, number in parts.items() if name not in ("years", "months")})


def _time(name: str, written: Any, zone: tzinfo, notes: Notes) -> datetime | None:
    if written is None:
        return None
    try:
        return lenient(written, zone)
    except PydanticCustomError as error:
        notes.warn(f"{name} {shown(written)} is not used: expected {error.message()}")
        return None


# --- what is asked, and of whom -------------------------------------------------------------------------------------


def _told(spans: Sequence[Span], units: Mapping[str, str]) -> Span:
    """The first that asks for something, else the first that alerts, else the first."""
    asking = (span for span in spans if span.interval.payloads and not _is_idle(span.interval, units))
    alerting = (span for span in spans if any(p.type in _ALERTS for p in span.interval.payloads))
    return next(asking, None) or next(alerting, spans[0])


def _is_idle(interval: Interval, units: Mapping[str, str]) -> bool:
    return _instruction(interval, units, Notes()).action in (Action.NONE, Action.INFORMATIONAL)


def _phase(event: Object) -> Phase:
    """Of the first alert."""
    types = (payload.type for interval in event.intervals for payload in interval.payloads)
    return next((_ALERTS[name] for name in types if name in _ALERTS), Phase.INFO)


def _instruction(interval: Interval, units: Mapping[str, str], notes: Notes) -> Instruction:
    found = {payload.type: payload for payload in interval.payloads}
    for kind in _POWER:
        if kind in found:
            return _power(found[kind], units.get(kind, "KW"), notes)
    if "SIMPLE" in found:
        level = next(iter(found["SIMPLE"].values), None)
        if level in (0, "0", 0.0):
            return Instruction(action=Action.NONE, target_mw=0.0)
        notes.extra["simple_level"] = level
        return Instruction(action=Action.REDUCE_LOAD)
    words = found.get("DISPATCH_INSTRUCTION")
    if words is not None:
        notes.extra["dispatch_instruction"] = words.values
        return _unread(_as_written(words), notes)
    if unknown := next((p for p in interval.payloads if p.type not in _NO_ORDERS and p.type not in _ALERTS), None):
        return _unread(_as_written(unknown), notes)
    return Instruction(action=Action.INFORMATIONAL, target_mw=0.0) if found else Instruction()


def _power(payload: Payload, unit: str, notes: Notes) -> Instruction:
    """Less than now is a reduction, a level the level that it is. We have no word for an order to consume more."""
    value = next(iter(payload.values), None)
    amount = megawatts(value, unit)
    if amount is None:
        notes.warnings.append(f"{payload.type} {shown(value)} {unit} is not used: expected an amount of power")
        return _unread(f"{payload.type} {shown(value)} {unit}"[:DOUBT_CHARS], notes)
    if payload.type == "DISPATCH_SETPOINT_RELATIVE":
        if amount > 0:
            return _unread(f"consume {amount:g} MW more", notes)
        return Instruction(action=Action.REDUCE_LOAD if amount else Action.NONE, target_mw=abs(amount))
    if amount < 0:
        notes.warnings.append(f"{payload.type} {shown(value)} is not used: expected a level from 0")
        return _unread(f"{payload.type} {amount:g} MW", notes)
    limits = payload.type == "IMPORT_CAPACITY_LIMIT"
    action = Action.REDUCE_LOAD if limits else None
    return Instruction(action=action, target_mw=amount, target_kind=TargetKind.ABSOLUTE)


def _as_written(payload: Payload) -> str:
    return f"{payload.type} {' '.join(map(str, payload.values))}"[:DOUBT_CHARS]


def _unread(why: str, notes: Notes) -> Instruction:
    """An order that is no order in megawatts of ours: a person must read it."""
    notes.extra[NEEDS_READING] = why
    return Instruction()


def _later(spans: Sequence[Span], ends_at: datetime | None, zone: tzinfo) -> str:
    """What becomes of the first one's order: another one, or a while without. "" where it stays until the end."""
    changed = (b for a, b in pairwise(spans) if _telling(a.interval) != _telling(b.interval) or _paused(a, b))
    within = (span for span in changed if ends_at is None or span.starts_at is None or span.starts_at < ends_at)
    return "\n".join(_line(span, zone) for span in within)[:TEXT_CHARS]


def _telling(interval: Interval) -> list[tuple[str, list[Any]]]:
    return [(payload.type, payload.values) for payload in interval.payloads if payload.type not in _NO_ORDERS]


def _paused(before: Span, after: Span) -> bool:
    return before.ends_at is not None and before.ends_at != after.starts_at


def _others(spans: Sequence[Span], told: Span | None, zone: tzinfo) -> Iterator[str]:
    """What the intervals say that people do not hear of, without those that say the same as the one before."""
    before: Span | None = None
    for span in spans:
        new = before is None or span.interval.payloads != before.interval.payloads or _paused(before, span)
        if span is not told and new:
            yield _line(span, zone)
        before = span


def _line(span: Span, zone: tzinfo) -> str:
    said = ", ".join(f"{p.type} {' '.join(map(str, p.values))}" for p in span.interval.payloads)
    return f"Interval {span.number}{_at(',', span.starts_at, zone)}: {said}"


def _at(word: str, at: datetime | None, zone: tzinfo) -> str:
    return f"{word} {at.astimezone(zone):%a %H:%M %Z}" if at else ""


def _targets(event: Object) -> Iterator[str]:
    """Words in 3.1; in 3.0 objects with a type and values."""
    for target in event.targets or ():
        values = target.get("values") if isinstance(target, dict) else [target]
        for value in values if isinstance(values, list) else ():
            if isinstance(value, str) and value:
                yield value[:NAME_CHARS]


def _severity(event: Object, phase: Phase, mode: Mode) -> Severity:
    """Only 0, the highest, has a meaning that all servers share; a dispatch without a priority is as urgent."""
    if mode is not Mode.ACTUAL:
        return Severity.INFO
    if event.priority == 0 or (event.priority is None and phase is Phase.EVENT):
        return Severity.CRITICAL
    return Severity.WARNING if phase in (Phase.EVENT, Phase.WARNING, Phase.ALERT) else Severity.NOTICE


FORMAT = Format(read=read, accepted=200, unreadable=200, answer=received)
