"""What past calls teach of the next: enough for 19 of 20, of enough of them, in bounds, where the policy wants it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.call_lengths import FEWEST, LEAST_SECONDS, MOST, Learned, Length, learn
from model.phones import Phones
from model.roster import Policy

LEARNS = Policy(id="ops", steps=(), learn_call_seconds=True)


def seconds(*lengths: float) -> list[timedelta]:
    return [timedelta(seconds=length) for length in lengths]


def test_nineteen_of_twenty_calls_were_no_longer():
    assert learn(seconds(*range(41, 61))) == Learned(59, 20)
    assert learn(seconds(*range(1, 101))) == Learned(95, 100)
    assert learn(seconds(*[40.2] * 20)) == Learned(41, 20)


def test_of_few_calls_nothing_is_learned():
    assert learn(seconds(*[40] * (FEWEST - 1))) is None
    assert learn(seconds(*[40] * (FEWEST - 1), -3)) is None  # over before it began: clocks, no call


def test_old_calls_are_forgotten():
    assert learn(seconds(*[40] * MOST, *[80] * MOST)) == Learned(40, MOST)


def test_what_was_learned_counts_where_the_policy_wants_it():
    phones = Phones(learned={"ops": Learned(61, 140)})
    assert phones.length_of(LEARNS) == Length(25, 61, 140)
    assert phones.length_of(LEARNS).holds == timedelta(seconds=86)
    assert phones.length_of(replace(LEARNS, learn_call_seconds=False)) == Length(25, 90, 0)
    assert phones.length_of(replace(LEARNS, id="other")) == Length(25, 90, 0)
    assert not Policy(id="ops", steps=()).learn_call_seconds


@pytest.mark.parametrize(("learned", "most", "used"), [(200, 90, 90), (3, 90, LEAST_SECONDS), (3, 10, 10)])
def test_it_stays_within_bounds(learned, most, used):
    phones = Phones(learned={"ops": Learned(learned, 20)})
    assert phones.length_of(replace(LEARNS, call_seconds=most)).call_seconds == used


@given(st.lists(st.integers(0, 1000), min_size=FEWEST, max_size=MOST), st.integers(10, 600))
def test_no_more_than_one_call_in_twenty_was_longer(lengths, most):
    found = learn(seconds(*lengths))
    assert found is not None
    assert sum(length > found.seconds for length in lengths) <= len(lengths) / 20
    length = Phones(learned={"ops": found}).length_of(replace(LEARNS, call_seconds=most))
    assert min(LEAST_SECONDS, most) <= length.call_seconds <= most
