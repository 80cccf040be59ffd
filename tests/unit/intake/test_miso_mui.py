"""MISO's notifications: flags and numbers as text, an identity made of their words, and texts nobody can read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from intake.read import answer, read
from model.event import Action, EndKind, MessageType, Mode, Phase, Severity
from model.reading import Feed, Reading, Unreadable

NOW = datetime(2026, 7, 14, 17, 58, 45, tzinfo=UTC)
MESSAGE = {
    "realm": "Private",
    "source": "MISO",
    "destination": "ACME",
    "priority": 0,
    "text": "Max Gen Event Step 2 for LRZ 4. EDR Dispatch: resource ACME.FOUNDRY1, reduce 12.5 MW.",
    "effectiveTime": "2026-07-14T13:30:00-05:00",
    "terminationTime": "2026-07-14T17:30:00-05:00",
}


def results(*messages: Any, test: Any = "false") -> Any:
    body = json.dumps({"test": test, "notificationData": {"messages": list(messages)}}).encode()
    return read(body, {}, Feed(source="miso", format="miso-mui"), NOW)


def one(test: Any = "false", **changed: Any) -> Reading:
    (found,) = results(MESSAGE | changed, test=test)
    assert isinstance(found, Reading)
    return found


def test_what_the_text_says():
    content = one().content
    assert content.headline == "MISO EDR: cut 12.5 MW by 13:30 EST, zone 4"
    assert (content.instruction.action, content.instruction.target_mw) == (Action.REDUCE_LOAD, 12.5)
    assert [(r.code, r.target_mw) for r in content.resources] == [("ACME.FOUNDRY1", 12.5)]
    assert content.source_timezone == "Etc/GMT+5"
    assert content.extra == {"destination": "ACME", "priority": 0, "realm": "Private"}


@pytest.mark.parametrize(
    ("test", "text", "mode"),
    [
        ("false", "Max Gen Warning", Mode.ACTUAL),
        (False, "Max Gen Warning", Mode.ACTUAL),
        ("true", "Max Gen Warning", Mode.TEST),
        (True, "Max Gen Warning", Mode.TEST),
        (" TRUE ", "Max Gen Warning", Mode.TEST),
        ("true", "OPERATOR DRILL. Max Gen Warning", Mode.DRILL),
        ("true", "Max Gen Warning for those of the drill", Mode.DRILL),
        ("true", "Max Gen Warning. This is not a drill", Mode.TEST),
    ],
)
def test_mode(test, text, mode):
    found = one(test, text=text)
    assert found.content.mode is mode
    assert (found.content.severity is Severity.INFO) is (mode is not Mode.ACTUAL)
    assert found.warnings == ()


ORDER = "Max Gen Event Step 2 Declaration for LRZ 4. EDR Dispatch: reduce 12.5 MW and maintain until released."


@pytest.mark.parametrize(
    ("test", "text", "why"),
    [
        ("false", f"OPERATOR DRILL. {ORDER}", "it speaks of a drill, and its source says that it is none"),
        (
            False,
            f"{ORDER} This is what we had in the drill.",
            "it speaks of a drill, and its source says that it is none",
        ),
        ("false", "OPERATOR DRILL. Max Gen Warning", "it speaks of a drill, and its source says that it is none"),
        (None, f"{ORDER} This is what we had in the drill.", "it speaks of a drill, and may be none"),
        ("false", "Those of the drill may go home.", "it speaks of a drill, and may be none"),
    ],
)
def test_what_may_be_real_is_no_drill(test, text, why):
    """A real event must never be mistaken for a drill: a person reads which it is."""
    content = one(test, text=text).content
    assert (content.mode, content.severity) == (Mode.ACTUAL, Severity.CRITICAL)
    assert content.extra["needs_a_human_reading"] == why
    assert content.may_be_a_drill


@pytest.mark.parametrize(
    "text",
    [
        f"{ORDER} The operator drill planned for today is postponed.",
        "Actual event, no operator drill. Max Gen Event Step 2. EDR Dispatch: reduce 12.5 MW.",
    ],
)
def test_an_order_that_speaks_of_no_drill_of_its_own_is_an_order(text):
    content = one("false", text=text).content
    assert (content.mode, content.needs_reading, content.instruction.target_mw) == (Mode.ACTUAL, False, 12.5)


def test_a_drill_stays_one_where_its_source_says_nothing():
    assert one(None, text=f"OPERATOR DRILL - OPERATOR DRILL. {ORDER}").content.mode is Mode.DRILL
    assert one("false", text="OPERATOR DRILL. Try your phones.").content.mode is Mode.DRILL, "it orders nothing"


@pytest.mark.parametrize("test", [None, "maybe", 1, {}])
def test_what_is_no_test_flag_is_real(test):
    """A real event must never be mistaken for a test."""
    found = one(test)
    assert found.content.mode is Mode.ACTUAL
    assert "neither true nor false" in found.warnings[0]


@pytest.mark.parametrize("text", ["Call the control room about the lines at once.", "Reduce 5 MW, then reduce 20 MW."])
def test_a_text_nobody_can_read_still_goes_out(text):
    """With its text and its times, and as urgent as its priority says."""
    content = one(text=text).content
    assert content.headline.startswith(f"Needs a human reading: {text[:20]}")
    assert content.text == text
    assert (content.message_type, content.phase, content.severity) == (MessageType.NEW, Phase.EVENT, Severity.CRITICAL)
    assert (content.instruction.action, content.instruction.target_mw) == (None, None)
    assert content.effective_at == datetime(2026, 7, 14, 18, 30, tzinfo=UTC)
    assert one(text=text, priority=7).content.severity is Severity.WARNING


@pytest.mark.parametrize(
    "text",
    [
        "The Max Gen Warning has been terminated. The Max Gen Event Step 2 remains in effect for LRZ 4.",
        "Max Gen Event Step 2 for LRZ 4: all planned outages are cancelled",
    ],
)
def test_a_release_that_may_be_none_releases_nothing(text):
    """It is an event of its own, as urgent as an order, and ends no other."""
    found = one(text=text, priority=7)
    assert found.content.needs_reading
    assert (found.content.message_type, found.content.phase) == (MessageType.NEW, Phase.EVENT)
    assert found.content.severity is Severity.CRITICAL
    assert found.content.instruction.action is None
    assert found.follows is not None
    assert found.follows.alike is False


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-07-14T13:30:00", "18:30"),
        ("2026-07-14T13:30", "18:30"),
        ("2026-07-14 13:30:00.5-05:00", "18:30"),
        ("2026-07-14T18:30Z", "18:30"),
        ("20260714T183000Z", "18:30"),
        (1784053800, "18:30"),
        (1784053800000, "18:30"),
        ("1784053800000", "18:30"),
        ("2026-07-13T24:00", "05:00"),
    ],
)
def test_times_as_they_are_written(written, at):
    """Without seconds, without offset (EST all year), at hour 24, in epoch seconds and milliseconds."""
    found = one(effectiveTime=written)
    assert found.content.effective_at is not None
    assert f"{found.content.effective_at:%Y-%m-%d %H:%M}" == f"2026-07-14 {at}"
    assert found.warnings == ()


def test_a_time_nobody_can_read_costs_that_time_only():
    found = one(effectiveTime="half past one", terminationTime=None)
    assert (found.content.effective_at, found.content.ends_at) == (None, None)
    assert found.content.end_kind is EndKind.UNTIL_RELEASED
    assert found.warnings == (
        'effectiveTime "half past one" is not used: expected a timestamp with offset, e.g. 2026-07-14T18:30:00Z',
    )


def test_the_sooner_of_two_times_counts():
    """The text says by when to act; a later field must not let people be late."""
    found = one(text="Max Gen Event Step 2. Reduce 12.5 MW no later than 07/14/2026 13:15 EST.")
    assert found.content.effective_at == datetime(2026, 7, 14, 18, 15, tzinfo=UTC)
    assert found.warnings == ("the text says no later than 18:15 UTC, effectiveTime 18:30 UTC",)


def test_one_bad_message_does_not_hold_back_the_others():
    good, bad, other = results(MESSAGE, MESSAGE | {"text": ""}, MESSAGE | {"destination": "OTHER"})
    assert isinstance(good, Reading)
    assert isinstance(bad, Unreadable)
    assert bad.reason == 'notificationData.messages[1].text: expected at least 1 character(s), found ""'
    assert isinstance(other, Reading)
    assert good.native_id != other.native_id


def test_two_hundred_in_one_post():
    found = results(*(MESSAGE | {"destination": f"P{n}"} for n in range(200)))
    assert len({reading.native_id for reading in found}) == 200


def test_other_notifications_are_said_not_to_be_read():
    body = json.dumps({"test": "false", "notificationData": {"caseEvent": {"type": "RTUDS"}}}).encode()
    (found,) = read(body, {}, Feed(source="miso", format="miso-mui"), NOW)
    assert isinstance(found, Unreadable)
    assert "expected a list, one of messages or crDeployments" in found.reason


def test_it_always_gets_200():
    """How MISO takes anything else is not public, and what cannot be read is told to people anyway."""
    unreadable = read(b"{", {}, Feed(source="miso", format="miso-mui"), NOW)
    assert answer("miso-mui", unreadable) == (200, {"received": 1})
    assert answer("miso-mui", results(MESSAGE)) == (200, {"received": 1})


@pytest.mark.parametrize(("mw", "target"), [("1,012.5", 1012.5), (-3, None), ("many", None), (None, None)])
def test_a_deployment(mw, target):
    body = {"test": False, "notificationData": {"crDeployments": [{"pnodeName": "A.B", "timestamp": "x", "mw": mw}]}}
    (found,) = read(json.dumps(body).encode(), {}, Feed(source="miso", format="miso-mui"), NOW)
    assert isinstance(found, Reading)
    assert (found.content.instruction.target_mw, found.content.severity) == (target, Severity.CRITICAL)
    assert bool(found.warnings)
