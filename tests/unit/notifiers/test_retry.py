from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import OutcomeUnknown, SendError
from notifiers.retry import next_attempt

NOW = datetime(2026, 7, 14, tzinfo=UTC)
SOON = SendError("503", retryable=True)


@pytest.mark.parametrize(("tries", "seconds"), [(1, 2), (2, 5), (3, 10), (4, 20), (9, 20)])
def test_backoff(tries, seconds):
    assert next_attempt(tries, SOON, NOW, NOW + timedelta(hours=1), 60) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "error",
    [
        SendError("x", retryable=False),
        SendError("x", retryable=True, bad_address=True),
        SendError("x", retryable=True, stop_channel=True),
        OutcomeUnknown("x"),
    ],
)
def test_some_errors_are_final(error):
    assert next_attempt(1, error, NOW, NOW + timedelta(hours=1), 60) is None


def test_the_vendor_may_ask_for_more_time_but_not_for_less():
    hour = NOW + timedelta(hours=1)
    for asked, waited in ((12, 12), (0, 2), (0.5, 2)):
        error = SendError("429", retryable=True, retry_after_seconds=asked)
        assert next_attempt(1, error, NOW, hour, 0) == NOW + timedelta(seconds=waited)


@given(st.integers(1, 50), st.floats(0, 500), st.floats(0, 300), st.floats(0, 900))
def test_nothing_begins_that_cannot_end_in_time(tries, asked, expected, left):
    until = NOW + timedelta(seconds=left)
    at = next_attempt(tries, SendError("x", retryable=True, retry_after_seconds=asked), NOW, until, expected)
    assert at is None or (at > NOW and at + timedelta(seconds=expected) <= until)
