"""Intervals shared and left over, minute by minute."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from routing.intervals import Interval, joined, shared, without

START = datetime(2026, 11, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@st.composite
def intervals(draw: st.DrawFn) -> list[Interval]:
    """In order and apart; some touch."""
    cuts = sorted(draw(st.sets(st.integers(0, 40), max_size=12)))
    pieces = list(pairwise(cuts))
    return [(at(a), at(b)) for a, b in pieces if draw(st.booleans())]


def minutes(found: list[Interval]) -> set[int]:
    return {m for m in range(41) for start, end in found if start <= at(m) < end}


@given(intervals(), intervals())
def test_each_minute_is_where_it_belongs(one: list[Interval], other: list[Interval]) -> None:
    assert minutes(list(shared(one, other))) == minutes(one) & minutes(other)
    assert minutes(list(without(one, other))) == minutes(one) - minutes(other)
    assert minutes(joined(one)) == minutes(one)


@given(intervals(), intervals())
def test_they_are_in_order_apart_and_not_empty(one: list[Interval], other: list[Interval]) -> None:
    for found in (list(shared(one, other)), list(without(one, other)), joined(one)):
        assert all(start < end for start, end in found)
        assert found == sorted(found)
    assert all(a[1] < b[0] for a, b in pairwise(joined(one)))
