"""Whatever is posted, in whatever format: at least one result, never an exception, nothing that cannot be stored."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake.read import FORMATS, read
from intake.statement import Statement
from model.reading import Feed, Unreadable

NOW = datetime(2026, 7, 14, tzinfo=UTC)
# A machine under load, or the first run ever (Hypothesis builds its Unicode table), says nothing about the reader.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ENVELOPE = ["specversion", "data", "data_base64", "id", "source", "type", "subject", "time"]
ALERT = ["alerts", "status", "fingerprint", "startsAt", "endsAt", "labels", "annotations"]
NAMES = st.sampled_from([*Statement.model_fields, "action", "target_mw", "scheme", "code", *ENVELOPE, *ALERT])
LIKELY = st.sampled_from(
    ["1.0", "firing", "resolved", "new", "terminate", "E-1", "2026-07-14T18:30:00Z", "0001-01-01T00:00:00Z"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | LIKELY
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(), inner, max_size=12),
    max_leaves=40,
)
EVENTS = st.fixed_dictionaries(
    {"event_id": st.just("E-1"), "headline": st.just("h")},
    optional={name: JSON for name in Statement.model_fields if name not in ("event_id", "headline")},
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-time"]),
    st.text()
    | LIKELY
    | st.sampled_from(["application/cloudevents+json", "application/cloudevents-batch+json", "%00%ff"]),
)


def check(body: bytes, headers: dict[str, str], format: str) -> None:
    results = read(body, headers, Feed(source="s", format=format), NOW)
    assert results
    for result in results:
        if isinstance(result, Unreadable):
            assert result.problems
            assert "fault of Gridcall" not in result.reason
            result.reason.encode()
        else:
            json.dumps([result.parsed, dict(result.content.extra)], allow_nan=False).encode()
            assert "\0" not in result.content.headline + result.content.text + result.key


@pytest.mark.parametrize("format", FORMATS)
@patient
@given(body=st.binary(), headers=HEADERS)
def test_any_bytes(body: bytes, headers: dict[str, str], format: str):
    check(body, headers, format)


@pytest.mark.parametrize("format", FORMATS)
@patient
@given(data=JSON | EVENTS | st.lists(EVENTS, max_size=3), headers=HEADERS)
def test_any_json(data: object, headers: dict[str, str], format: str):
    check(json.dumps(data).encode(), headers, format)


@patient
@given(alerts=st.lists(st.dictionaries(NAMES, JSON) | JSON))
def test_any_alerts(alerts: list[object]):
    check(json.dumps({"version": "4", "alerts": alerts}).encode(), {}, "alertmanager")


def test_an_unknown_format_is_said():
    (result,) = read(b"{}", {}, Feed(source="s", format="fax"), NOW)
    assert isinstance(result, Unreadable)
    assert result.reason == f'expected one of {", ".join(FORMATS)}, found format "fax"'


def test_a_fault_of_ours_loses_nothing():
    (result,) = read(b"{}", None, Feed(source="s"), NOW)  # type: ignore[arg-type]
    assert isinstance(result, Unreadable)
    assert "fault of Gridcall: AttributeError" in result.reason
