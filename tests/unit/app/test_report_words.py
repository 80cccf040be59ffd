"""How `gridcall report` puts the figures into words."""

from typing import Any

import pytest

from app.commands.reports import _said

NONE = {"count": 0, "shortest": None, "p50": None, "p95": None, "longest": None}


def totals(events: int, **outcomes: int) -> dict[str, Any]:
    return {
        "events": events,
        "deadlines": sum(outcomes.values()),
        "outcomes": outcomes,
        "issuer": {},
        "late_by": {},
        "seconds": dict.fromkeys(("to_first_ring", "to_first_acceptance", "left_at_first_ring"), NONE),
    }


@pytest.mark.parametrize(
    ("met", "missed", "words"),
    [
        (2499, 1, "; 99.9 % of deadlines kept"),
        (2500, 0, "; 100.0 % of deadlines kept"),
        (2, 1, "; 66.6 % of deadlines kept"),
        (57, 43, "; 57.0 % of deadlines kept"),
        (0, 3, "; 0.0 % of deadlines kept"),
        (0, 0, ""),
    ],
)
def test_all_are_kept_only_where_all_are(met: int, missed: int, words: str) -> None:
    [line] = _said("actual", totals(1, met=met, missed=missed, open=1))
    assert line.endswith(f"1 open){words}")


def test_events_are_told_from_their_deadlines() -> None:
    assert list(_said("actual", totals(2, met=2))) == ["  actual: 2 (2 met); 100.0 % of deadlines kept"]
    one_updated = totals(2, met=2, missed=1)
    assert list(_said("actual", one_updated)) == [
        "  actual: 2, with 3 deadlines (2 met, 1 missed); 66.6 % of deadlines kept"
    ]
