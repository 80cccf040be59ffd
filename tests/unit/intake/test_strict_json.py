"""JSON that leaves room for two opinions is not read, and the place is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        (b"[" * 20_000, "", "deeper nesting"),
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


_NAMES = st.sampled_from(["a", "b", 'q":', "c d", "\\u0041"])
_VALUES = st.recursive(
    st.sampled_from(["1", "1.5", "null", '"x"', '"a\\": 1"', "NaN", "1e999", "-0.0", '"\\ud83d"', "true"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]"),
        st.lists(st.tuples(_NAMES, st.sampled_from([":", " :", ": ", "\n:"]), inner), max_size=4).map(
            lambda fields: "{" + ",".join(f"{json.dumps(n)}{colon}{v}" for n, colon, v in fields) + "}"
        ),
    ),
    max_leaves=12,
)


@given(_VALUES)
def test_the_compiled_decoder_sees_what_the_strict_one_sees(text: str):
    """Whatever it is trusted with holds no field twice and no number that is none, and is read the same."""
    body = text.encode()
    quick = strict_json._quick(body)
    if quick is not None:
        value, flawed = strict_json._decode(text)
        assert not flawed
        assert quick == value


@pytest.mark.timeout(10)
def test_a_field_that_stands_twice_among_very_many_keeps_nobody_waiting():
    """Read before anybody's key is known: as slow as the square of the fields, it would take minutes."""
    names = [f'"{n:x}":0' for n in range(100_000)]
    with pytest.raises(NotReadable, match='"z" more than once'):
        whole(f'{{{",".join(names)},"z":0,"z":0}}'.encode())
