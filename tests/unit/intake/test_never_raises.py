"""Whatever is posted, in whatever format: at least one result, never an exception, nothing that cannot be stored."""

import json
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake.grid_text import read_text
from intake.jmes import compiled
from intake.mapping import FIELDS
from intake.read import FORMATS, read
from intake.statement import Statement
from model.reading import Feed, Unreadable

NOW = datetime(2026, 7, 14, tzinfo=UTC)
# A machine under load, or the first run ever (Hypothesis builds its Unicode table), says nothing about the reader.
patient = settings(suppress_health_check=[HealthCheck.too_slow])
brisk = settings(patient, max_examples=30)
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


# Each field is where it would be in a message of our own.
MAPPED = {name: name for name in FIELDS if name not in ("each", "target_unit")}
MAPPED |= {name: f"instruction.{name}" for name in ("action", "target_kind", "target_mw", "mandatory")}


def check(body: bytes, headers: dict[str, str], format: str, mapping: dict[str, str] = MAPPED) -> None:
    results = read(body, headers, Feed(source="s", format=format, mapping=mapping), NOW)
    assert results
    for result in results:
        if isinstance(result, Unreadable):
            assert result.problems
            assert "fault of Gridcall" not in result.reason
            result.reason.encode()
        else:
            json.dumps([result.parsed, dict(result.content.extra)], allow_nan=False).encode()
            assert "\0" not in result.content.headline + result.content.text + result.key


# What is made up takes ten times as long as reading it: each format is given it.
@patient
@given(body=st.binary(), headers=HEADERS)
def test_any_bytes(body: bytes, headers: dict[str, str]):
    for format in FORMATS:
        check(body, headers, format)


@settings(patient, max_examples=40)
@given(data=JSON | EVENTS | st.lists(EVENTS, max_size=3), headers=HEADERS)
def test_any_json(data: object, headers: dict[str, str]):
    body = json.dumps(data).encode()
    for format in FORMATS:
        check(body, headers, format)


# Fields that carry a format's own rules, and values that its rules are about; anything else may stand there too.
TIMES = st.sampled_from(
    ["2026-07-14T18:30Z", "0001-01-01T00:00:00Z", "2026-07-14T24:00", 1784053800, -1, 1e300, "24:00"]
)
WORDS = st.sampled_from(
    ["Max Gen Event Step 2", "Termination", "reduce", "12.5 MW", "LRZ 1-99", "EEA 3", "drill", "until released", ". "]
)
TEXTS = st.lists(WORDS | st.text(max_size=20), max_size=12).map(" ".join)
MESSAGES = st.dictionaries(
    st.sampled_from(["source", "destination", "priority", "text", "effectiveTime", "terminationTime", "realm"]),
    TEXTS | TIMES | JSON,
)
DEPLOYMENTS = st.dictionaries(st.sampled_from(["pnodeName", "timestamp", "mw"]), TEXTS | TIMES | JSON)
DURATIONS = st.sampled_from(["PT4H", "PT0S", "P9999Y", "P99999D", "PT999999H", "P1M", "P"])
PERIODS = st.fixed_dictionaries({}, optional={"start": TIMES | JSON, "duration": DURATIONS | JSON}) | JSON
KINDS = st.sampled_from(["DISPATCH_SETPOINT_RELATIVE", "DISPATCH_SETPOINT", "SIMPLE", "ALERT_OTHER", "PRICE"])
PAYLOADS = st.fixed_dictionaries({"type": KINDS, "values": st.lists(SCALARS, max_size=3)}) | JSON
OBJECTS = st.fixed_dictionaries(
    {"programID": st.just("44")},
    optional={
        "id": st.just("e-1") | JSON,
        "eventName": st.text() | JSON,
        "modificationDateTime": TIMES | JSON,
        "duration": DURATIONS | JSON,
        "priority": JSON,
        "targets": JSON,
        "intervalPeriod": PERIODS,
        "intervals": st.lists(
            st.fixed_dictionaries({}, optional={"payloads": st.lists(PAYLOADS, max_size=3), "intervalPeriod": PERIODS}),
            max_size=3,
        ),
        "payloadDescriptors": JSON,
    },
)
TRIGGERS = st.fixed_dictionaries(
    {"event_action": st.sampled_from(["trigger", "acknowledge", "resolve"])},
    optional={
        "dedup_key": st.text() | JSON,
        "payload": st.fixed_dictionaries(
            {"summary": TEXTS | JSON, "source": st.text() | JSON, "severity": st.just("error")},
            optional={"timestamp": TIMES | JSON, "custom_details": JSON},
        ),
        "client": JSON,
    },
)


@brisk
@given(test=JSON, messages=st.lists(MESSAGES | JSON, max_size=3), deployments=st.lists(DEPLOYMENTS | JSON, max_size=3))
def test_any_notification_of_miso(test: object, messages: list[object], deployments: list[object]):
    for name, members in (("messages", messages), ("crDeployments", deployments)):
        check(json.dumps({"test": test, "notificationData": {name: members}}).encode(), {}, "miso-mui")


@brisk
@given(event=OBJECTS, operation=st.sampled_from(["CREATE", "PUT", "DELETE"]) | JSON)
def test_any_event_of_openadr(event: object, operation: object):
    check(json.dumps(event).encode(), {}, "openadr")
    body = {"objectType": "EVENT", "operation": operation, "object": event}
    check(json.dumps(body).encode(), {}, "openadr")


@brisk
@given(sent=TRIGGERS)
def test_anything_sent_to_pagerduty(sent: object):
    check(json.dumps(sent).encode(), {}, "pagerduty")


PARTS = ["identifier", "sender", "sent", "status", "msgType", "references", "info", "event", "responseType", "urgency"]
PARTS += ["severity", "onset", "effective", "expires", "headline", "description", "instruction", "area", "geocode"]
PARTS += ["parameter", "valueName", "value", "language"]
SAID = st.sampled_from(["Actual", "Exercise", "Alert", "Update", "Cancel", "Execute", "None", "a,b,2026", "target_mw"])
ELEMENTS = st.recursive(
    st.tuples(st.sampled_from(PARTS), SAID | TEXTS | TIMES.map(str)),
    lambda inner: st.tuples(st.sampled_from(PARTS), st.lists(inner, max_size=6)),
    max_leaves=30,
)


def written(element: tuple[str, object]) -> str:
    name, inside = element
    text = "".join(map(written, inside)) if isinstance(inside, list) else escape(str(inside))
    return f"<{name}>{text}</{name}>"


@brisk
@given(
    elements=st.lists(ELEMENTS, max_size=8),
    info=st.lists(ELEMENTS, max_size=8),
    kind=st.sampled_from(["Alert", "Cancel"]),
)
def test_any_alert_of_cap(elements: list[tuple[str, object]], info: list[tuple[str, object]], kind: str):
    """The first three are there, so that most of them are read."""
    head = f"<identifier>i</identifier><status>Actual</status><msgType>{kind}</msgType>"
    inside = f"{head}{''.join(map(written, elements))}<info>{''.join(map(written, info))}</info>"
    body = f'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">{inside}</alert>'
    check(body.encode("utf-8", "replace"), {}, "cap")


@brisk
@given(text=TEXTS | st.text())
def test_any_text(text: str):
    said = read_text(text)
    assert said.target_mw is None or said.target_mw >= 0


@brisk
@given(alerts=st.lists(st.dictionaries(NAMES, JSON) | JSON))
def test_any_alerts(alerts: list[object]):
    check(json.dumps({"version": "4", "alerts": alerts}).encode(), {}, "alertmanager")


SIGNS = ("@", "*", "[*]", "[]", "[0]", "[:2]", ".", " | ", " || ", " && ", "!", " == ", " < ", "(", ")")
PARTS_OF = ("a", "event_id", "zones", "`1`", "'x'", "[?a]", "[a, @]", "{scheme: a, code: @}", "not_null(a, @)")
CALLS = ("length", "to_string", "sum", "keys", "values", "max", "to_number", "type")
PIECES = st.sampled_from([*SIGNS, *PARTS_OF, *(f"{name}(@)" for name in CALLS), "join('-', @)", "contains(@, a)"])
EXPRESSIONS = st.lists(PIECES, min_size=1, max_size=6).map("".join)


def taken(expression: str) -> bool:
    try:
        compiled(expression)
    except ValueError:  # which is all that a wrong one may be
        return False
    return True


@brisk
@given(
    message=JSON | EVENTS | st.lists(EVENTS, max_size=3),
    mapping=st.dictionaries(st.sampled_from(FIELDS), EXPRESSIONS.filter(taken), max_size=6),
)
def test_any_mapping_of_any_message(message: object, mapping: dict[str, str]):
    check(json.dumps(message).encode(), {}, "mapping", {"event_id": "'E'", "headline": "'h'"} | mapping)
    check(json.dumps(message).encode(), {}, "mapping", MAPPED | mapping)


@given(text=st.text(max_size=60))
def test_any_expression_is_taken_or_refused(text: str):
    taken(text)


def test_an_unknown_format_is_said():
    (result,) = read(b"{}", {}, Feed(source="s", format="fax"), NOW)
    assert isinstance(result, Unreadable)
    assert result.reason == f'expected one of {", ".join(FORMATS)}, found format "fax"'


def test_a_fault_of_ours_loses_nothing():
    (result,) = read(b"{}", None, Feed(source="s"), NOW)  # type: ignore[arg-type]
    assert isinstance(result, Unreadable)
    assert "fault of Gridcall: AttributeError" in result.reason
