"""A JSON shape described by expressions is read like any other format, whatever the expressions and the message are."""

import json
import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from jmespath.exceptions import JMESPathError

from intake import jmes
from intake.jmes import DEPTH, EXPRESSION_CHARS, Search, TooCostly, compiled
from intake.mapping import MEMBERS, REQUIRED
from intake.read import read
from model.event import Action, MessageType, Mode, ResourceRef, Severity, Zone
from model.reading import Feed, Order, Reading, Unreadable
from tests.unit.intake.test_bounds import BYTES, GENEROUSLY, SIZE

NOW = datetime(2026, 7, 14, 17, 58, 41, tzinfo=UTC)
MAPPING = {
    "event_id": "join('-', [site, to_string(number)])",
    "headline": "message",
    "message_type": "kind == 'CLEAR' && 'terminate' || 'new'",
    "mode": "drill && 'drill' || 'actual'",
    "severity": "priority < `2` && 'critical' || 'warning'",
    "issued_at": "at",
    "effective_at": "window.start",
    "ends_at": "window.end",
    "action": "kind == 'SHED' && 'reduce_load' || null",
    "target_mw": "amount",
    "target_unit": "unit",
    "zones": "areas[].{scheme: 'AREA', code: @}",
}
ALARM = {
    "site": "FOUNDRY",
    "number": 17,
    "message": "Shed 19,226 kW",
    "kind": "SHED",
    "drill": False,
    "priority": 1,
    "at": 1784051921,
    "window": {"start": "2026-07-14T13:30", "end": 1784068200000},
    "amount": "19,226",
    "unit": "kW",
    "areas": ["4", 7],
    "colour": "red",
}


def results(message: Any, mapping: dict[str, str] | None = None, timezone: str = "America/Chicago") -> tuple[Any, ...]:
    feed = Feed(source="s", format="mapping", timezone=timezone, mapping=MAPPING if mapping is None else mapping)
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return read(body, {"content-type": "application/json"}, feed, NOW)


def one(message: Any, **mapping: str) -> Reading:
    (found,) = results(message, MAPPING | mapping)
    assert isinstance(found, Reading), found
    return found


def test_a_shape_that_nobody_thought_of() -> None:
    """A time without seconds and offset, epoch seconds and milliseconds, thousands with commas, kilowatts."""
    found = one(ALARM)
    content = found.content
    assert (found.event_id, found.key, found.warnings) == ("FOUNDRY-17", "FOUNDRY-17", ())
    assert content.issued_at == datetime(2026, 7, 14, 17, 58, 41, tzinfo=UTC)
    assert content.effective_at == datetime(2026, 7, 14, 18, 30, tzinfo=UTC)
    assert content.ends_at == datetime(2026, 7, 14, 22, 30, tzinfo=UTC)
    assert (content.instruction.action, content.instruction.target_mw) == (Action.REDUCE_LOAD, 19.226)
    assert (content.severity, content.mode, content.message_type) == (Severity.CRITICAL, Mode.ACTUAL, MessageType.NEW)
    assert content.zones == (Zone(scheme="AREA", code="4"), Zone(scheme="AREA", code="7"))
    assert found.parsed == ALARM  # what nobody asked for is kept


def test_its_end() -> None:
    found = one(ALARM | {"kind": "CLEAR", "drill": True})
    assert (found.content.message_type, found.content.instruction.action) == (MessageType.TERMINATE, Action.RELEASE)
    assert found.content.mode is Mode.DRILL


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({"window": {"start": "soon"}}, 'effective_at "soon" is left out: expected a time'),
        ({"amount": "lots"}, 'target_mw "lots" is left out: expected an amount of power in kW'),
        ({"amount": -3}, "target_mw -0.003 is left out: expected an amount from 0"),
        ({"unit": "horses"}, 'target_mw "19,226" is left out: expected an amount of power in horses'),
        ({"areas": [{}]}, "zones an object with 2 field(s) is left out: expected an object with scheme and code"),
        ({"priority": "1"}, None),  # text and a number are not compared
    ],
)
def test_what_cannot_be_read_is_left_out_and_said(changed: dict[str, Any], warning: str | None) -> None:
    """People are called all the same."""
    assert one(ALARM | changed).warnings == ((warning,) if warning else ())


def test_a_function_that_is_given_the_wrong_thing_leaves_its_field_out() -> None:
    found = one(ALARM, text="join(' ', number)", revision="number", nerc_eea="number", references="areas")
    assert [w.partition(":")[0] for w in found.warnings] == ["text is left out", "nerc_eea 17 is left out"]
    assert (found.revision, found.content.references) == (17, ("4", "7"))


@pytest.mark.parametrize("missing", REQUIRED)
def test_without_id_or_headline_nobody_can_read_it(missing: str) -> None:
    (found,) = results({"a": "x"}, {"event_id": "a", "headline": "a", missing: "alarm.name"})
    assert isinstance(found, Unreadable)
    assert found.reason == f"{missing}: expected text, it is required, found nothing that can be read at alarm.name"
    assert found.event_id == (None if missing == "event_id" else "x")


@pytest.mark.parametrize("name", ["message_type", "action", "target_kind"])
def test_a_word_on_which_much_depends_is_not_guessed(name: str) -> None:
    (found,) = results(ALARM, MAPPING | {name: "'whatever'"})
    assert isinstance(found, Unreadable)
    assert 'found "whatever"' in found.reason


def test_several_events_in_a_message() -> None:
    listed = {"alarms": [ALARM, ALARM | {"message": None}, ALARM | {"number": 18}]}
    first, second, third = results(listed, MAPPING | {"each": "alarms"})
    assert (first.event_id, third.event_id) == ("FOUNDRY-17", "FOUNDRY-18")
    assert isinstance(second, Unreadable)
    assert second.event_id == "FOUNDRY-17"
    assert [r.event_id for r in results([ALARM, ALARM | {"number": 18}])] == ["FOUNDRY-17", "FOUNDRY-18"]


@pytest.mark.parametrize("number", [20260714123456789, 20260714123456790, 1784051921123456789, 2**64, -3])
def test_a_long_number_is_an_id_to_its_last_digit(number):
    """Made of the time, as many are: rounded, two alarms of one moment would be one, and ring once."""
    assert one(ALARM | {"number": number}, event_id="number").event_id == str(number)


def test_a_number_that_is_too_long_for_an_id_is_none():
    (found,) = results(ALARM | {"number": 10**300}, MAPPING | {"event_id": "number"})
    assert isinstance(found, Unreadable)


@pytest.mark.parametrize("each", ["nothing", "message", "areas[9:]", "length(number)"])
def test_a_message_without_events_is_unreadable(each: str) -> None:
    (found,) = results(ALARM, MAPPING | {"each": each})
    assert isinstance(found, Unreadable)
    assert found.problems[0].field == each
    assert found.problems[0].expected.startswith("a list")


def test_too_many_events_are_too_many() -> None:
    assert len(results([ALARM] * MEMBERS)) == MEMBERS
    (found,) = results([ALARM] * (MEMBERS + 1))
    assert isinstance(found, Unreadable)


def test_what_follows_what() -> None:
    """By number, else by the time of issue, else as it comes."""
    assert one(ALARM, revision="number").order is Order.NUMBERED
    assert one(ALARM).order is Order.ISSUED
    assert one(ALARM | {"at": None}).order is Order.ARRIVAL


def test_resources_and_their_shares() -> None:
    found = one(ALARM, resources="areas[].{scheme: 'SITE', code: @, target_mw: '1,2'} | [:1]", mandatory="'yes'")
    assert found.content.resources == (ResourceRef(scheme="SITE", code="4"),)
    assert found.content.instruction.mandatory


def test_a_source_without_a_mapping_says_so() -> None:
    (found,) = results(ALARM, {})
    assert isinstance(found, Unreadable)
    assert "mapping" in found.reason


# --- expressions that cost too much ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("a.", "Parse error|Incomplete expression|Invalid"),
        ("", "[Ee]mpty"),
        ("a" * (EXPRESSION_CHARS + 1), f"at most {EXPRESSION_CHARS} characters"),
        ("(" * 400 + "a" + ")" * 95, "Invalid|too deeply|Incomplete|Parse"),
        ("!" * 450 + "a", "nested too deeply|nested 20 deep"),
        ("a." * 200 + "a", "at most 100 parts"),
        ("!(" * DEPTH + "a" + ")" * DEPTH, "nested 20 deep"),
        ("map(&a, b)", "there is no function map here"),
        ("type(&a)", "& is not used here"),
        ("sort(b)", "there is no function sort here"),
        ("nonsense(b)", "there is no function nonsense here"),
        ('`"\\u0000"`', "characters that cannot be kept"),
        ('`"\\ud800"`', "characters that cannot be kept"),
    ],
)
def test_expressions_that_are_not_taken(expression: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compiled(expression)


def _objects(count: int) -> dict[str, Any]:
    return {"l": [{"a": n, "b": "x"} for n in range(count)], "s": "a" * 80_000, "t": "a" * 80_000, "n": [1] * 15_000}


BOMBS = (
    "l[?a == `1`] | [0].a",
    " | ".join(["[@,@,@,@,@,@,@,@,@][]"] * 7),
    " | ".join(["[@,@,@,@,@,@]"] * 11) + " | length(@)",
    "[l,l,l,l,l,l,l,l,l,l][] | [@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@][] | [0]",
    "[l,l,l,l,l,l,l,l,l,l][].l[] | [:] | [:] | [:]",
    "[l,l,l,l,l,l,l,l][*][:][:][:][:][:] | [0]",
    "l[*].[s == t]",
    "[s,s,s,s,s,s,s,s,s,s,s][?@ == 'x'] | [?contains(@, 'ab')] | [0]",
    "l == l",
    "l[?@ == @]",
    "contains(l, l)",
    "join('', [s, t])",
    "join(s, [t, t, t, t, t, t, t])",
    "to_string(l)",
    "to_string([@,@])",
    "max(l[].a)",
    "sum([l,l,l,l,l,l,l,l,l,l][][].a)",
    f"[{','.join('n' * 60)}][*].sum(@)",
    "values(@) | [] | values([0]) | [0]",
    "*.*.*.*",
    "@.*[].*[].*[]",
)


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_bomb_goes_off(bomb: str) -> None:
    """Within the bound that holds for every format: time and memory for 256 KB."""
    assert compiled(bomb)
    body = json.dumps(_objects(4_000), separators=(",", ":")).encode()
    assert SIZE * 0.8 < len(body) < SIZE * 1.1
    mapping = {"event_id": "'E'", "headline": "'h'", **{name: bomb for name in ("text", "issued_at", "zones", "mode")}}

    def seconds() -> float:
        begun = time.process_time()
        assert results(body, mapping)
        return time.process_time() - begun

    assert any(seconds() < GENEROUSLY for _ in range(3))
    tracemalloc.start()
    results(body, mapping)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < BYTES


def test_steps_are_counted_over_the_whole_message() -> None:
    search = Search(100)
    for _ in range(3):
        search.find("[a, b, c]", {"a": 1})
    with pytest.raises(TooCostly):
        search.find(" && ".join(["[a, b, c]"] * 18), {"a": 1})
    (found,) = results({"l": [1] * 20_000}, MAPPING | {"text": "l[?@ == `2`]"})
    assert isinstance(found, Unreadable)
    assert (
        found.reason == f"expected at most {jmes.STEPS} steps, found a message that the mapping works on for too long"
    )


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("a.b[1]", 2),
        ("a.b[-1]", 3),
        ("a.b[?@ > `1`]", [2, 3]),
        ("a.b[1:]", [2, 3]),
        ("[a.b, a.b][]", [1, 2, 3, 1, 2, 3]),
        ("a == a", False),  # objects are equal to nothing
        ("a.b != a.b", True),
        ("c == 'x' && !d", True),
        ("c < `1`", None),
        ("c >= 'a'", True),
        ("length(a.b)", 3),
        ("contains(a.b, `2`)", True),
        ("contains(c, 'x')", True),
        ("starts_with(c, 'x') && ends_with(c, 'x')", True),
        ("not_null(d, c)", "x"),
        ("sum(a.b)", 6),
        ("to_number('1e999')", float("inf")),
        ("values(a) | [0][0]", 1),
        ("keys(a)", ["b"]),
        ("to_string(a.b[0])", "1"),
        ("type(a)", "object"),
        ("*.b", [[1, 2, 3]]),
    ],
)
def test_the_language_is_what_it_says(expression: str, found: Any) -> None:
    assert Search().find(expression, {"a": {"b": [1, 2, 3]}, "c": "x", "d": None}) == found


def test_a_wrong_argument_is_said() -> None:
    with pytest.raises(JMESPathError):
        Search().find("starts_with(a, 'x')", {"a": 1})
