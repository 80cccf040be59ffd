"""How often one person may be rung: the table is kept at its edges, and a new critical event breaks it once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.limits import CALLS, WRITTEN, Message, Ring, may_ring_at, may_write_at, pauses_times, times
from model.plan import ChannelName, Kind

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


def test_an_event_that_another_ones_call_told_has_rung():
    """It is one ring for the table, and one of each event that it told."""
    had = [*rings(0, 60, 120), Ring(at(180), "old", ("told along",))]
    assert asks(had, 240, critical=True, event="told along") == 600
    assert asks(had, 240, critical=True, event="new") == 240


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


# --- messages -------------------------------------------------------------------------------------------------------

TEXTS = WRITTEN[ChannelName.SMS]


def sent(*seconds, kind=Kind.ALERT, critical=False):
    return [Message(at(s), kind, critical) for s in seconds]


def may_write(had, now, *, kind=Kind.ALERT, critical=False, pauses=TEXTS):
    return (may_write_at(pauses, had, kind, critical=critical, now=at(now)) - START).total_seconds()


@pytest.mark.parametrize(
    ("had", "now", "free_at"),
    [
        ((), 0, 0),
        ((0, 0), 0, 0),  # three at once
        ((0, 0, 0), 0, 20),
        ((0, 0, 0), 300, 300),  # whoever had a pause since
        ((0, 0, 0, 20), 25, 80),
        ((0, 0, 0, 20, 80), 90, 260),
        ((0, 0, 0, 20, 80, 260), 300, 600),  # six in ten minutes, whatever comes
        ((0, 0, 0, 20, 80, 260), 600, 600),
    ],
)
def test_pauses_grow_until_the_first_message_is_out_of_its_time(had, now, free_at):
    assert may_write(sent(*had), now) == free_at


def test_the_first_critical_event_does_not_wait_the_second_does():
    had = sent(0, 0, 0)
    assert may_write(had, 1, critical=True) == 1
    assert may_write([*had, *sent(1, critical=True)], 2, critical=True) == 61
    assert may_write(sent(0, 0, 0, 20, 80, 260), 300, critical=True) == 600  # never a seventh


def test_what_ends_an_event_is_never_held_and_courtesies_count_apart():
    had = sent(*6 * (0,))
    assert may_write(had, 1, kind=Kind.STAND_DOWN) == 1
    assert may_write(had, 1, kind=Kind.COURTESY) == 1
    assert may_write(had, 1, kind=Kind.UPDATE) == 600


def test_ten_times_as_much_where_it_is_allowed():
    assert may_write(sent(*29 * (0,)), 0, pauses=pauses_times(10)[ChannelName.SMS]) == 0
    assert may_write(sent(*30 * (0,)), 0, pauses=pauses_times(10)[ChannelName.SMS]) == 20


@given(st.lists(st.floats(0, 3600), max_size=80), st.sampled_from(sorted(WRITTEN)))
def test_nobody_reads_more_than_the_table_says(wishes, channel):
    """Whenever somebody wishes to write, and waits as long as told."""
    pauses, had = WRITTEN[channel], []
    for wish in sorted(wishes):
        when = may_write(had, max(wish, (had[-1].at - START).total_seconds() if had else 0), pauses=pauses)
        had += sent(when)
    for one in had:
        assert sum(one.at - pauses.per < other.at <= one.at for other in had) <= len(pauses.seconds)
