"""PagerDuty's Events API v2 inwards: whatever can page PagerDuty can page us.

https://developer.pagerduty.com/docs/events-api-v2/overview/. The dedup_key is the event: triggered again while it is
open it is changed, after it was resolved it begins anew. A trigger without a key is an event of its own each time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field
from pydantic_core import PydanticCustomError

from intake import strict_json
from intake.format import Format, Results
from intake.instants import lenient
from intake.meaning import Notes
from intake.problem import NotReadable, not_readable, shown, validated
from intake.statement import HEADLINE_CHARS, NAME_CHARS, TEXT_CHARS, Part
from model.digest import sha256
from model.event import Action, Content, Instruction, MessageType, Phase, Severity
from model.reading import Feed, Order, Reading, Unreadable

DEDUP_KEY_CHARS = 255
ID_CHARS = 200
# Error and critical are of high urgency there, warning and info of low.
_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "error": Severity.CRITICAL,
    "warning": Severity.WARNING,
    "info": Severity.INFO,
}
ACKNOWLEDGED = "acknowledged at its sender; that stops nobody here: somebody who was told must accept"


class Payload(Part):
    summary: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: Any = None
    component: str | None = None
    group: str | None = None
    kind: str | None = Field(None, alias="class")


class Sent(Part):
    """What is posted. `routing_key` opened the door and is not looked at again."""

    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str, Field(max_length=DEDUP_KEY_CHARS)] | None = None
    payload: Payload | None = None
    client: str | None = None
    client_url: str | None = None


def routing_key(body: bytes) -> str | None:
    """The secret that the sender put into its body, letter by letter; None when there is none to be seen."""
    try:
        said = strict_json.parse(body).value
    except NotReadable:
        return None
    key = said.get("routing_key") if isinstance(said, dict) else None
    return key if isinstance(key, str) and key.isascii() and key.encode() in body else None


def without_secret(body: bytes, key: str) -> bytes:
    """The body as it may be kept: the same length, and nobody who reads the evidence learns the key."""
    return body.replace(key.encode(), b"*" * len(key))


def read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    """One result. Raises NotReadable."""
    document = strict_json.parse(body)
    said = document.part(document.value)
    if not isinstance(said, dict):
        raise not_readable("", shown(said), "an event of PagerDuty's Events API v2, an object")
    sent = validated(Sent, said, "")
    parsed = {name: value for name, value in said.items() if name != "routing_key"}
    if sent.event_action == "trigger":
        return (_trigger(sent, parsed, feed, received_at),)
    if not sent.dedup_key:
        raise not_readable("dedup_key", "nothing", f"the key of the event to {sent.event_action}")
    return (
        _reading(sent, _end(), parsed, received_at, note=ACKNOWLEDGED if sent.event_action == "acknowledge" else ""),
    )


def _trigger(sent: Sent, parsed: dict[str, Any], feed: Feed, received_at: datetime) -> Reading:
    if sent.payload is None:
        raise not_readable("payload", "nothing", "an object with summary, source and severity")
    payload = sent.payload
    notes = Notes(extra=_extra(sent, payload))
    content = Content(
        issuer=notes.cut("issuer", payload.source, NAME_CHARS),
        program="OPERATIONS",
        phase=Phase.ALERT,
        severity=_SEVERITIES[payload.severity],
        issued_at=_timestamp(payload.timestamp, feed, notes),
        instruction=Instruction(action=Action.INFORMATIONAL, target_mw=0.0),
        headline=notes.cut("headline", " ".join(payload.summary.split()) or payload.source, HEADLINE_CHARS),
        text=notes.cut("text", payload.summary if len(payload.summary) > HEADLINE_CHARS else None, TEXT_CHARS),
        extra=notes.extra,
    )
    return _reading(sent, content, parsed, received_at, notes=notes)


def _end() -> Content:
    """A resolve says nothing of its event: placing takes its words from there."""
    return Content(
        message_type=MessageType.TERMINATE,
        program="OPERATIONS",
        phase=Phase.TERMINATION,
        severity=Severity.WARNING,
        instruction=Instruction(action=Action.INFORMATIONAL, target_mw=0.0),
        headline="",
    )


def _reading(
    sent: Sent,
    content: Content,
    parsed: dict[str, Any],
    received_at: datetime,
    *,
    notes: Notes | None = None,
    note: str = "",
) -> Reading:
    digest = sha256([sent.event_action, parsed.get("payload") if sent.event_action == "trigger" else None])
    # Of a trigger without a key the time of receipt is a part: the same words next week are another alert.
    own_key = sent.dedup_key or f"pd-{sha256([digest, received_at.isoformat()])[:32]}"
    event_id = _event_id(own_key)
    return Reading(
        event_id=event_id,
        revision=None,
        content=content,
        key=event_id,
        warnings=tuple(notes.warnings) if notes else (),
        parsed=parsed,
        whole=notes.whole if notes else {},
        own_digest=digest,
        order=Order.ARRIVAL,
        note=note,
    )


def _event_id(dedup_key: str) -> str:
    """The key, or what stands for one that is too long or odd for the id of an event."""
    key = dedup_key.strip()
    return key if 0 < len(key) <= ID_CHARS and key.isprintable() else "pd-" + sha256([dedup_key])[:32]


def _extra(sent: Sent, payload: Payload) -> dict[str, object]:
    said = {"component": payload.component, "group": payload.group, "class": payload.kind, "client": sent.client}
    said["client_url"] = sent.client_url
    found: dict[str, object] = {name: value for name, value in said.items() if value}
    return (
        found | (payload.model_extra or {}) | {k: v for k, v in (sent.model_extra or {}).items() if k != "routing_key"}
    )


def _timestamp(written: Any, feed: Feed, notes: Notes) -> datetime | None:
    if written is None:
        return None
    try:
        return lenient(written, ZoneInfo(feed.timezone))
    except PydanticCustomError as error:
        notes.warnings.append(f"timestamp {shown(written)} is not used: expected {error.message()}")
        return None


def _answer(results: Sequence[Reading | Unreadable]) -> dict[str, Any]:
    """PagerDuty's own words."""
    (result,) = results
    if isinstance(result, Unreadable):
        errors = [str(problem) for problem in result.problems]
        return {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return {
        "status": "success",
        "message": "Event processed",
        "dedup_key": result.parsed.get("dedup_key") or result.event_id,
    }


FORMAT = Format(read=read, unreadable=400, answer=_answer)
