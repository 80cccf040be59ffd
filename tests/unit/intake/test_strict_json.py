"""JSON that leaves room for two opinions is not read, and the place is named."""

import json

import pytest

from intake import strict_json
from intake.problem import NotReadable


def whole(body: bytes) -> object:
    document = strict_json.parse(body)
    return document.part(document.value)


@pytest.mark.parametrize(
    ("body", "field", "found"),
    [
        (b"", "", "an empty body"),
        (b" \n", "", "an empty body"),
        (b"{", "", "line 1 column 2"),
        (b"\xff{}", "", "not UTF-8"),
        (b'{"a": NaN}', "a", "NaN"),
        (b'{"a": [1, -Infinity]}', "a[1]", "-Infinity"),
        (b'{"a": {"b": 1e999}}', "a.b", "1e999"),
        (b'{"a": [{"b": 1, "c": 2, "b": 1}]}', "a[0]", '"b" more than once'),
        (b'{"a": "x\\u0000"}', "a", '"x\\u0000"'),
        (b'{"a": "\\uD83D"}', "a", '"\\ud83d"'),
        (b'{"a\\u0000": 1}', "", '"a\\u0000"'),
        (b"[" * 65 + b"]" * 65, "[0]" * 64, "deeper nesting"),
        (b"[" * 100_000, "", "deeper nesting"),
        (b'{"a": ' + b"9" * 5000 + b"}", "", "digits"),
    ],
)
def test_refused(body: bytes, field: str, found: str):
    with pytest.raises(NotReadable) as error:
        whole(body)
    problem = error.value.problems[0]
    assert problem.field == field
    assert found in problem.found
    assert len(problem.found) <= 90


@pytest.mark.parametrize(
    "value", ["\U0001f600", {"a": [1, 1.5, None, True]}, [[[]]] * 100, json.loads("[" * 64 + "]" * 64)]
)
def test_taken(value: object):
    assert whole(json.dumps(value).encode()) == value


def test_a_byte_order_mark_is_no_flaw():
    assert strict_json.parse(b"\xef\xbb\xbf[1]").value == [1]


def test_a_flaw_is_found_only_in_its_own_member():
    document = strict_json.parse(b'[{"a": NaN}, {"a": 1}]')
    assert not document.sound(document.value[0])
    assert document.sound(document.value[1])


def test_only_a_few_flaws_are_told():
    with pytest.raises(NotReadable) as error:
        whole(b'{"a": [' + b"NaN," * 1000 + b"1]}")
    assert [problem.field for problem in error.value.problems] == ["a[0]", "a[1]", "a[2]"]
