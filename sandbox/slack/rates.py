"""Slack's rate limits: https://docs.slack.dev/apis/web-api/rate-limits."""

import math
from dataclasses import dataclass
from datetime import datetime

PER_MINUTE = {
    "chat.update": 50,
    "conversations.open": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "users.lookupByEmail": 50,
    "chat.postEphemeral": 100,
    "users.info": 100,
    "views.open": 100,
    "auth.test": 600,
}
MAX_BUCKETS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class Rates:
    """One bucket per method, and per channel for chat.postMessage. `per_second` None: no limit at all."""

    def __init__(self, per_second: float | None, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: dict[str, _Bucket] = {}

    def reset(self) -> None:
        self._buckets.clear()

    def wait_seconds(self, method: str, channel: str, now: datetime) -> int:
        """Take one request. Return 0 when it is within the limit, else the seconds of Retry-After."""
        if self._per_second is None:
            return 0
        if method == "chat.postMessage":
            return self._take(f"{method} {channel}", self._per_second, self._burst, now)
        per_minute = PER_MINUTE.get(method)
        return 0 if per_minute is None else self._take(method, per_minute / 60, per_minute, now)

    def _take(self, key: str, rate: float, size: float, now: datetime) -> int:
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.clear()
        bucket = self._buckets.setdefault(key, _Bucket(size, now))
        bucket.tokens = min(size, bucket.tokens + (now - bucket.at).total_seconds() * rate)
        bucket.at = now
        if bucket.tokens < 1:
            return max(1, math.ceil((1 - bucket.tokens) / rate))
        bucket.tokens -= 1
        return 0
