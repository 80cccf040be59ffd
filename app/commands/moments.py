"""Instants as people type them: "Sun 02:30", "tomorrow 17:00", 2026-11-01T02:30-05:00. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.commands.client import CommandError
from config import zones
from routing.turns import first_instant, wall_at

_SPOKEN = re.compile(r"(?:(?P<day>[a-z]+)\s+)?(?P<clock>([01]?\d|2[0-3]):[0-5]\d)", re.ASCII | re.IGNORECASE)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EXPECTED = 'such as "Sun 02:30", "tomorrow 17:00", 2026-11-01T02:30 or 2026-11-01T02:30-05:00'


@dataclass(frozen=True, slots=True)
class Moment:
    """`at` is aware UTC; `remark` says what the clocks made of the time that was typed, "" for nothing."""

    at: datetime
    remark: str = ""


def zone_of(name: str) -> ZoneInfo:
    """Raises CommandError for a name that is not in use, with the one to write."""
    if (expected := zones.problem(name)) is not None:
        raise CommandError(f"--tz: expected {expected}, found {name}")
    return ZoneInfo(name)


def moment(typed: str, zone: ZoneInfo | None, now: datetime) -> Moment:
    """What `typed` means by the clock of `zone` (None: this machine's). A weekday or a time alone is the next one.

    Raises CommandError for what is no instant.
    """
    if spoken := _SPOKEN.fullmatch(typed.strip()):
        return _next(_days(spoken["day"], typed), time.fromisoformat(spoken["clock"].zfill(5)), zone, now)
    try:
        written = datetime.fromisoformat(typed.strip())
    except ValueError:
        raise _wrong(typed) from None
    return Moment(written.astimezone(UTC)) if written.tzinfo else _at(written, zone)


def _days(name: str | None, typed: str) -> int | str | None:
    """A weekday by its number, "today" or "tomorrow", None where no day is named."""
    if name is None or name.lower() in ("today", "tomorrow"):
        return name and name.lower()
    found = [n for n, day in enumerate(_WEEKDAYS) if len(name) >= 3 and day.startswith(name.lower())]
    if not found:
        raise _wrong(typed)
    return found[0]


def _next(day: int | str | None, clock: time, zone: ZoneInfo | None, now: datetime) -> Moment:
    today = (wall_at(now, zone) if zone else now.astimezone().replace(tzinfo=None)).date()
    if isinstance(day, str):
        return _at(datetime.combine(today + timedelta(days=day == "tomorrow"), clock), zone)
    away, again = (0, 1) if day is None else ((day - today.weekday()) % 7, 7)
    found = _at(datetime.combine(today + timedelta(days=away), clock), zone)
    return found if found.at >= now else _at(datetime.combine(today + timedelta(days=away + again), clock), zone)


def _at(wall: datetime, zone: ZoneInfo | None) -> Moment:
    if zone is None:
        return Moment(wall.astimezone(UTC))
    at = first_instant(wall, zone)
    shown = wall_at(at, zone)
    if shown != wall:
        return Moment(at, f"{wall:%H:%M} does not come on {_date(wall)} in {zone.key}: this is {shown:%H:%M}.")
    second = wall.replace(tzinfo=zone, fold=1)
    if second.astimezone(UTC) > at:
        written = second.isoformat(timespec="minutes")
        twice = f"{wall:%H:%M} comes twice on {_date(wall)} in {zone.key}"
        return Moment(at, f"{twice}: this is the first time, --at {written} the second.")
    return Moment(at)


def _date(wall: datetime) -> str:
    return f"{wall:%a} {wall.day} {wall:%b %Y}"


def _wrong(typed: str) -> CommandError:
    return CommandError(f'--at: expected an instant {_EXPECTED}, found "{typed}"')
