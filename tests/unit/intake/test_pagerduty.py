"""PagerDuty's Events API v2 inwards: its fields, its answers, and its key in the body."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from intake import pagerduty
from intake.read import answer, read
from model.event import Action, MessageType, Phase, Severity
from model.reading import Feed, Order, Reading, Unreadable

NOW = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)
FEED = Feed(source="monitoring", format="pagerduty")
KEY = "0123456789abcdef0123456789abcdef"
PAYLOAD = {"summary": "Disk full on db-1", "source": "db-1", "severity": "error", "custom_details": {"free": "0 MB"}}


def result(action: str = "trigger", at: datetime = NOW, **changed: Any) -> Any:
    body = {"routing_key": KEY, "event_action": action, "dedup_key": "disk/db-1", "payload": PAYLOAD} | changed
    (found,) = read(json.dumps(body).encode(), {}, FEED, at)
    return found


def test_a_trigger():
    found = result(client="Nagios", links=[{"href": "https://example.com"}])
    content = found.content
    assert (found.event_id, found.order) == ("disk/db-1", Order.ARRIVAL)
    assert (content.issuer, content.headline) == ("db-1", "Disk full on db-1")
    assert (content.phase, content.instruction.action) == (Phase.ALERT, Action.INFORMATIONAL)
    assert content.extra == {
        "client": "Nagios",
        "custom_details": {"free": "0 MB"},
        "links": [{"href": "https://example.com"}],
    }
    assert answer("pagerduty", [found]) == (
        202,
        {"status": "success", "message": "Event processed", "dedup_key": "disk/db-1"},
    )


@pytest.mark.parametrize(
    ("said", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("error", Severity.CRITICAL),
        ("warning", Severity.WARNING),
        ("info", Severity.INFO),
    ],
)
def test_severity_by_urgency(said, severity):
    assert result(payload=PAYLOAD | {"severity": said}).content.severity is severity


def test_without_a_key_each_trigger_is_an_alert():
    """As at PagerDuty. The router reads the same message again and must find the same id."""
    first, again, later = (
        result(dedup_key=None),
        result(dedup_key=None),
        result(dedup_key=None, at=NOW + timedelta(weeks=1)),
    )
    assert first.event_id == again.event_id != later.event_id
    assert answer("pagerduty", [first])[1]["dedup_key"] == first.event_id


@pytest.mark.parametrize("key", ["x" * 255, "a\nb"])
def test_a_key_that_is_no_id_gets_one_and_comes_back_as_it_was(key):
    found = result(dedup_key=key)
    assert found.event_id.startswith("pd-")
    assert answer("pagerduty", [found])[1]["dedup_key"] == key
    assert result("resolve", dedup_key=key).event_id == found.event_id


def test_a_resolve_ends_and_an_acknowledge_is_noted():
    assert result("resolve", payload=None).content.message_type is MessageType.TERMINATE
    assert "somebody who was told must accept" in result("acknowledge").note


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"payload": None}, "payload: expected an object with summary, source and severity, found nothing"),
        ({"payload": {}}, "payload.summary: expected a value, it is required, found nothing"),
        ({"payload": PAYLOAD | {"severity": "bad"}}, "payload.severity: expected one of"),
        ({"event_action": "resolve", "dedup_key": None}, "dedup_key: expected the key of the event to resolve"),
        ({"event_action": "page"}, "event_action: expected one of"),
        ({"dedup_key": "x" * 256}, "dedup_key: expected at most 255 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_in_its_words(changed, error):
    found = result(**changed)
    assert isinstance(found, Unreadable)
    status, body = answer("pagerduty", [found])
    assert body is not None
    assert (status, body["status"], body["message"]) == (400, "invalid event", "Event object is invalid")
    assert body["errors"][0].startswith(error)


def test_the_key_opens_the_door_and_is_not_kept():
    body = json.dumps({"routing_key": KEY, "event_action": "trigger", "payload": PAYLOAD}).encode()
    assert pagerduty.routing_key(body) == KEY
    kept = pagerduty.without_secret(body, KEY)
    assert KEY.encode() not in kept
    assert len(kept) == len(body)
    (found,) = read(kept, {}, FEED, NOW)
    assert isinstance(found, Reading)
    assert "routing_key" not in found.parsed


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"routing_key": 5}', b'{"routing_key": "caf\\u00e9"}', b'{"routing_key": "\\u0041bc"}']
)
def test_no_key_to_be_seen(body):
    """Neither one in disguise, which could not be taken out of the evidence."""
    assert pagerduty.routing_key(body) is None
