"""Instants as people type them: "Sun 02:30", "tomorrow 17:00", 2026-11-01T02:30-05:00. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.commands.client import CommandError
from config import zones
from routing.turns import first_instant, wall_at

_SPOKEN = re.compile(r"(?:(?P<day>[a-z]+)\s+)?(?P<clock>([01]?\d|2[0-3]):[0-5]\d)", re.ASCII | re.IGNORECASE)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS = {"today": timedelta(), "tomorrow": timedelta(days=1)}
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


def moment(
    typed: str, zone: ZoneInfo | None, now: datetime, *, after: datetime | None = None, option: str = "--at"
) -> Moment:
    """What `typed` means by the clock of `zone` (None: the machine's). "today" is the day of `now`; a weekday or time
    alone is the next one after `after` (None: after `now`). `option`: what it was typed for.

    Raises CommandError for what is no instant.
    """
    try:
        if spoken := _SPOKEN.fullmatch(typed.strip()):
            day, clock = spoken["day"] or "", time.fromisoformat(spoken["clock"].zfill(5))
            if day.lower() in _DAYS:
                return _at(datetime.combine(_day(now, zone) + _DAYS[day.lower()], clock), zone)
            return _next(_weekday(day) if day else None, clock, zone, after or now)
        written = datetime.fromisoformat(typed.strip())
    except ValueError:
        raise CommandError(f'{option}: expected an instant {_EXPECTED}, found "{typed}"') from None
    return Moment(written.astimezone(UTC)) if written.tzinfo else _at(written, zone)


def end_moment(typed: str, zone: ZoneInfo | None, now: datetime, start: datetime, *, option: str) -> Moment:
    """When what begins at `start` ends. Raises CommandError for an end that is not later."""
    end = moment(typed, zone, now, after=start, option=option)
    if end.at <= start:
        raise CommandError(f'{option}: "{typed}" is not later than the beginning')
    return end


def _weekday(name: str) -> int:
    """Raises ValueError."""
    found = [n for n, day in enumerate(_WEEKDAYS) if len(name) >= 3 and day.startswith(name.lower())]
    if not found:
        raise ValueError(name)
    return found[0]


def _day(at: datetime, zone: ZoneInfo | None) -> date:
    return (wall_at(at, zone) if zone else at.astimezone().replace(tzinfo=None)).date()


def _next(weekday: int | None, clock: time, zone: ZoneInfo | None, after: datetime) -> Moment:
    day = _day(after, zone)
    away, again = (0, 1) if weekday is None else ((weekday - day.weekday()) % 7, 7)
    wall = datetime.combine(day + timedelta(days=away), clock)
    found = _at(wall, zone)
    if found.at < after and zone and (second := wall.replace(tzinfo=zone, fold=1).astimezone(UTC)) >= after:
        return Moment(second, f"{clock:%H:%M} comes twice on {_date(wall)} in {zone.key}: this is the second time.")
    return found if found.at >= after else _at(wall + timedelta(days=again), zone)


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
        return Moment(at, f"{twice}: this is the first time, {written} the second.")
    return Moment(at)


def _date(wall: datetime) -> str:
    return f"{wall:%a} {wall.day} {wall:%b %Y}"
