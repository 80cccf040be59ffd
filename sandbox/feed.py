"""Everything a person would notice, in order: what `GET /messages` answers and the page shows."""

import asyncio
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sandbox.activity import Activity

MAX_ENTRIES = 10_000
MAX_WAIT = timedelta(seconds=30)

Channel = Literal["voice", "sms", "slack", "pagerduty"]


@dataclass(frozen=True, slots=True)
class Entry:
    """`event`: voice queued, ringing, answered, spoken, pressed, ended:<status>; sms received, replied;
    slack posted, updated, pressed; pagerduty trigger, acknowledge, resolve. `raw` has the vendor's shape."""

    n: int
    at: datetime
    channel: Channel
    to: str
    text: str
    event: str
    raw: dict[str, Any]


class Feed:
    """The last `MAX_ENTRIES` entries. `n` never starts again, so that a reader who polls misses nothing."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._last = 0
        self._readers: set[asyncio.Event] = set()

    def add(self, channel: Channel, to: str, text: str, event: str, raw: dict[str, Any]) -> None:
        self._last += 1
        self._entries.append(Entry(self._last, self._activity.clock.now(), channel, to, text, event, raw))
        for reader in self._readers:
            reader.set()

    def clear(self) -> None:
        self._entries.clear()

    def after(self, n: int) -> list[Entry]:
        """Return the entries after number `n`, oldest first."""
        newer: list[Entry] = []
        for entry in reversed(self._entries):
            if entry.n <= n:
                break
            newer.append(entry)
        return newer[::-1]

    async def wait(self, n: int, seconds: float) -> None:
        """Return when there is an entry after `n`, or after `seconds` (at most `MAX_WAIT`)."""
        if seconds <= 0 or self._last > n:
            return
        reader = asyncio.Event()
        self._readers.add(reader)
        try:
            until = self._activity.clock.now() + min(timedelta(seconds=seconds), MAX_WAIT)
            await self._activity.wait(until, reader, hanging=True)
        finally:
            self._readers.discard(reader)

    def page(self, n: int) -> dict[str, Any]:
        """Return `{"messages": [...], "next": N}`, as `GET /messages?after=n` answers it."""
        messages = [asdict(entry) | {"at": entry.at.isoformat()} for entry in self.after(n)]
        return {"messages": messages, "next": self._last}
