"""How much one source may send: so many posts a second after a burst, counted by each process for itself.

A bucket that leaks (the generic cell rate algorithm): kept of each source is when what it sent will have leaked away.
A list counts as many as its members, once it is accepted: the source then waits the longer.
"""

import math
from datetime import datetime, timedelta

from app.metrics import BySource
from app.problems import Problem
from app.security import Caller
from model.roster import Source
from model.trust import Rate


class Inward:
    def __init__(self, slowed: BySource) -> None:
        self._slowed = slowed
        self._empty_at: dict[str, datetime] = {}

    def take(self, source: Source, caller: Caller | None, now: datetime) -> None:
        """One more of the source. Raises Problem 503 when it is one too many."""
        if (rate := source.limit) is None:
            return
        empty_at = max(self._empty_at.get(source.id, now), now)
        wait = empty_at - now - timedelta(seconds=(rate.burst - 1) / rate.per_second)
        if wait > timedelta(0):
            self._slowed.count(source.id)
            raise _too_fast(source.id, rate, caller, wait)
        self._empty_at[source.id] = empty_at + timedelta(seconds=1 / rate.per_second)

    def more(self, source: Source, count: int, now: datetime) -> None:
        """So many came with what was taken."""
        if count and (rate := source.limit) is not None:
            empty_at = max(self._empty_at.get(source.id, now), now)
            self._empty_at[source.id] = empty_at + timedelta(seconds=count / rate.per_second)


def _too_fast(source: str, rate: Rate, caller: Caller | None, wait: timedelta) -> Problem:
    by = f"with key {caller.key_id}" if caller else "by its signature"
    detail = (
        f"source {source}, sending {by}, may send {rate.per_second} a second after a burst of {rate.burst}"
        " (`rate` in the roster); nothing of this is kept: send it again"
    )
    seconds = str(math.ceil(wait.total_seconds()))
    return Problem(503, "The source sends too fast", detail, headers={"Retry-After": seconds})
