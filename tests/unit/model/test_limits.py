"""How often one person may be rung: the table is kept at its edges, and a new critical event breaks it once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.limits import CALLS, Ring, may_ring_at, times

START = datetime(2026, 7, 14, 18, tzinfo=UTC)


def at(seconds):
    return START + timedelta(seconds=seconds)


def rings(*seconds, event="old"):
    return [Ring(at(s), event) for s in seconds]


def asks(had, now, *, critical=False, event="old", limits=CALLS):
    found = may_ring_at(limits, had, event, critical=critical, now=at(now))
    return (found - START).total_seconds()


@pytest.mark.parametrize(
    ("had", "now", "free_at"),
    [
        ((), 0, 0),
        ((0, 60, 120), 180, 180),
        ((0, 60, 120, 180), 240, 600),  # the first is then ten minutes ago
        ((0, 60, 120, 180), 599, 600),
        ((0, 60, 120, 180), 600, 600),
        ((180, 120, 60, 0), 240, 600),  # in whatever order they are read
        ((0, 400, 800, 1200, 1600, 2000, 2400, 2800, 3200, 3400), 3500, 3600),  # ten in an hour
    ],
)
def test_at_the_edges(had, now, free_at):
    assert asks(rings(*had), now) == free_at


def test_a_new_critical_event_rings_all_the_same_once_in_ten_minutes():
    had = rings(0, 60, 120, 180)
    assert asks(had, 240, critical=True, event="new") == 240
    had += rings(240, event="new")
    assert asks(had, 300, critical=True, event="newer") == 660  # four in the ten minutes before: from 60 s on
    assert asks(had, 840, critical=True, event="newer") == 840


def test_an_event_that_has_rung_does_not_break_them_again():
    assert asks(rings(0, 60, 120, 180), 240, critical=True, event="old") == 600


def test_an_installation_may_allow_more():
    assert asks(rings(0, 60, 120, 180), 240, limits=times(10)) == 240
    assert [limit.count for limit in times(10)] == [40, 100]


@given(st.lists(st.tuples(st.integers(0, 90), st.booleans()), max_size=60))
def test_never_more_than_the_table_and_its_breaks(wishes):
    """Whoever calls when it is allowed keeps to four in ten minutes, and five with the one that broke it."""
    made, now = [], 0
    for n, (pause, critical) in enumerate(wishes):
        now += pause
        if asks(made, now, critical=critical, event=f"e{n}") == now:
            made += rings(now, event=f"e{n}")
    for ring in made:
        lately = [r for r in made if ring.at - timedelta(minutes=10) < r.at <= ring.at]
        assert len(lately) <= 5
        if not any(critical for _, critical in wishes):
            assert len(lately) <= 4
