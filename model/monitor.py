"""What we expect to hear from a source, and what we heard."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MonitorStatus(StrEnum):
    NEW = "new"  # never heard
    UP = "up"
    LATE = "late"
    SILENT = "silent"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """One source's expectation. `silence_id` is the event id of the silence that is being told, if any."""

    source: str
    status: MonitorStatus
    period_seconds: int
    grace_seconds: int
    last_seen_at: datetime | None
    silence_id: str | None = None
