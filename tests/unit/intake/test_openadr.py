"""OpenADR 3.0 and 3.1: two vocabularies, kilowatts, "now", open ends, and deletions that still carry the order."""

import json
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

import pytest

from intake.read import answer, read
from model.event import Action, EndKind, Instruction, MessageType, Mode, Phase, ResourceRef, Severity, TargetKind, Zone
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
        ("DISPATCH_SETPOINT_RELATIVE", -400, "KW", Action.REDUCE_LOAD, 0.4),
        ("DISPATCH_SETPOINT_RELATIVE", -3, "MW", Action.REDUCE_LOAD, 3),
        ("DISPATCH_SETPOINT_RELATIVE", 0, None, Action.NONE, 0),
        ("DISPATCH_SETPOINT", 2000, None, None, 2),
        ("DISPATCH_SETPOINT", 0, None, None, 0),
        ("IMPORT_CAPACITY_LIMIT", "1,500", None, Action.REDUCE_LOAD, 1.5),
        ("SIMPLE", 2, None, Action.REDUCE_LOAD, None),
        ("SIMPLE", 0, None, Action.NONE, 0),
        ("ALERT_FLEX_ALERT", "Save power", None, Action.INFORMATIONAL, 0),
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


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("DISPATCH_SETPOINT_RELATIVE", 5000, "consume 5 MW more"),
        ("DISPATCH_SETPOINT_RELATIVE", "lots", 'DISPATCH_SETPOINT_RELATIVE "lots" KW'),
        ("DISPATCH_SETPOINT", -5000, "DISPATCH_SETPOINT -5 MW"),
        ("DISPATCH_INSTRUCTION", "X7", "DISPATCH_INSTRUCTION X7"),
    ],
)
def test_an_order_that_is_none_of_ours_is_for_a_person(kind, value, said):
    """By the standard a relative setpoint is a change of consumption: more of it is no generation."""
    content = result(**payloads((kind, value)), priority=None).content
    assert content.needs_reading
    assert (content.instruction, content.phase, content.severity) == (Instruction(), Phase.EVENT, Severity.CRITICAL)
    assert content.headline == f"Needs a human reading: {said} from Tue 18:30 UTC until Tue 22:30 UTC: Step 2"[:100]
    assert content.text == f"Interval 1, Tue 18:30 UTC: {kind} {value}"
    over = result("DELETE", **payloads((kind, value))).content
    assert (over.needs_reading, over.instruction.action) == (False, Action.NONE)


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


def intervals(*said: tuple[str, Any], periods: Any = ()) -> list[dict[str, Any]]:
    """An interval for each payload, with its own period where one is given."""
    found = [{"id": n, "payloads": [{"type": kind, "values": [value]}]} for n, (kind, value) in enumerate(said)]
    return [one | {"intervalPeriod": period} for one, period in zip_longest(found, periods)] if periods else found


def by(kilowatts: float) -> tuple[str, float]:
    return ("DISPATCH_SETPOINT_RELATIVE", kilowatts)


HOUR = {"start": "2026-07-14T18:30:00Z", "duration": "PT1H"}


@pytest.mark.parametrize(
    ("changed", "hours"),
    [
        ({"intervalPeriod": HOUR, "intervals": intervals(by(-1), by(-1), by(-1), by(-5))}, 4),
        (
            {
                "intervalPeriod": ...,
                "intervals": intervals(
                    by(-1), by(-5), periods=[HOUR, {"start": "2026-07-14T19:30:00Z", "duration": "PT3H"}]
                ),
            },
            4,
        ),
        (
            {
                "intervalPeriod": HOUR,
                "intervals": intervals(by(-1), by(-5), periods=[{}, {"duration": "PT3H"}]),
            },
            4,
        ),
        ({"intervalPeriod": HOUR, "intervals": intervals(by(-1), by(-5)), "duration": "PT5H"}, 5),
        ({"intervalPeriod": HOUR, "intervals": intervals(by(-1), by(-5)), "duration": "PT0S"}, 2),
        ({"intervalPeriod": HOUR, "intervals": intervals(by(-1), by(-5), periods=[{}, {"duration": "P9999Y"}])}, None),
        ({"intervalPeriod": HOUR, "intervals": intervals(by(-1), by(-5), periods=[{}, {"duration": "1 h"}])}, None),
        ({"intervalPeriod": HOUR, "intervals": []}, 1),
        ({"intervalPeriod": HOUR, "intervals": intervals(by(-1), by(-5)), "duration": "PT30M"}, 0.5),
    ],
)
def test_an_event_lasts_as_long_as_all_its_intervals(changed, hours):
    content = result(**changed).content
    assert content.effective_at == START
    assert content.ends_at == (START + timedelta(hours=hours) if hours else None)
    assert content.message_type is MessageType.NEW


def test_what_nobody_can_read_in_many_intervals_is_said_once():
    wrong = [{"duration": "1 h"}] * 30
    found = result(intervals=intervals(*[by(-1)] * 30, periods=wrong))
    assert found.warnings == ('duration "1 h" is not used: expected e.g. PT4H',)


def test_the_order_is_the_first_interval_that_asks():
    """It begins when that one does."""
    content = result(intervalPeriod=HOUR, intervals=intervals(("SIMPLE", 0), ("SIMPLE", 2))).content
    assert content.instruction.action is Action.REDUCE_LOAD
    assert (content.effective_at, content.ends_at) == (START + timedelta(hours=1), START + timedelta(hours=2))
    assert content.text == "Interval 1, Tue 18:30 UTC: SIMPLE 0"
    assert content.later == ""
    outside = result(intervalPeriod=HOUR, intervals=intervals(("SIMPLE", 0), ("SIMPLE", 2)), duration="PT1H").content
    assert outside.ends_at == START + timedelta(hours=2)
    nothing = result(intervalPeriod=HOUR, intervals=intervals(("SIMPLE", 0), ("SIMPLE", 0))).content
    assert (nothing.instruction.action, nothing.effective_at) == (Action.NONE, START)
    alert = result(intervalPeriod=HOUR, intervals=intervals(("PRICE", 1), ("ALERT_OTHER", "Be ready"))).content
    assert (alert.headline, alert.instruction.action) == ("Be ready", Action.INFORMATIONAL)


@pytest.mark.parametrize(
    ("kind", "value", "phase", "severity"),
    [
        ("PRICE", 0.17, Phase.INFO, Severity.NOTICE),
        ("ALERT_FLEX_ALERT", "Save power", Phase.ADVISORY, Severity.NOTICE),
        ("ALERT_OTHER", "Be ready", Phase.ALERT, Severity.WARNING),
        ("ALERT_GRID_EMERGENCY", "Be ready", Phase.EVENT, Severity.CRITICAL),
    ],
)
def test_what_orders_nothing_is_no_emergency(kind, value, phase, severity):
    """Without a priority an order is critical; of a price nobody is woken."""
    content = result(**payloads((kind, value)), priority=None).content
    assert (content.phase, content.severity) == (phase, severity)


@pytest.mark.parametrize("kind", ["EXPORT_CAPACITY_LIMIT", "CONTROL_SETPOINT", "X_SHED"])
def test_what_we_do_not_know_may_be_an_order(kind):
    content = result(**payloads((kind, 0)), priority=None).content
    assert (content.phase, content.severity, content.needs_reading) == (Phase.EVENT, Severity.CRITICAL, True)
    assert content.headline.startswith(f"Needs a human reading: {kind} 0")


def test_an_order_that_changes_later_says_so():
    steps = intervals(by(-12500), by(-12500), by(-12500), by(-5000), by(-5000))
    content = result(intervalPeriod=HOUR, intervals=steps).content
    assert content.instruction.target_mw == 12.5
    assert content.later == content.text == "Interval 4, Tue 21:30 UTC: DISPATCH_SETPOINT_RELATIVE -5000"
    same = result(intervalPeriod=HOUR, intervals=steps[:3]).content
    assert (same.later, same.text) == ("", "")
    late = [{}, {"start": "2026-07-14T20:30:00Z"}]
    paused = result(intervalPeriod=HOUR, intervals=intervals(by(-1), by(-1), periods=late)).content
    assert paused.later == paused.text == "Interval 2, Tue 20:30 UTC: DISPATCH_SETPOINT_RELATIVE -1"
    begins = [{"start": "2026-07-14T18:30:00Z"}, {"start": "2026-07-14T20:30:00Z"}]
    endless = result(intervalPeriod=..., intervals=intervals(by(-1), by(-1), periods=begins)).content
    assert (endless.end_kind, endless.later) == (EndKind.UNTIL_RELEASED, "")
    short = result(intervalPeriod=HOUR, intervals=steps, duration="PT3H").content
    assert (short.ends_at, short.later) == (START + timedelta(hours=3), "")
    now = {"start": "0001-01-01T00:00:00Z", "duration": "PT1H"}
    at_once = result(intervalPeriod=..., intervals=intervals(by(-1), by(-1), periods=[now, now])).content
    assert (at_once.effective_at, at_once.ends_at, at_once.later) == (NOW, NOW + timedelta(hours=2), "")
    priced = [
        step | {"payloads": [*step["payloads"], {"type": "PRICE", "values": [n]}]} for n, step in enumerate(steps)
    ]
    assert result(intervalPeriod=HOUR, intervals=priced[:3]).content.later == ""


@pytest.mark.parametrize(
    ("changed", "cancels"),
    [
        ({"duration": "PT0S"}, False),
        ({"duration": "PT0S", "intervalPeriod": HOUR | {"duration": "PT0S"}}, True),
        ({"intervalPeriod": HOUR | {"duration": "PT0S"}}, True),
        (
            {
                "intervalPeriod": HOUR | {"duration": "PT0S"},
                "intervals": intervals(by(-1), periods=[{"duration": "PT4H"}]),
            },
            False,
        ),
        ({"duration": "PT0S", "intervalPeriod": {"start": "0001-01-01T00:00:00Z", "duration": "PT4H"}}, True),
        ({"intervalPeriod": {"start": "0001-01-01", "duration": "PT0S"}}, True),
        ({"intervalPeriod": {"start": "0001-01-01", "duration": "PT4H"}}, False),
    ],
)
def test_what_lasts_no_time_is_cancelled_and_nothing_else(changed, cancels):
    content = result("UPDATE", **changed).content
    assert content.message_type.ends is cancels
    assert content.asks_action is not cancels
    if not cancels:
        assert content.ends_at in (START + timedelta(hours=4), NOW + timedelta(hours=4))


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
