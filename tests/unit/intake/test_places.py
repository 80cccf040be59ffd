"""A problem is shown where it lies in the text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.places import Place, place_of
from intake.read import read
from model.reading import Feed, Problem, Unreadable
from tests.unit.routing.house import NOW

TEXT = """{
  "id": "1", "data": {
    "zones": [{"scheme": "A"}, {"code": 4}],
    "odd.name": 1, "a\\u0009b": 2
  }
}"""


def at(field: str, text: str = TEXT, found: str = "") -> Place | None:
    return place_of(text, Problem(field=field, found=found, expected=""))


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("id", (2, 9)),
        ("data.zones[1].code", (3, 41)),
        ("data.zones[1]", (3, 32)),
        ("data.zones[0].code", (3, 15)),  # not there: the object that lacks it
        ("headline", (1, 1)),
        ('data."a\\tb"', (4, 32)),
        ("data.zones[7].code", None),
        ("data.zones.code", None),
        ("data.id.x", None),
        ("ce-id", (1, 1)),
        ("data.zo…", None),
        ("[0]", None),
        ("", None),
    ],
)
def test_a_field(field: str, place: tuple[int, int] | None) -> None:
    assert at(field) == place


def test_a_member_of_a_list() -> None:
    assert at("[1].a", '[{"a": 1},\n {"a": 2}]') == (2, 8)


@pytest.mark.parametrize(
    ("body", "format", "place"),
    [
        (b'{"event_id": "E",\n "headline": }', "canonical", (2, 14)),
        (b'{"event_id": "E", "headline": 5}', "canonical", (1, 31)),
        (b'[{"event_id": "E", "headline": "h"},\n {"event_id": "F"}]', "canonical", (2, 2)),
        (b"<alert>\n <a></b>\n</alert>", "cap", (2, 7)),
    ],
)
def test_what_a_reader_found(body: bytes, format: str, place: tuple[int, int]) -> None:
    found = read(body, {}, Feed(source="s", format=format), NOW)
    [problem] = [problem for one in found if isinstance(one, Unreadable) for problem in one.problems]
    assert place_of(body.decode(), problem) == place


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=4),
)


@given(st.text(max_size=60) | JSON.map(json.dumps), st.text(max_size=30), st.text(max_size=30))
def test_nothing_is_too_odd(text: str, field: str, found: str) -> None:
    place = at(field, text, found)
    assert field == "" or place is None or text.split("\n")[place.line - 1][place.column - 1 :]


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), st.lists(JSON, min_size=1, max_size=3), min_size=1)
)
def test_every_value_is_found_where_it_begins(values: dict[str, list[object]]) -> None:
    text = json.dumps(values)
    for name, members in values.items():
        for number, value in enumerate(members):
            place = at(f"{name}[{number}]", text)
            assert place is not None
            assert text[place.column - 1 :].startswith(json.dumps(value))
