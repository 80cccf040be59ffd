"""How fast each vendor may be asked. Plain arithmetic on instants; nothing waits here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from model.limits import CALLS, WRITTEN, Limit, Pauses
from model.plan import WAYS, ChannelName, Kind, Notification

EDITS, ALL_EDITS = "edits", "all edits"
EDIT_EVERY_SECONDS = 5.0  # in one conversation, as Slack wants it of one message
EDITS_A_MINUTE = 40  # in the whole workspace; Slack takes 50


@dataclass(slots=True)
class Pace:
    """At most `burst` at once and `per_second` on average (a leaky bucket, one for each key)."""

    per_second: float
    burst: int = 1
    _free_at: dict[str, datetime] = field(default_factory=dict)

    def next_at(self, key: str, now: datetime) -> datetime:
        """When the next one for `key` may go: `now` or later."""
        credit = timedelta(seconds=(self.burst - 1) / self.per_second)
        return max(now, self._free_at.get(key, now) - credit)

    def take(self, key: str, now: datetime) -> None:
        """One goes now."""
        step = timedelta(seconds=1 / self.per_second)
        self._free_at[key] = max(now, self._free_at.get(key, now)) + step
        if len(self._free_at) > 10_000:
            self._free_at = {k: at for k, at in self._free_at.items() if at > now}

    def give_back(self, key: str) -> None:
        """One that was taken did not go."""
        if key in self._free_at:
            self._free_at[key] -= timedelta(seconds=1 / self.per_second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the vendors' accounts allow, `calls_a_person`: how often one person may be rung, `written`: written to."""

    lines: int = 5
    calls_per_second: float = 1.0
    slack_per_second: float = 1.0
    slack_burst: int = 5
    pagerduty_per_second: float = 100 / 60  # with the burst at most 120 in any minute: it takes no more of one key
    pagerduty_burst: int = 20
    calls_a_person: tuple[Limit, ...] = CALLS
    written: Mapping[ChannelName, Pauses] = field(default_factory=lambda: WRITTEN)


def accounts(row: Notification) -> tuple[tuple[str, str], ...]:
    """Whose pace a row keeps, and which of its buckets: all calls share one; edits hold up nothing that is new.

    What all share comes first: several processes that take more than one never wait for each other in a circle.
    """
    if row.kind is Kind.EDIT:
        return (ALL_EDITS, ""), (EDITS, row.address)
    return ((row.channel, "" if row.channel is ChannelName.VOICE else row.address),)


class Paces:
    """The paces of this process: how fast it asks each account, and each bucket of it."""

    def __init__(self, limits: Limits) -> None:
        slack = Pace(limits.slack_per_second, limits.slack_burst)
        self._of: dict[str, Pace] = {
            ChannelName.VOICE: Pace(limits.calls_per_second),
            ChannelName.SLACK_CHANNEL: slack,
            ChannelName.SLACK_DM: slack,
            ChannelName.PAGERDUTY: Pace(limits.pagerduty_per_second, limits.pagerduty_burst),
            EDITS: Pace(1 / EDIT_EVERY_SECONDS),
            ALL_EDITS: Pace(EDITS_A_MINUTE / 60),
        }

    def of(self, row: Notification) -> list[tuple[str, str, Pace]]:
        """The buckets that a row takes from, with the account and key of each."""
        return [(name, key, self._of[name]) for name, key in accounts(row) if name in self._of]

    def until(self, row: Notification, now: datetime) -> datetime:
        """When the row may go: `now` or later."""
        return max((pace.next_at(key, now) for _, key, pace in self.of(row)), default=now)

    def next_call_at(self, now: datetime) -> datetime:
        return self._of[ChannelName.VOICE].next_at("", now)

    def take(self, row: Notification, now: datetime) -> None:
        """The row goes now."""
        for _, key, pace in self.of(row):
            pace.take(key, now)

    def give_back(self, row: Notification) -> None:
        """The row was taken for going, and does not."""
        for _, key, pace in self.of(row):
            pace.give_back(key)


AT_ONCE = {channel: way.at_once for channel, way in WAYS.items()}
