"""A message of our own that goes the whole road, so that we notice when nobody else's would arrive."""

from dataclasses import dataclass
from datetime import datetime, timedelta

CANARY_SOURCE = "gridcall/canary"  # no slug: no source of a roster can have this name
LATE = timedelta(seconds=30)  # on the whole road


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One of them, and when it passed what. `failure`: why it goes no further, in words, where that is known.

    `received_at`: at the door. `decided_at`: it was planned as if it were meant. `told_at`: a notifier took what was
    planned, for the null channel.
    """

    id: str
    sent_at: datetime
    received_at: datetime | None = None
    decided_at: datetime | None = None
    told_at: datetime | None = None
    failure: str = ""

    def seconds(self) -> dict[str, float]:
        """How long each step took, of those that it passed. Clocks of several hosts: never below 0."""
        ways = {
            "accept": (self.sent_at, self.received_at),
            "decide": (self.received_at, self.decided_at),
            "tell": (self.decided_at, self.told_at),
            "whole": (self.sent_at, self.told_at),
        }
        return {step: max(0.0, (b - a).total_seconds()) for step, (a, b) in ways.items() if a and b}
