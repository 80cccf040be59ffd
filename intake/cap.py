"""CAP 1.2, the Common Alerting Protocol: a chain of messages that refer to the ones before.

https://docs.oasis-open.org/emergency/cap/v1.2/CAP-v1.2.html. The chain is the event, its first message gives the id.
Three times are told apart: sent (issued), onset (when it must be done) and expires. What CAP has no field for
(megawatts, EEA level) comes as a parameter or stands in the text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TypeVar
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from intake import strict_xml
from intake.amounts import megawatts, number
from intake.format import Format, Results
from intake.grid_text import Said, read_text
from intake.instants import lenient
from intake.meaning import Notes
from intake.problem import not_readable, shown
from intake.statement import HEADLINE_CHARS, NAME_CHARS, TEXT_CHARS, is_identifier
from model.digest import sha256
from model.event import (
    NEEDS_READING,
    Action,
    Content,
    EndKind,
    Instruction,
    MessageType,
    Mode,
    Phase,
    Severity,
    TargetKind,
    Zone,
)
from model.reading import Feed, Follows, Named, Order, Reading

NAMESPACE = re.compile(r"\{urn:oasis:names:tc:emergency:cap:1\.[0-2]\}alert")
MEDIA_TYPE = "application/cap+xml"
REFERENCES = 500

T = TypeVar("T")

_TYPES = {"Alert": MessageType.NEW, "Update": MessageType.UPDATE, "Cancel": MessageType.CANCEL}
_MODES = {
    "Actual": Mode.ACTUAL,
    "Exercise": Mode.DRILL,
    "System": Mode.TEST,
    "Test": Mode.TEST,
    "Draft": Mode.TEST,
}
_PHASES = {"Immediate": Phase.EVENT, "Expected": Phase.WARNING, "Future": Phase.ADVISORY}
_SEVERITIES = {
    "Extreme": Severity.CRITICAL,
    "Severe": Severity.CRITICAL,
    "Moderate": Severity.WARNING,
    "Minor": Severity.NOTICE,
}
_SHELTERING = ("Shelter", "Evacuate", "Avoid")  # something is asked, of the public: nobody can say it in megawatts
_NO_ACTION = ("None", "AllClear")  # the others (Monitor, Assess, Prepare) inform


def read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    """One result: a CAP message is one statement. Raises NotReadable."""
    root = strict_xml.parse(body)
    if not NAMESPACE.fullmatch(root.tag):
        raise not_readable("", shown(root.tag), "an alert of CAP 1.2")
    return (_reading(_Alert(root, feed)),)


class _Alert:
    """The message with the one info block that is read: English where there is a choice."""

    def __init__(self, root: Element, feed: Feed) -> None:
        self._prefix = root.tag.removesuffix("alert")
        self.root = root
        self.feed = feed
        infos = list(self.all(root, "info"))
        english = [info for info in infos if self.text(info, "language").lower().startswith("en")]
        self.info: Element | None = next(iter(english or infos), None)
        self.left_out = max(0, len(infos) - 1)

    def all(self, element: Element, name: str) -> Iterator[Element]:
        return element.iterfind(self._prefix + name)

    def text(self, element: Element | None, name: str) -> str:
        found = None if element is None else element.find(self._prefix + name)
        return (found.text or "").strip() if found is not None else ""

    def said(self, name: str) -> str:
        """Of the info block."""
        return self.text(self.info, name)

    def named(self, element: Element | None, name: str) -> Iterator[tuple[str, str]]:
        """Its `name` elements, each a valueName with a value."""
        for found in () if element is None else self.all(element, name):
            yield self.text(found, "valueName"), self.text(found, "value")

    @property
    def zones(self) -> Iterator[Zone]:
        for area in () if self.info is None else self.all(self.info, "area"):
            for scheme, code in self.named(area, "geocode"):
                if scheme and code:
                    yield Zone(scheme=scheme[:NAME_CHARS], code=code[:NAME_CHARS])


def _reading(alert: _Alert) -> Reading:
    identifier, sender = alert.text(alert.root, "identifier"), alert.text(alert.root, "sender")
    if not is_identifier(identifier):
        raise not_readable("identifier", shown(identifier), "1 to 200 printable characters")
    message_type = _word(alert, "msgType", _TYPES)
    parsed = strict_xml.as_json(alert.root)
    notes = Notes()
    content = _content(alert, message_type, notes)
    references = tuple(_references(alert))
    native_id = f"{sender},{identifier}"
    return Reading(
        event_id=None,
        revision=None,
        content=replace(content, references=tuple(name for _, name in references)),
        key=alert.feed.source,  # whichever message of the chain comes first
        native_id=native_id,
        warnings=tuple(notes.warnings),
        parsed=parsed,
        whole=notes.whole,
        own_digest=sha256(parsed),
        follows=_follows(identifier, native_id, references),
        order=Order.ISSUED,
    )


def _follows(identifier: str, native_id: str, references: tuple[tuple[str, str], ...]) -> Follows:
    """The event of any message that is named; none is known: the oldest that is named began the chain."""
    statements = (native_id, *(",".join(names) for names in references))
    return Follows(own_id=references[0][1] if references else identifier, statements=statements)


def _references(alert: _Alert) -> Iterator[tuple[str, str]]:
    """Sender and identifier of the messages before, the oldest first. Each is written sender,identifier,sent."""
    triples = [one.split(",") for one in alert.text(alert.root, "references").split(None, REFERENCES)[:REFERENCES]]
    for triple in sorted((t for t in triples if len(t) == 3), key=lambda triple: triple[2]):
        if is_identifier(triple[1]):
            yield triple[0], triple[1]


def _content(alert: _Alert, message_type: MessageType, notes: Notes) -> Content:
    mode, over = _word(alert, "status", _MODES), message_type is MessageType.CANCEL
    known = alert.feed.names.senders.get(alert.text(alert.root, "sender"), Named())
    parameters = dict(alert.named(alert.info, "parameter"))
    text = "\n".join(words for words in (alert.said("description"), alert.said("instruction")) if words)
    said = read_text(f"{alert.said('headline')}. {text}")
    issued_at = _time(alert, alert.root, "sent", notes)
    starts_at = _time(alert, alert.info, "onset", notes) or _time(alert, alert.info, "effective", notes) or issued_at
    ends_at = _time(alert, alert.info, "expires", notes)
    headline = alert.said("headline") or alert.said("event") or alert.said("description")
    content = Content(
        message_type=message_type,
        mode=known.mode if mode is Mode.ACTUAL else mode,
        issuer=known.issuer or notes.cut("issuer", alert.said("senderName") or alert.text(alert.root, "sender"), 200),
        program=known.program,
        phase=_phase(alert),
        phase_detail=notes.cut("phase_detail", alert.said("event"), NAME_CHARS),
        nerc_eea=_eea(parameters, said),
        issued_at=issued_at,
        effective_at=starts_at,
        ends_at=ends_at,
        end_kind=EndKind.SCHEDULED if ends_at and not said.until_released else EndKind.UNTIL_RELEASED,
        instruction=Instruction() if over else _instruction(alert, parameters, said, notes),
        zones=tuple(alert.zones),
        headline=notes.cut("headline", headline or f"CAP {message_type}", HEADLINE_CHARS),
        text=notes.cut("text", text, TEXT_CHARS),
        contact=notes.cut("contact", alert.said("contact"), NAME_CHARS),
        source_timezone=alert.feed.timezone if alert.feed.timezone != "UTC" else None,
        extra=notes.extra,
    )
    if alert.left_out:
        notes.warnings.append(f"{alert.left_out} info block(s) more are kept and not read")
    content = _over(content) if over else content
    return replace(content, severity=_severity(alert, content, notes))


def _over(content: Content) -> Content:
    """A Cancel, as the release that it is after the start; placing, who knows the start, may call it a cancel."""
    over_at = max((at for at in (content.issued_at, content.effective_at) if at), default=None)
    return replace(
        content,
        message_type=MessageType.TERMINATE,
        phase=Phase.TERMINATION,
        effective_at=over_at,
        ends_at=over_at,
        instruction=Instruction(action=Action.RELEASE, target_mw=0.0),
    )


def _word(alert: _Alert, name: str, known: Mapping[str, T]) -> T:
    """The meaning of a word that decides what the message is: of an unknown one nothing may be guessed."""
    said = alert.text(alert.root, name)
    if said not in known:
        raise not_readable(name, shown(said) if said else "nothing", f"one of {', '.join(known)}")
    return known[said]


def _phase(alert: _Alert) -> Phase:
    if alert.said("responseType") == "Execute":
        return Phase.EVENT
    return _PHASES.get(alert.said("urgency"), Phase.EVENT)


def _eea(parameters: Mapping[str, str], said: Said) -> int | None:
    level = number(parameters.get("nerc_eea"))
    return int(level) if level in (0, 1, 2, 3) else said.eea


def _instruction(alert: _Alert, parameters: Mapping[str, str], said: Said, notes: Notes) -> Instruction:
    responses = (
        [(found.text or "").strip() for found in alert.all(alert.info, "responseType")]
        if alert.info is not None
        else []
    )
    executes = "Execute" in responses or not responses or any(word in _SHELTERING for word in responses)
    if not executes:
        nothing = Action.NONE if responses[0] in _NO_ACTION else Action.INFORMATIONAL
        return Instruction(action=nothing, target_mw=0.0)
    if said.doubt:
        notes.warnings.append(f"the text needs a human reading: {said.doubt}")
        notes.extra[NEEDS_READING] = said.doubt
    target, given = said.target_mw, parameters.get("target_mw")
    if given is not None:
        target = megawatts(given)
        if target is None or target < 0:
            notes.warnings.append(f"target_mw {shown(given)} is not used: expected megawatts")
            target = None
        elif said.target_mw is not None and said.target_mw != target:
            notes.warnings.append(
                f"the parameter says {target:g} MW, the text {said.target_mw:g} MW: the parameter counts"
            )
    action = None if said.doubt else said.action
    asks = action is None or action.asks
    return Instruction(
        action=action,
        target_mw=target if asks else 0.0,
        target_kind=said.target_kind if asks else TargetKind.RELATIVE,
        mandatory="Execute" in responses,
    )


def _severity(alert: _Alert, content: Content, notes: Notes) -> Severity:
    """An end is never below warning; exercises and tests are routed by their mode."""
    if content.mode is not Mode.ACTUAL:
        return Severity.INFO
    asks = content.asks_action or content.phase is Phase.EVENT
    stated = _SEVERITIES.get(alert.said("severity"), Severity.CRITICAL if asks else Severity.WARNING)
    if content.message_type.ends:
        return max(stated, Severity.WARNING, key=lambda severity: severity.rank)
    return Severity.CRITICAL if (content.nerc_eea or 0) >= 2 else stated


def _time(alert: _Alert, element: Element | None, name: str, notes: Notes) -> datetime | None:
    written = alert.text(element, name)
    if not written:
        return None
    zone: tzinfo = ZoneInfo(alert.feed.timezone)
    try:
        return lenient(written, zone)
    except PydanticCustomError as error:
        notes.warnings.append(f"{name} {shown(written)} is not used: expected {error.message()}")
        return None


FORMAT = Format(read=read)
