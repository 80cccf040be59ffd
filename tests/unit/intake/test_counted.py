"""The number of a message, wherever its source writes it."""

import json
from typing import Any

import pytest

from intake.read import read
from model.hole import CountedBy
from model.reading import Feed, Reading
from tests.unit.routing.house import NOW

EVENT = {"event_id": "E-1", "headline": "cut"}
ENVELOPE = {"specversion": "1.0", "id": "1", "source": "urn:s", "type": "t", "data": EVENT}
JSON = {"content-type": "application/json"}


def one(body: Any, by: CountedBy | None, headers: dict[str, str] = JSON, **more: Any) -> Reading:
    [found] = read(json.dumps(body).encode(), headers, Feed(source="s", counted_by=by, **more), NOW)
    assert isinstance(found, Reading)
    return found


@pytest.mark.parametrize(
    ("said", "number"),
    [(7, 7), ("0007", 7), (0, 0), (7.0, 7), (2**63 - 1, 2**63 - 1)]
    + [(wrong, None) for wrong in (None, -1, 7.5, True, "7a", "٧", "9" * 30, 2**63, [], 1e300)],
)
def test_a_number_in_the_event(said: Any, number: int | None) -> None:
    """One that is none costs nothing but itself."""
    found = one(EVENT | {"sequence": said}, CountedBy.FIELD)
    assert found.sequence == number
    assert [w for w in found.warnings if w.startswith("sequence")] == [] or number is None


def test_another_number_makes_no_other_statement() -> None:
    """A repeat with a number of its own is a repeat."""
    assert one(EVENT | {"sequence": 1}, None).digest == one(EVENT | {"sequence": 2}, CountedBy.FIELD).digest
    assert one(EVENT, None).digest == one(EVENT | {"sequence": 2}, None).digest


def test_a_number_in_a_cloud_event() -> None:
    assert one(ENVELOPE | {"sequence": "0042"}, CountedBy.CLOUDEVENTS).sequence == 42
    assert one(ENVELOPE | {"data": EVENT | {"sequence": 3}}, CountedBy.FIELD).sequence == 3
    assert one(ENVELOPE | {"sequence": "0042"}, CountedBy.FIELD).sequence is None
    headers = JSON | {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "urn:s",
        "ce-type": "t",
        "ce-sequence": "0042",
    }
    assert one(EVENT, CountedBy.CLOUDEVENTS, headers).sequence == 42


def test_a_number_by_a_mapping() -> None:
    mapping = {"event_id": "id", "headline": "words", "sequence": "meta.n"}
    body = {"id": "E-1", "words": "cut", "meta": {"n": "12"}}
    found = one(body, CountedBy.MAPPING, format="mapping", mapping=mapping)
    assert found.sequence == 12
    nothing = one(body | {"meta": None}, CountedBy.MAPPING, format="mapping", mapping=mapping)
    assert (nothing.sequence, nothing.warnings[-1]) == (None, "sequence: expected a whole number, found nothing")


def test_nobody_looks_for_it_where_nobody_asked() -> None:
    found = one(EVENT | {"sequence": 7}, None)
    assert (found.sequence, [w for w in found.warnings if "sequence" in w]) == (None, [])
