"""How many are being sent at once, by channel; and that first parts of all people go before any second part."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from model.clock import Clock, wake_or
from model.plan import ChannelName
from notifiers.limits import AT_ONCE

PATIENCE = timedelta(seconds=3)  # whoever has read a first part is not to wait for the rest for longer
AT_MOST = 200  # wait for their second part at once, of a channel


@dataclass(slots=True, eq=False)
class _Rest:
    """What is left of a message, while others are told their first part."""

    until: datetime
    goes: asyncio.Event = field(default_factory=asyncio.Event)


class Places:
    """Nothing waits here but the rest of messages, and that gives its place to others meanwhile."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: Counter[ChannelName] = Counter()
        self._first: dict[ChannelName, set[str]] = defaultdict(set)
        self._behind: frozenset[ChannelName] = frozenset()
        self._rests: dict[ChannelName, deque[_Rest]] = defaultdict(deque)
        self._ending = False

    @property
    def taken(self) -> int:
        return self._taken.total()

    def free(self, channel: ChannelName) -> int:
        return AT_ONCE[channel] - self._taken[channel]

    def take(self, channel: ChannelName, row_id: str) -> None:
        """For a message that was claimed: its first part is still to be sent."""
        self._taken[channel] += 1
        self._first[channel].add(row_id)

    def leave(self, channel: ChannelName, row_id: str) -> bool:
        """It is done. True when it left a place where none was free."""
        was_full = self.free(channel) <= 0
        self._taken[channel] -= 1
        self._first[channel].discard(row_id)
        self._let_go(channel)
        return was_full

    def looked(self, behind: Collection[ChannelName], unseen: Collection[ChannelName] = ()) -> None:
        """Where more is due than there was room for, by a look at the table; where it had none, nothing is new."""
        self._behind = frozenset(behind) | self._behind.intersection(unseen)
        for channel in list(self._rests):
            self._let_go(channel)

    def end(self) -> None:
        """Nothing new is begun: nobody needs to wait for it."""
        self._ending = True
        self.looked(())

    def gives_way(self, channel: ChannelName) -> bool:
        return not self._ending and len(self._rests[channel]) < AT_MOST

    async def wait_for_first_parts(self, channel: ChannelName) -> None:
        """Called without a place; returns with one, when nobody of the channel waits for a first part."""
        rest = _Rest(self._clock.now() + PATIENCE)
        self._rests[channel].append(rest)
        self._let_go(channel)
        if not rest.goes.is_set() and not await wake_or(self._clock, rest.goes, rest.until):
            self._let_go(channel)
            await rest.goes.wait()

    def _let_go(self, channel: ChannelName) -> None:
        """In the order in which they began to wait, as far as there are places."""
        rests = self._rests[channel]
        while rests and self.free(channel) > 0 and self._may_go(channel, rests[0]):
            self._taken[channel] += 1
            rests.popleft().goes.set()

    def _may_go(self, channel: ChannelName, rest: _Rest) -> bool:
        all_told = not self._first[channel] and channel not in self._behind
        return all_told or self._ending or rest.until <= self._clock.now()
