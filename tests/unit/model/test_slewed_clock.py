"""The database's time: carried by the monotonic clock, corrected without a jump, never back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.clock import SLEW, SlewedClock
from tests.unit.routing.house import NOW


class Count:
    """A monotonic clock that a test moves."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


def seconds(n):
    return timedelta(seconds=n)


@pytest.fixture
def count():
    return Count()


def test_it_is_carried_by_the_monotonic_clock(count):
    clock = SlewedClock(NOW, count)
    count.seconds += 7.5
    assert clock.now() == NOW + seconds(7.5)


@pytest.mark.parametrize("off", [3600, -3600])
def test_it_begins_at_the_measured_time_forward_or_back(count, off):
    clock = SlewedClock(NOW, count)
    count.seconds += 4
    assert clock.begin(NOW + seconds(1 + off), 1001.0) == seconds(off)
    assert clock.now() == NOW + seconds(4 + off)
    count.seconds += 10
    assert clock.now() == NOW + seconds(14 + off)  # nothing is left to be made up


def test_measured_after_the_start_it_jumps_forward_and_never_back(count):
    clock = SlewedClock(NOW, count)
    assert clock.correct(NOW + seconds(3600), 1000.0, at_once=True) == seconds(3600)
    assert clock.now() == NOW + seconds(3600)
    clock.correct(NOW, 1000.0, at_once=True)
    assert clock.now() == NOW + seconds(3600)


@pytest.mark.parametrize(("off", "after_ten"), [(0.5, 10.5), (5, 11), (-0.5, 9.5), (-5, 9)])
def test_a_correction_is_slewed_by_at_most_a_tenth(count, off, after_ten):
    clock = SlewedClock(NOW, count)
    clock.correct(NOW + seconds(off), 1000.0)
    assert clock.now() == NOW
    count.seconds += 10
    assert clock.now() == NOW + seconds(after_ten)
    count.seconds += 1000
    assert clock.now() == NOW + seconds(1010 + off)


def test_a_measurement_counts_for_the_instant_it_was_made(count):
    clock = SlewedClock(NOW, count)
    count.seconds += 4
    assert clock.correct(NOW + seconds(1), 1001.0) == timedelta()


STEPS = st.lists(st.tuples(st.floats(0, 100), st.floats(-50, 50) | st.none()), max_size=30)


@given(STEPS)
def test_it_never_goes_back_and_never_faster_than_the_law(steps):
    count = Count()
    clock = SlewedClock(NOW, count)
    before = clock.now()
    for passed, off in steps:
        count.seconds += passed
        now = clock.now()
        slack = timedelta(microseconds=5)
        assert seconds(passed * (1 - SLEW)) - slack <= now - before <= seconds(passed * (1 + SLEW)) + slack
        before = now
        if off is not None:
            clock.correct(now + seconds(off), count.seconds)
            assert clock.now() == now


async def test_it_sleeps_by_its_own_time():
    clock = SlewedClock()
    clock.correct(clock.now() + seconds(60), clock.monotonic())
    until = clock.now() + seconds(0.05)
    await clock.sleep_until(until)
    assert clock.now() >= until
