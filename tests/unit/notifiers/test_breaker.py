"""When a vendor is taken to be away, and when it is asked again."""

from datetime import UTC, datetime, timedelta

import pytest

from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName
from notifiers.breaker import IN_A_ROW, PROBE_EVERY, Breaker, Breakers, is_the_vendors

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DOWN = SendError("503", retryable=True)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def failing(times: int, error: SendError = DOWN, every: float = 1.0) -> Breaker:
    breaker = Breaker()
    for n in range(times):
        breaker.failed(error, after(n * every))
    return breaker


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (DOWN, True),
        (OutcomeUnknown("no answer within 5 s"), True),
        (SendError("invalid_auth", retryable=False, stop_channel=True), True),
        (SendError("429", retryable=True, retry_after_seconds=3), False),  # it answers, and says when
        (SendError("10004", retryable=True, answered=True), False),  # it answers
        (SendError("not a number", retryable=False, bad_address=True), False),
        (SendError("400", retryable=False), False),
    ],
)
def test_whose_fault_it_is(error: SendError, counts: bool) -> None:
    assert is_the_vendors(error) is counts


def test_it_opens_after_so_many_in_a_row() -> None:
    assert failing(IN_A_ROW - 1).opened_at is None
    breaker = failing(IN_A_ROW)
    assert breaker.opened_at == after(IN_A_ROW - 1)
    assert breaker.next_at(after(5)) == after(IN_A_ROW - 1) + PROBE_EVERY


def test_one_that_works_in_between_begins_the_count_anew() -> None:
    breaker = failing(IN_A_ROW - 1)
    assert breaker.worked() is False
    assert breaker.failed(DOWN, after(9)) is False
    assert breaker.next_at(after(9)) == after(9)


def test_failures_of_long_ago_say_nothing() -> None:
    assert failing(IN_A_ROW, every=15.1).opened_at is None


def test_refused_credentials_open_it_at_once() -> None:
    assert failing(1, SendError("invalid_auth", retryable=False, stop_channel=True)).opened_at == NOW


def test_one_at_a_time_finds_out_whether_it_is_back() -> None:
    breaker = failing(IN_A_ROW)
    probe = breaker.next_at(after(5))
    assert breaker.next_at(probe) == probe
    breaker.take(probe)
    assert breaker.next_at(probe) == probe + PROBE_EVERY
    assert breaker.failed(DOWN, probe + timedelta(seconds=5)) is False  # it is open already
    assert breaker.next_at(probe) == probe + timedelta(seconds=5) + PROBE_EVERY
    assert breaker.worked() is True
    assert breaker.next_at(probe) == probe


def test_one_that_does_not_go_after_all_leaves_it_to_another() -> None:
    breaker = failing(IN_A_ROW)
    probe = breaker.next_at(after(5))
    breaker.take(probe)
    breaker.give_back(probe)
    assert breaker.next_at(probe) == probe
    breaker.take(probe)
    breaker.failed(DOWN, probe + timedelta(seconds=1))
    breaker.give_back(probe)  # of another one is known meanwhile that the vendor is still away
    assert breaker.next_at(probe) == probe + timedelta(seconds=1) + PROBE_EVERY


def test_slacks_messages_fail_together_and_calls_alone() -> None:
    breakers = Breakers()
    for n in range(IN_A_ROW):
        channel = ChannelName.SLACK_DM if n % 2 else ChannelName.SLACK_CHANNEL
        breakers.of(channel).failed(DOWN, after(n))
    assert breakers.of(ChannelName.SLACK_DM).opened_at == breakers.of(ChannelName.SLACK_CHANNEL).opened_at
    assert breakers.of(ChannelName.VOICE).opened_at is None
    assert dict(breakers.open()) == {ChannelName.SLACK_CHANNEL: after(IN_A_ROW - 1)}
