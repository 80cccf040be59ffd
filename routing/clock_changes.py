"""When the clocks of a zone are moved. Pure."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_STEP = timedelta(days=7)  # shorter than any time between two changes


@dataclass(frozen=True, slots=True)
class ClockChange:
    """At `at` (aware UTC) the clocks are moved `by` so much; backwards when it is negative."""

    at: datetime
    by: timedelta


def clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[ClockChange]:
    """Those later than `start` and earlier than `end`."""
    at = start.astimezone(UTC).replace(microsecond=0)
    while at < end:
        later = min(at + _STEP, end.astimezone(UTC))
        if (by := _offset(zone, later) - _offset(zone, at)) and (found := _change(zone, at, later)) < end:
            yield ClockChange(found, by)
        at = later


def _change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime:
    """The second from which on the offset is another one than at `start`."""
    before = _offset(zone, start)
    seconds = range(int((end - start).total_seconds()))
    return start + timedelta(
        seconds=bisect_left(seconds, True, key=lambda s: _offset(zone, start + timedelta(seconds=s)) != before)
    )


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
