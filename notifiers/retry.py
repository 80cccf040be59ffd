"""When to try again after a failure that is certain."""

from datetime import datetime, timedelta

from model.errors import SendError

BACKOFF_SECONDS = (2, 5, 10, 20)


def next_attempt(
    tries: int, error: SendError, now: datetime, until: datetime, expected_seconds: float
) -> datetime | None:
    """The instant of the next try, None to give up.

    `tries`: how many there were, at least 1. The vendor's own wish is honoured; what could not be finished by
    `until`, a try taking `expected_seconds`, is not begun.
    """
    if not error.retryable or error.bad_address or error.stop_channel:
        return None
    seconds = max(BACKOFF_SECONDS[min(tries, len(BACKOFF_SECONDS)) - 1], error.retry_after_seconds or 0)
    at = now + timedelta(seconds=seconds)
    return at if at + timedelta(seconds=expected_seconds) <= until else None
