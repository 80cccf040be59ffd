"""Two statements have one digest exactly when they say the same."""

import json

import pytest

SAID = {
    "event_id": "E-1",
    "revision": 1,
    "headline": "Cut 12.5 MW",
    "effective_at": "2026-07-14T18:30:00Z",
    "instruction": {"action": "reduce_load", "target_mw": 12.0},
    "zones": [{"scheme": "MISO-LRZ", "code": "4"}],
    "note": {"ramp": 1.0, "é": ["x"]},
}


@pytest.mark.parametrize(
    "change",
    [
        {"received_at": "2026-07-14T18:00:00Z", "lead_time_s": 5, "schema_version": 1},
        {"effective_at": "2026-07-14T13:30:00.000-05:00"},
        {"instruction": {"target_mw": 12, "action": "reduce_load", "mandatory": False}},
        {"note": {"é": ["x"], "ramp": 1}},
        {"mode": "actual", "phase": "event", "text": None, "references": []},
    ],
)
def test_the_same_said_in_another_way(post, change):
    assert post({**SAID, **change}).digest == post(SAID).digest


def test_re_serialised(post):
    again = json.dumps(SAID, sort_keys=True, indent=3, ensure_ascii=False).encode()
    assert post(again).digest == post(SAID).digest


@pytest.mark.parametrize(
    "change",
    [
        {"headline": "Cut 12.6 MW"},
        {"ends_at": "2026-07-14T22:30:00Z"},
        {"nerc_eea": 0},
        {"note": {"ramp": 2}},
        {"zones": [{"scheme": "MISO-LRZ", "code": "5"}]},
        {"mode": "drill"},
        {"instruction": {"action": "reduce_load", "target_mw": 12.0, "mandatory": True}},
    ],
)
def test_something_else_said(post, change):
    assert post({**SAID, **change}).digest != post(SAID).digest


def test_stays_as_it_is_over_releases(post):
    """Stored digests are compared with new ones: this value may only change with a migration."""
    assert post(SAID).digest == "4f099d0be46609aa6fc601487b77fb6c15f82ebfb9073f25b0c4e74c47afa87d"
