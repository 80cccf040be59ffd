"""A canonical event: what must be there, what is assumed, what is kept, and what is said of mistakes."""

from datetime import UTC, datetime

import pytest

from intake.read import read
from model.event import Action, EndKind, MessageType, Mode, Phase, Severity
from model.reading import Feed, Reading, Unreadable

NOW = datetime(2026, 7, 14, tzinfo=UTC)

BARE = {"event_id": "E-1", "headline": "Cut 12.5 MW"}
ASKED = {**BARE, "instruction": {"action": "reduce_load", "target_mw": 12.5}}


def test_two_fields_are_enough(post):
    reading = post(BARE)
    content = reading.content
    assert (reading.event_id, reading.key, reading.revision) == ("E-1", "E-1", None)
    assert (content.message_type, content.mode) == (MessageType.NEW, Mode.ACTUAL)
    assert (content.phase, content.severity) == (Phase.INFO, Severity.WARNING)
    assert (content.end_kind, content.instruction.action) == (EndKind.UNTIL_RELEASED, None)
    assert reading.warnings == ("phase is not given and nothing is asked, taken as info",)
    assert reading.parsed == BARE


def test_an_asked_action_is_a_critical_event(post):
    reading = post(ASKED)
    assert (reading.content.phase, reading.content.severity) == (Phase.EVENT, Severity.CRITICAL)
    assert reading.content.instruction.target_mw == 12.5
    assert reading.warnings == ()


@pytest.mark.parametrize("field", ["revision", "mode", "severity", "phase", "instruction", "zones", "ends_at", "text"])
def test_null_is_absent(post, field):
    assert post({**ASKED, field: None}).content == post({k: v for k, v in ASKED.items() if k != field}).content


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"event_id": None}, "event_id", "text"),
        ({"event_id": ""}, "event_id", "1 to 200 printable characters"),
        ({"event_id": " E"}, "event_id", "without a space at either end"),
        ({"event_id": "E\n"}, "event_id", "printable"),
        ({"event_id": "E" * 201}, "event_id", "1 to 200"),
        ({"event_id": 7}, "event_id", "text"),
        ({"headline": "  "}, "headline", "at least one character"),
        ({"headline": None}, "headline", "text"),
        ({"revision": 0}, "revision", "not below 1"),
        ({"revision": True}, "revision", "a whole number"),
        ({"revision": "1"}, "revision", "a whole number"),
        ({"revision": 10**30}, "revision", "not above 2147483647"),
        ({"message_type": "neu"}, "message_type", "one of 'new', 'update', 'cancel' or 'terminate'"),
        ({"nerc_eea": 4}, "nerc_eea", "not above 3"),
        ({"effective_at": "2026-07-14T18:30:00"}, "effective_at", "offset, e.g. 2026-07-14T18:30:00Z"),
        ({"effective_at": "2026-07-14"}, "effective_at", "offset"),
        ({"effective_at": "2026-13-14T18:30:00Z"}, "effective_at", "offset"),
        ({"effective_at": 1784053800}, "effective_at", "offset"),
        ({"effective_at": "0001-01-01T00:00:00+10:00"}, "effective_at", "offset"),
        ({"effective_at": "1900-01-01T00:00:00Z"}, "effective_at", "between the years 1970 and 9998"),
        ({"instruction": {"target_mw": True}}, "instruction.target_mw", "a number"),
        ({"instruction": {"target_mw": -1}}, "instruction.target_mw", "not below 0"),
        ({"instruction": {"target_mw": "12"}}, "instruction.target_mw", "a number"),
        ({"instruction": {"action": "curtail"}}, "instruction.action", "one of"),
        ({"instruction": []}, "instruction", "an object"),
        ({"instruction": {"mandatory": 1}}, "instruction.mandatory", "true or false"),
        ({"zones": {}}, "zones", "a list"),
        ({"zones": [{"scheme": "MISO-LRZ"}]}, "zones[0].code", "required"),
        ({"zones": [{"scheme": "MISO-LRZ", "code": 4}]}, "zones[0].code", "text"),
        ({"references": [1]}, "references[0]", "text"),
        ({"references": ["x"] * 5001}, "references", "at most 5000 members"),
    ],
)
def test_a_mistake_is_named_with_its_place(post, change, field, expected):
    result = post({**BARE, **change})
    assert isinstance(result, Unreadable)
    assert [problem.field for problem in result.problems] == [field]
    assert expected in result.problems[0].expected


def test_what_is_missing_is_named(post):
    problem = post({"event_id": "E"}).problems[0]
    assert str(problem) == "headline: expected a value, it is required, found nothing"


def test_all_mistakes_are_told_together_with_the_event_they_are_about(post):
    result = post({"event_id": "E-1", "revision": 0, "issued_at": "now"})
    assert {problem.field for problem in result.problems} == {"headline", "revision", "issued_at"}
    assert result.event_id == "E-1"


@pytest.mark.parametrize("value", [None, 1, "x", True, 1.5])
def test_a_body_that_is_no_event(post, value):
    assert isinstance(post(value), Unreadable)


def test_long_finds_are_shortened(post):
    problem = post({**BARE, "revision": "x" * 100_000}).problems[0]
    assert len(problem.found) <= 80


def test_unknown_words_do_not_stop_an_event(post):
    said = {"mode": "DRILL", "phase": "Warning", "severity": "5", "end_kind": "?", "clock_start": "?"}
    reading = post({**ASKED, **said})
    content = reading.content
    assert (content.mode, content.phase, content.severity) == (Mode.ACTUAL, Phase.EVENT, Severity.CRITICAL)
    assert content.phase_detail == "Warning"
    assert content.extra == said
    assert len(reading.warnings) == 5
    assert 'mode "DRILL" is unknown, taken as actual' in reading.warnings


def test_unknown_fields_are_kept(post):
    data = {
        **BARE,
        "phase": "event",
        "severity": "notice",
        "schema_version": 9,
        "ramp": [1],
        "instruction": {"ramp": 5},
        "zones": [{"scheme": "a", "code": "b", "name": "North"}],
    }
    content = post(data).content
    assert content.severity is Severity.NOTICE
    extra = {"schema_version": 9, "ramp": [1], "instruction": {"ramp": 5}, "zones[0]": {"name": "North"}}
    assert content.extra == extra


def test_long_texts_are_cut_and_kept_whole_in_parsed(post):
    reading = post({**ASKED, "headline": "h" * 101, "text": "t" * 1028})
    assert (len(reading.content.headline), len(reading.content.text)) == (100, 1027)
    assert reading.warnings == ("headline has 101 characters, cut at 100", "text has 1028 characters, cut at 1027")
    assert len(reading.parsed["headline"]) == 101
    assert reading.digest != post({**ASKED, "headline": "h" * 102, "text": "t" * 1028}).digest


@pytest.mark.parametrize("action", ["release", "none", "informational"])
def test_what_asks_nothing_has_no_megawatts(post, action):
    reading = post({**BARE, "instruction": {"action": action, "target_mw": 12.5}})
    assert reading.content.instruction.target_mw == 0.0


@pytest.mark.parametrize(
    ("message_type", "action", "phase"),
    [("cancel", Action.NONE, Phase.INFO), ("terminate", Action.RELEASE, Phase.TERMINATION)],
)
def test_what_ends_an_event_never_asks(post, message_type, action, phase):
    silent = post({**BARE, "message_type": message_type}).content
    carrying = post({**ASKED, "message_type": message_type})
    assert silent.severity is Severity.WARNING
    for content in (silent, carrying.content):
        assert (content.instruction.action, content.instruction.target_mw, content.phase) == (action, 0.0, phase)
    assert f"a {message_type} that says reduce_load is read as {action}" in carrying.warnings


def test_ends(post):
    """The year 9999 is no end; an end before the start is worth a word; any offset becomes UTC."""
    never = post({**ASKED, "ends_at": "9999-12-31T23:59:59Z"})
    assert never.content.ends_at is None
    assert never.warnings == ('ends_at "9999-12-31T23:59:59Z" is read as no end',)
    early = post({**ASKED, "effective_at": "2026-07-14T13:30:00-05:00", "ends_at": "2026-07-14T18:29:59Z"})
    assert early.content.effective_at == datetime(2026, 7, 14, 18, 30, tzinfo=UTC)
    assert early.warnings == ("ends_at is before effective_at",)


def test_an_unknown_timezone_is_not_used(post):
    reading = post({**ASKED, "source_timezone": "../etc/passwd"})
    assert reading.content.source_timezone is None
    assert reading.content.extra == {"source_timezone": "../etc/passwd"}


def test_one_bad_member_loses_no_other(post):
    body = b'[{"event_id":"A","headline":"a"}, 7, {"event_id":"B"}, {"event_id":"C","headline":NaN},'
    body += b'{"event_id":"D","event_id":"D"}, {"event_id":"E","headline":"e"}]'
    results = read(body, {}, Feed(source="miso"), NOW)
    assert [isinstance(r, Reading) for r in results] == [True, False, False, False, False, True]
    assert [r.problems[0].field for r in results[1:5]] == ["[1]", "[2].headline", "[3].headline", "[4]"]
    assert [r.event_id for r in results] == ["A", None, "B", "C", None, "E"]


@pytest.mark.parametrize("count", [0, 501])
def test_a_list_has_1_to_500_members(post, count):
    (result,) = post([BARE] * count)
    assert result.problems[0].expected == "a list of 1 to 500"


def test_500_members_are_read(post):
    assert all(isinstance(result, Reading) for result in post([BARE] * 500))
