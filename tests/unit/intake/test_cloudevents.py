"""The envelope: what it must carry, and what it says for data that does not say it."""

import base64
import json
from datetime import UTC, datetime

import pytest

from model.event import MessageType
from model.reading import Reading, Unreadable

DATA = {"event_id": "E-1", "headline": "Cut 12.5 MW", "instruction": {"action": "hold"}}
ENVELOPE = {"specversion": "1.0", "id": "1", "source": "urn:grid:miso:edr", "type": "org.example.note"}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


def wrapped(data: object = None, **attributes: object) -> dict[str, object]:
    return {**ENVELOPE, "data": DATA if data is None else data, **attributes}


def headers(**attributes: str) -> dict[str, str]:
    plain = {"content-type": "application/json"}
    return {**plain, **{f"ce-{name}": value for name, value in {**ENVELOPE, **attributes}.items()}}


@pytest.mark.parametrize("content_type", [{}, {"content-type": "application/json"}, STRUCTURED, BATCH])
def test_an_envelope_is_recognised(post, content_type):
    (reading,) = post([wrapped()], content_type)
    assert (reading.event_id, reading.native_id, reading.ce_source) == ("E-1", "1", "urn:grid:miso:edr")
    assert reading.parsed == wrapped()


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_required_attributes(post, name):
    result = post({k: v for k, v in wrapped().items() if k != name}, STRUCTURED)
    assert [problem.field for problem in result.problems] == [name]
    assert result.event_id == "E-1"


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "id"),
        ({"source": 1}, "source"),
        ({"time": "2026-07-14T18:30:00"}, "time"),
        ({"data": "text"}, "data"),
        ({"data": None}, "data"),
        ({"data": {"event_id": "E-1", "headline": 1}}, "data.headline"),
        ({"data_base64": "e30="}, "data_base64"),
    ],
)
def test_a_mistake_is_named_with_its_place(post, attributes, field):
    result = post([wrapped(), wrapped(**attributes) if "data" not in attributes else {**ENVELOPE, **attributes}])
    assert isinstance(result[0], Reading)
    assert [problem.field for problem in result[1].problems] == [f"[1].{field}"]


def test_the_envelope_speaks_for_silent_data(post):
    silent = {"headline": "x"}
    at = "2026-07-14T18:00:00+00:00"
    reading = post(wrapped(silent, subject="S-1", time=at, type="org.example.grid.dispatch.cancelled.v1"))
    assert reading.event_id == "S-1"
    assert reading.content.issued_at == datetime(2026, 7, 14, 18, tzinfo=UTC)
    assert reading.content.message_type is MessageType.CANCEL
    stated = {**silent, "event_id": "E-1", "message_type": "new", "issued_at": "2026-07-14T17:00:00Z"}
    reading = post(wrapped(stated, subject="S-1", time=at, type="org.example.grid.dispatch.cancelled.v1"))
    assert (reading.event_id, reading.content.message_type) == ("E-1", MessageType.NEW)
    assert reading.content.issued_at == datetime(2026, 7, 14, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "message_type"),
    [
        ("issued", "new"),
        ("updated.v1", "update"),
        ("canceled", "cancel"),
        ("terminated.v12", "terminate"),
        ("x", "new"),
    ],
)
def test_the_type_says_what_kind_of_message_it_is(post, word, message_type):
    assert post(wrapped(type=f"org.example.grid.dispatch.{word}")).content.message_type == message_type


def test_data_in_base64(post):
    encoded = base64.b64encode(json.dumps(DATA).encode()).decode()
    assert post({**ENVELOPE, "data_base64": encoded}).digest == post(wrapped()).digest


@pytest.mark.parametrize(
    "encoded", ["!", "e30", base64.b64encode(b"{").decode(), base64.b64encode(b'{"a":NaN}').decode()]
)
def test_base64_that_holds_no_event(post, encoded):
    assert post({**ENVELOPE, "data_base64": encoded}).problems[0].field.startswith("data_base64")


def test_binary_mode(post):
    reading = post(DATA, headers(id="caf%C3%A9 1", subject="S"))
    assert (reading.event_id, reading.native_id) == ("E-1", "café 1")
    assert reading.digest == post(wrapped()).digest == post(DATA).digest


@pytest.mark.parametrize(
    ("attributes", "field"),
    [({"specversion": "2"}, "ce-specversion"), ({"id": "%00"}, "ce-id"), ({"time": "x"}, "ce-time")],
)
def test_binary_mistakes_name_the_header(post, attributes, field):
    result = post(DATA, headers(**attributes, subject="S-1"))
    assert result.problems[0].field == field
    assert result.event_id == "S-1"


def test_a_batch_is_a_list(post):
    result = post(wrapped(), BATCH)
    assert isinstance(result, Unreadable)
    assert result.problems[0].expected == "a list of CloudEvents"
