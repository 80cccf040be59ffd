"""What the vendors know: every call, text, post and alert they took, when it began and ended, and who answered it.

The independent checker reads this and nothing else of a run. It outlives the processes of Gridcall.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from model.attempt import Attempt
from model.plan import ChannelName
from model.reply import Answer
from tests.simulation.alerts import Alerts
from tests.simulation.chance import START


class Heard(StrEnum):
    """What somebody who answered was told."""

    COUNTED = "counted"
    REFUSED = "refused"
    LOST = "lost"  # no answer, or an error: it may count or not


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody pressed, tapped or wrote. Between `at` and `told_at` the answer was on its way."""

    at: float
    told_at: float
    person: str
    answer: Answer
    attempt: str
    heard: Heard
    about: tuple[str, int] | None = None  # event and revision, where the message told several
    named: tuple[str, ...] = ()  # rows of ours that a call was about: a key speaks of them all


@dataclass(slots=True, kw_only=True)
class Record:
    """One thing a vendor accepted. `at` in seconds of the world, `created_at` by the vendor's own clock."""

    sid: str
    channel: ChannelName
    attempt: Attempt
    at: float
    created_at: datetime
    status: str
    begun: float
    ended: float | None = None
    answered_by: str | None = None
    sequence: int = 0
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    picked_up: bool = False
    by_machine: bool = False  # whatever is found out of it

    # As Twilio's list shows it.
    @property
    def date_created(self) -> datetime:
        return self.created_at

    start_time = end_time = date_updated = error_code = None

    @property
    def body(self) -> str:
        return self.attempt.words.text


class Vendors:
    """`accepted` is called for each thing a vendor takes, before anybody else hears of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock_off: float, accepted: Callable[[Record], None]) -> None:
        self.records: list[Record] = []
        self._by_sid: dict[str, Record] = {}
        self.answers: list[Answered] = []
        self.alerts = Alerts()
        self._loop = loop
        self._off = clock_off
        self._accepted = accepted
        self._at_address: dict[tuple[ChannelName, str], list[Record]] = defaultdict(list)

    def now(self) -> datetime:
        """By the vendors' clock."""
        return START + timedelta(seconds=self._loop.time() + self._off)

    def create(self, attempt: Attempt, begun: float) -> Record:
        """Take it. `begun`: when the request was begun."""
        record = Record(
            sid=f"{attempt.channel}/{len(self.records) + 1}",
            channel=attempt.channel,
            attempt=attempt,
            at=self._loop.time(),
            created_at=self.now().replace(microsecond=0),
            status="queued",
            begun=begun,
        )
        self.records.append(record)
        self._by_sid[record.sid] = record
        self._at_address[attempt.channel, attempt.address].append(record)
        self._accepted(record)
        return record

    def listed(self, channel: ChannelName, address: str) -> list[Record]:
        """Newest first, as vendors list."""
        return self._at_address[channel, address][::-1][:50]

    def in_the_air(self) -> Iterator[Record]:
        return (r for r in self.records if r.channel is ChannelName.VOICE and r.ended is None)

    def find(self, sid: str) -> Record:
        return self._by_sid[sid]
