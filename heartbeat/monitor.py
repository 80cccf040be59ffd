"""When a source is late and when it is silent. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple

from heartbeat import cron
from model.monitor import MonitorStatus
from model.roster import Heartbeat


class Due(NamedTuple):
    """The instants at which a source that says nothing more becomes late, and silent."""

    late_at: datetime
    silent_at: datetime


def due(
    heartbeat: Heartbeat,
    last_seen_at: datetime | None,
    listening_since: datetime,
    missed: timedelta,
) -> Due:
    """Our own pause is nobody's silence: who was heard before we began to listen gets a whole period from then on.

    But not one for each of many pauses: whoever was not heard in two periods of listening, with the pauses (`missed`,
    all of them since then) left out, has not lost one word to a pause.
    """
    late_at = _after(heartbeat, max(last_seen_at or listening_since, listening_since), 1)
    if last_seen_at is not None:
        late_at = min(late_at, _after(heartbeat, last_seen_at, 2) + missed)
    return Due(late_at, late_at + timedelta(seconds=heartbeat.grace_seconds))


def _after(heartbeat: Heartbeat, heard_at: datetime, words: int) -> datetime:
    """When so many words are missing after the one that was heard then."""
    if not heartbeat.cron:
        return heard_at + words * timedelta(seconds=heartbeat.period_seconds)
    grace = timedelta(seconds=heartbeat.grace_seconds)
    at = heard_at + grace
    for _ in range(words):
        at = cron.expected(heartbeat.cron, heartbeat.timezone, at)
    return at + grace


def status(last_seen_at: datetime | None, late_at: datetime, silent_at: datetime, now: datetime) -> MonitorStatus:
    """As the clock alone has it; an alarm that was told stands until the source is heard.

    A source that was never heard is no silence: it may not be set up yet.
    """
    if last_seen_at is None:
        return MonitorStatus.NEW
    if now >= silent_at:
        return MonitorStatus.SILENT
    if now >= late_at:
        return MonitorStatus.LATE
    return MonitorStatus.UP
