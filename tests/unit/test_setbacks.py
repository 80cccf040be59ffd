from datetime import timedelta

from model.setbacks import LONGEST, Setbacks
from tests.unit.routing.house import NOW


def test_each_time_in_a_row_it_waits_twice_as_long_up_to_a_minute():
    setbacks = Setbacks()
    waits = [(setbacks.again_at("row", NOW) - NOW).total_seconds() for _ in range(100)]
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 64, 64]
    assert waits[-1] == LONGEST.total_seconds()
    assert setbacks.again_at("another", NOW) == NOW + timedelta(seconds=1)
    assert (setbacks.count, setbacks.open(NOW)) == (101, 2)


def test_what_is_over_begins_anew():
    setbacks = Setbacks()
    setbacks.again_at("row", NOW)
    setbacks.over("row")
    assert (setbacks.count, setbacks.open(NOW)) == (1, 0)
    assert setbacks.again_at("row", NOW) == NOW + timedelta(seconds=1)


def test_what_nobody_tries_again_is_forgotten():
    setbacks = Setbacks()
    setbacks.again_at("row", NOW)
    assert setbacks.open(NOW + LONGEST) == 1
    assert setbacks.open(NOW + LONGEST + timedelta(seconds=1)) == 0
