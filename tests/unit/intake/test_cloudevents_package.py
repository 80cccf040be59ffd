"""The `cloudevents` package as a sender: what its bindings write, we read, in each mode as the same statement."""

from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from intake.examples import example
from intake.read import read
from model.event import MessageType
from model.reading import Feed, Reading

NOW = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)
ATTRIBUTES = {
    "id": "miso-edr/7#1 é",
    "source": "urn:grid:miso:edr",
    "type": "org.example.grid.dispatch.updated.v1",
    "subject": "E-7 ü",
    "time": NOW,
    "specversion": "1.0",
    "datacontenttype": "application/json",
}
# What the envelope says is left out of the data.
DATA = {k: v for k, v in example("edr", NOW, "").items() if k not in ("event_id", "message_type", "issued_at")}
EVENT = CloudEvent(ATTRIBUTES, DATA)


def reading(message: HTTPMessage, body: bytes | None = None) -> Reading:
    headers = {name.lower(): value for name, value in message.headers.items()}
    sent = message.body if isinstance(message.body, bytes) else message.body.encode()
    (found,) = read(sent if body is None else body, headers, Feed(source="miso"), NOW)
    assert isinstance(found, Reading), found
    return found


@pytest.mark.parametrize("mode", [to_structured_event, to_binary_event])
def test_each_mode(mode):
    found = reading(mode(EVENT))
    assert (found.event_id, found.native_id, found.ce_source) == ("E-7 ü", "miso-edr/7#1 é", "urn:grid:miso:edr")
    assert (found.content.message_type, found.content.issued_at) == (MessageType.UPDATE, NOW)
    assert found.warnings == ()


def test_both_say_the_same():
    """Sent again in another mode it is a duplicate."""
    assert reading(to_structured_event(EVENT)).digest == reading(to_binary_event(EVENT)).digest


def test_a_batch():
    message = to_structured_event(EVENT)
    one = message.body if isinstance(message.body, bytes) else message.body.encode()
    headers = {"content-type": "application/cloudevents-batch+json"}
    first, second = read(b"[" + one + b"," + one + b"]", headers, Feed(source="miso"), NOW)
    assert isinstance(first, Reading)
    assert isinstance(second, Reading)
    assert first.digest == second.digest == reading(message).digest
