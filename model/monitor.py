"""What we expect to hear from a source, and what is kept of its silence."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LATE = "late/"  # how the event id of a late source begins


class MonitorStatus(StrEnum):
    NEW = "new"  # never heard
    UP = "up"
    LATE = "late"
    SILENT = "silent"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """What is written down about one source. `status` says what was told for certain.

    `silence_id` is the event id of the present silence, None while all is well. The instants beside it are written
    before the event that they stand for is published, and decide its words: a repeat says exactly the same.
    `folded_into`: the alarm about all sources that stands for this one's. `to_tell`: that alarm's words, which could
    not be made again; they stand with our own source.

    `due_at`: when somebody must look at the source, at the latest; it may come too early, never too late. None: when
    it is heard. `quiet`: it was late or silent at the last look, so that its next word is due at once.
    """

    source: str
    status: MonitorStatus = MonitorStatus.NEW
    last_seen_at: datetime | None = None
    silence_id: str | None = None
    late_told_at: datetime | None = None
    silence_told_at: datetime | None = None
    heard_again_at: datetime | None = None
    folded_into: str | None = None
    to_tell: str | None = None
    due_at: datetime | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """From when to when one run of a process took messages in: all that it heard until `until` is written down."""

    process: str
    since: datetime
    until: datetime
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Somebody said that the source need not be heard from `since` until before `until`, and why. Several add up."""

    id: str
    source: str
    since: datetime
    until: datetime
    reason: str
    author: str

    def runs(self, now: datetime) -> bool:
        return self.since <= now < self.until
