"""Does a vendor answer at all? By what became of the last sends. Plain arithmetic on instants; nothing waits here.

While one is open, what is due there is held back, so that people are told another way at once instead of after a
time-out each, and one send every few seconds finds out whether the vendor is back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName

IN_A_ROW = 5  # failures of the vendor's, none of an address
WITHIN = timedelta(seconds=60)  # an older failure says nothing of now
PROBE_EVERY = timedelta(seconds=10)

_SLACK = (ChannelName.SLACK_CHANNEL, ChannelName.SLACK_DM)  # one call of its API


def is_the_vendors(error: SendError) -> bool:
    """It, or the way to it, is at fault: not the address, nor what it refuses by an answer, as by a limit."""
    if error.stop_channel or isinstance(error, OutcomeUnknown):
        return True
    return error.retryable and not error.answered and error.retry_after_seconds is None


@dataclass(slots=True)
class Breaker:
    """Of one vendor's channel. `opened_at` None: closed, everything is sent."""

    opened_at: datetime | None = None
    _failed_at: list[datetime] = field(default_factory=list)
    _probe_at: datetime | None = None

    def worked(self) -> bool:
        """True when that closes it."""
        was_open = self.opened_at is not None
        self.opened_at = self._probe_at = None
        self._failed_at.clear()
        return was_open

    def failed(self, error: SendError, now: datetime) -> bool:
        """True when that opens it."""
        if not is_the_vendors(error):
            return False
        self._failed_at = [at for at in self._failed_at if now - at < WITHIN] + [now]
        opens = self.opened_at is None and (error.stop_channel or len(self._failed_at) >= IN_A_ROW)
        if opens:
            self.opened_at = now
        self.take(now)
        return opens

    def next_at(self, now: datetime) -> datetime:
        """When the next one may go: `now`, or when the vendor is asked again whether it is back."""
        return max(now, self._probe_at) if self._probe_at else now

    def take(self, now: datetime) -> None:
        """One goes now; while it is open the next only after a while."""
        if self.opened_at is not None:
            self._probe_at = now + PROBE_EVERY

    def give_back(self, taken_at: datetime) -> None:
        """The one that was to go then does not: another one may find out whether the vendor is back."""
        if self._probe_at == taken_at + PROBE_EVERY:
            self._probe_at = taken_at


def together(channel: ChannelName) -> tuple[ChannelName, ...]:
    """The channels that work or fail with it."""
    return _SLACK if channel in _SLACK else (channel,)


class Breakers:
    """One for each vendor's channel, of this process."""

    def __init__(self) -> None:
        self._breakers: dict[ChannelName, Breaker] = {}

    def of(self, channel: ChannelName) -> Breaker:
        return self._breakers.setdefault(together(channel)[0], Breaker())

    def open(self) -> Iterator[tuple[ChannelName, datetime]]:
        """Those that are open, since when."""
        return ((c, b.opened_at) for c, b in sorted(self._breakers.items()) if b.opened_at is not None)
