"""Alertmanager's webhook, version 4: our own monitoring. One event per alert; the group's status says nothing.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from intake import strict_json
from intake.format import ACCEPTED, Format, Results
from intake.instants import Instant, instant
from intake.meaning import Notes
from intake.problem import NotReadable, not_readable, path, shown, validated
from intake.statement import HEADLINE_CHARS, TEXT_CHARS, Identifier, Part
from model.digest import sha256
from model.event import Action, Content, Instruction, MessageType, Phase, Severity
from model.reading import Feed, Order, Reading, Unreadable

VERSION = "4"


def _ends_at(value: Any) -> datetime | None:
    """Year 1, Go's zero time, is the end of an alert that still fires."""
    return None if isinstance(value, str) and value.startswith("0001-") else instant(value)


class Alert(Part):
    status: Literal["firing", "resolved"]
    fingerprint: Identifier
    starts_at: Instant = Field(alias="startsAt")
    ends_at: Annotated[datetime | None, PlainValidator(_ends_at)] = Field(None, alias="endsAt")
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)

    @property
    def resolved(self) -> bool:
        return self.status == "resolved"


def read(body: bytes, headers: Mapping[str, str], feed: Feed, received_at: datetime) -> Results:
    """One result per alert, in order. Raises NotReadable when there is none to be seen."""
    document = strict_json.parse(body)
    message = document.value
    if not isinstance(message, dict):
        raise not_readable("", shown(document.part(message)), "Alertmanager's message, an object with alerts")
    alerts = message.get("alerts")
    if not isinstance(alerts, list):
        document.part(message)
        raise not_readable("alerts", "nothing" if alerts is None else shown(alerts), "a list of alerts")
    group = _group(document, message)
    return tuple(
        _one(document, alert, group, path("alerts", [index]))
        for index, alert in enumerate(strict_json.members(alerts, "alerts"))
    )


def _group(document: strict_json.Document, message: dict[str, Any]) -> dict[str, Any]:
    """What is said of all alerts together; a flaw in it costs that field and no alert."""
    sound = document.sound
    return {n: v for n, v in message.items() if n != "alerts" and sound(n) and sound(v, depth=1)}


def _one(document: strict_json.Document, member: Any, group: dict[str, Any], where: str) -> Reading | Unreadable:
    try:
        return _reading(validated(Alert, document.part(member, where, depth=2), where), member, group)
    except NotReadable as error:
        return Unreadable(problems=error.problems)


def _reading(alert: Alert, member: dict[str, Any], group: dict[str, Any]) -> Reading:
    event_id = f"{alert.fingerprint}@{member['startsAt']}"
    notes = Notes(extra=_extra(alert, member, group))
    notes.warnings += _group_warnings(group)
    return Reading(
        event_id=event_id,
        revision=None,
        content=_content(alert, notes),
        key=event_id,
        # Alertmanager repeats an alert with whatever its summary says by then: this is what makes it the same.
        own_digest=sha256([alert.fingerprint, member["startsAt"], alert.status]),
        warnings=tuple(notes.warnings),
        parsed=member,
        # While Prometheus cannot reach it, it says resolved of what still fires, and then fires it with the same start.
        order=Order.ARRIVAL,
    )


def _group_warnings(group: dict[str, Any]) -> Iterator[str]:
    if group.get("version") != VERSION:
        yield f"version {shown(group.get('version'))} is read like version {VERSION}"
    if left_out := group.get("truncatedAlerts"):
        yield f"Alertmanager left out {shown(left_out)} alert(s) of this group (max_alerts)"


def _content(alert: Alert, notes: Notes) -> Content:
    return Content(
        message_type=MessageType.TERMINATE if alert.resolved else MessageType.NEW,
        issuer="alertmanager",
        program="OPERATIONS",
        phase=Phase.TERMINATION if alert.resolved else Phase.ALERT,
        severity=notes.word("severity", alert.labels.get("severity"), Severity, Severity.WARNING),
        issued_at=alert.ends_at if alert.resolved else alert.starts_at,
        effective_at=alert.starts_at,
        ends_at=alert.ends_at,
        instruction=Instruction(action=Action.INFORMATIONAL, target_mw=0.0),
        headline=notes.cut("headline", _headline(alert), HEADLINE_CHARS),
        text=notes.cut("text", alert.annotations.get("description"), TEXT_CHARS),
        extra=notes.extra,
    )


def _headline(alert: Alert) -> str:
    said = (alert.annotations.get("summary"), alert.labels.get("alertname"))
    return next((words for words in said if words and words.strip()), f"Alert {alert.fingerprint}")


def _extra(alert: Alert, member: dict[str, Any], group: dict[str, Any]) -> dict[str, object]:
    read_fields = ("status", "fingerprint", "startsAt", "endsAt")
    return {**{name: value for name, value in member.items() if name not in read_fields}, "group": group}


FORMAT = Format(read=read, unreadable=ACCEPTED)  # it throws an alert away on any 4xx
