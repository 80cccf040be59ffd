"""The life of a notification, over all pairs."""

import itertools

import pytest

from model.plan import TERMINAL, TRANSITIONS, State

FORWARD = [State.SENT, State.DELIVERED, State.ANSWERED, State.ACKNOWLEDGED]


def test_every_state_has_a_row():
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize(("a", "b"), list(itertools.product(State, State)))
def test_pairs(a: State, b: State):
    """Terminal states end; every other may end; nothing stays; nothing goes back past SENT."""
    allowed = a.may_become(b)
    if a in TERMINAL:
        assert not allowed
    elif b in (State.EXPIRED, State.SUPERSEDED, State.FAILED):
        assert allowed
    elif a == b:
        assert not allowed
    elif a in FORWARD and b in FORWARD:
        assert allowed == (FORWARD.index(b) > FORWARD.index(a))
    elif b is State.PENDING:
        assert allowed == (a in (State.SENDING, State.UNKNOWN))
    elif b is State.SENDING:
        assert allowed == (a is State.PENDING)
