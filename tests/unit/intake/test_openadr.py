"""OpenADR 3.0 and 3.1: two vocabularies, kilowatts, "now", open ends, and deletions that still carry the order."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from intake.read import answer, read
from model.event import Action, EndKind, MessageType, Mode, Phase, ResourceRef, Severity, TargetKind, Zone
from model.reading import Feed, Named, Names, Reading, Unreadable

NOW = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)
START = datetime(2026, 7, 14, 18, 30, tzinfo=UTC)
EVENT = {
    "id": "e-1",
    "createdDateTime": "2026-07-14T17:58:41Z",
    "modificationDateTime": "2026-07-14T17:59:00Z",
    "objectType": "EVENT",
    "programID": "44",
    "eventName": "Step 2",
    "priority": 0,
    "intervalPeriod": {"start": "2026-07-14T18:30:00Z", "duration": "PT4H"},
    "intervals": [{"id": 0, "payloads": [{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [-12500.0]}]}],
}
NAMES = Names(
    programs={"44": Named(issuer="MISO", program="EDR"), "9": Named(mode=Mode.TEST)},
    targets={"lrz-4": Zone(scheme="MISO-LRZ", code="4")},
)
FEED = Feed(source="vtn", format="openadr", names=NAMES)


def result(operation: Any = "CREATE", **changed: Any) -> Any:
    event = {name: value for name, value in (EVENT | changed).items() if value is not ...}
    body = {"objectType": "EVENT", "operation": operation, "object": event}
    (found,) = read(json.dumps(body).encode(), {}, FEED, NOW)
    return found


def payloads(*found: tuple[str, Any], unit: str | None = None) -> dict[str, Any]:
    descriptors = [{"payloadType": kind, "units": unit} for kind, _ in found] if unit else []
    listed = [{"type": kind, "values": [value]} for kind, value in found]
    return {"intervals": [{"id": 0, "payloads": listed}], "payloadDescriptors": descriptors}


@pytest.mark.parametrize(
    ("operation", "message_type"),
    [
        ("CREATE", MessageType.NEW),
        ("POST", MessageType.NEW),
        ("UPDATE", MessageType.UPDATE),
        ("PUT", MessageType.UPDATE),
        ("READ", MessageType.UPDATE),
        ("get", MessageType.UPDATE),
    ],
)
def test_operations_of_both_versions(operation, message_type):
    assert result(operation).content.message_type is message_type


@pytest.mark.parametrize(
    ("kind", "value", "unit", "action", "target_mw"),
    [
        ("DISPATCH_SETPOINT_RELATIVE", -12500, None, Action.REDUCE_LOAD, 12.5),
        ("DISPATCH_SETPOINT_RELATIVE", 400, "KW", Action.INCREASE_GEN, 0.4),
        ("DISPATCH_SETPOINT_RELATIVE", -3, "MW", Action.REDUCE_LOAD, 3),
        ("DISPATCH_SETPOINT_RELATIVE", 0, None, Action.NONE, 0),
        ("DISPATCH_SETPOINT", 2000, None, None, 2),
        ("IMPORT_CAPACITY_LIMIT", "1,500", None, Action.REDUCE_LOAD, 1.5),
        ("SIMPLE", 2, None, Action.REDUCE_LOAD, None),
        ("SIMPLE", 0, None, Action.NONE, 0),
        ("ALERT_FLEX_ALERT", "Save power", None, Action.INFORMATIONAL, 0),
        ("DISPATCH_INSTRUCTION", "X7", None, None, None),
    ],
)
def test_what_is_asked(kind, value, unit, action, target_mw):
    found = result(**payloads((kind, value), unit=unit))
    assert (found.content.instruction.action, found.content.instruction.target_mw) == (action, target_mw)
    assert found.warnings == ()


def test_a_setpoint_is_a_level():
    assert result(**payloads(("DISPATCH_SETPOINT", 2000))).content.instruction.target_kind is TargetKind.ABSOLUTE


@pytest.mark.parametrize(("value", "unit"), [("lots", None), (5, "KWH"), (None, None), (float("1e300"), "KW")])
def test_power_nobody_can_read_is_left_out(value, unit):
    found = result(**payloads(("DISPATCH_SETPOINT_RELATIVE", value), unit=unit))
    assert found.content.instruction.target_mw is None
    assert "expected an amount of power" in found.warnings[0]


@pytest.mark.parametrize("operation", ["DELETE", "delete"])
def test_a_deletion_never_repeats_the_order(operation):
    """The notification carries the whole old object."""
    alert = payloads(("DISPATCH_SETPOINT_RELATIVE", -12500), ("ALERT_GRID_EMERGENCY", "Reduce 12.5 MW now"))
    found = result(operation, **alert)
    content = found.content
    assert content.message_type is MessageType.CANCEL  # its start is still to come
    assert (content.instruction.action, content.instruction.target_mw) == (Action.NONE, 0.0)
    assert (content.headline, content.text, content.issued_at) == ("RELEASED: Step 2", "", None)
    begun = result(operation, intervalPeriod={"start": "2026-07-14T17:00:00Z", "duration": "PT4H"}).content
    assert (begun.message_type, begun.phase, begun.ends_at) == (MessageType.TERMINATE, Phase.TERMINATION, NOW)


@pytest.mark.parametrize("zero", ["PT0S", "P0D", "PT0H0M"])
def test_a_duration_of_zero_is_a_cancel(zero):
    found = result("UPDATE", intervalPeriod={"start": "0001-01-01T00:00:00Z", "duration": zero})
    assert (found.content.message_type, found.content.ends_at) == (MessageType.TERMINATE, NOW)


@pytest.mark.parametrize(
    ("period", "starts_at", "ends_at", "end_kind"),
    [
        ({"start": "0001-01-01T00:00:00Z", "duration": "PT1H"}, NOW, NOW.replace(hour=19), EndKind.SCHEDULED),
        ({"start": "2026-07-14T18:30:00Z", "duration": "P9999Y"}, START, None, EndKind.UNTIL_RELEASED),
        ({"start": "2026-07-14T18:30:00Z"}, START, None, EndKind.UNTIL_RELEASED),
        (
            {"start": "2026-07-14T18:30Z", "duration": "P1DT30M"},
            START,
            START.replace(day=15, hour=19, minute=0),
            "scheduled",
        ),
        ({"start": "2026-07-14 18:30:00"}, START, None, EndKind.UNTIL_RELEASED),
        (..., None, None, EndKind.UNTIL_RELEASED),
    ],
)
def test_times(period, starts_at, ends_at, end_kind):
    found = result(intervalPeriod=period)
    assert (found.content.effective_at, found.content.ends_at, found.content.end_kind) == (starts_at, ends_at, end_kind)
    assert found.warnings == ()


@pytest.mark.parametrize("duration", ["four hours", "P1M", 5, "P", "PT"])
def test_a_duration_without_a_length_is_no_end(duration):
    found = result(intervalPeriod={"start": "2026-07-14T18:30:00Z", "duration": duration})
    assert (found.content.ends_at, found.content.end_kind) == (None, EndKind.UNTIL_RELEASED)
    assert "expected e.g. PT4H" in found.warnings[0]


@pytest.mark.parametrize(
    "targets", [["lrz-4", "site-1"], [{"type": "ZONE", "values": ["lrz-4"]}, {"type": "SITE", "values": ["site-1"]}]]
)
def test_targets_of_both_versions(targets):
    content = result(targets=targets).content
    assert content.zones == (Zone(scheme="MISO-LRZ", code="4"),)
    assert content.resources == (ResourceRef(scheme="OPENADR", code="site-1"),)


@pytest.mark.parametrize(
    ("priority", "severity"),
    [(0, Severity.CRITICAL), (None, Severity.CRITICAL), (3, Severity.WARNING), ("x", Severity.WARNING)],
)
def test_severity(priority, severity):
    assert result(priority=priority).content.severity is severity


def test_a_program_says_what_is_a_test():
    content = result(programID="9").content
    assert (content.mode, content.severity) == (Mode.TEST, Severity.INFO)
    assert result(programID="unheard-of").content.mode is Mode.ACTUAL


def test_later_intervals_are_told_as_text():
    second = {"id": 1, "payloads": [{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [-5000]}]}
    found = result(intervals=[*EVENT["intervals"], second])
    assert found.content.instruction.target_mw == 12.5
    assert found.content.text == "Interval 2: DISPATCH_SETPOINT_RELATIVE -5000"


def test_reading_again_says_the_same():
    """Servers notify of reads too: what was seen is a duplicate, what was not is an event."""
    assert result("READ").digest == result("CREATE").digest != result("DELETE").digest


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "expected OpenADR's notification, an object"),
        (b'{"objectType": "REPORT", "operation": "CREATE"}', 'expected "EVENT": subscribe to no others'),
        (b'{"objectType": "EVENT", "operation": "EAT"}', "expected one of CREATE, POST"),
        (b'{"objectType": "EVENT", "operation": "CREATE", "object": {}}', "object.programID: expected a value"),
        (b'{"objectType": "EVENT", "operation": "CREATE"}', "object: expected an object"),
    ],
)
def test_what_cannot_be_read_gets_200_as_well(body, reason):
    """A server stops sending to an address that refuses; people are told."""
    found = read(body, {}, FEED, NOW)
    assert isinstance(found[0], Unreadable)
    assert reason in found[0].reason
    assert answer("openadr", found) == (200, {"received": 1})


def test_an_event_without_an_id_gets_one_that_stays():
    body = json.dumps({name: value for name, value in EVENT.items() if name != "id"}).encode()
    (first,), (again,) = read(body, {}, FEED, NOW), read(body, {}, FEED, NOW)
    assert isinstance(first, Reading)
    assert isinstance(again, Reading)
    assert first.event_id is None
    assert first.follows is not None
    assert first.follows == again.follows
    assert first.follows.own_id.startswith("openadr-")
