"""How long calls take once they are picked up: what those of late teach of the next, within what the policy gives."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import NamedTuple

FEWEST = 20  # calls from which something is learned
MOST = 200  # the last of a policy; older ones tell of other people and other words
SHARE = 0.95  # of them were no longer
LEAST_SECONDS = 30  # about as long as an alert takes that is said once: who presses 1 at once teaches nothing


class Learned(NamedTuple):
    """So many seconds were enough for 19 of 20 of so many calls."""

    seconds: int
    calls: int


class Length(NamedTuple):
    """How long a call is reckoned to ring and to last. `calls`: from so many past ones; 0: by what the policy gives."""

    ring_seconds: int
    call_seconds: int
    calls: int = 0

    @property
    def holds(self) -> timedelta:
        """How long it has its line."""
        return timedelta(seconds=self.ring_seconds + self.call_seconds)


def learn(lengths: Sequence[timedelta]) -> Learned | None:
    """What the last calls teach, newest first; None of too few."""
    known = sorted(length for length in lengths[:MOST] if length >= timedelta(0))
    if len(known) < FEWEST:
        return None
    enough = known[ceil(SHARE * len(known)) - 1]
    return Learned(ceil(enough.total_seconds()), len(known))


def within(learned: Learned, most: int) -> int:
    """Seconds to reckon with: never over what the policy gives, and not so few that a quick press decides."""
    return min(max(learned.seconds, LEAST_SECONDS), most)
