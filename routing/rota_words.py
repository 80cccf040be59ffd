"""Periods and people of a rota in words, as they are said on the phone: "Sat 22:00-Sun 06:00 CDT, 8 h". Pure."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

Names = Callable[[str], str]  # how a person of that id is called

_WEEK, _MOST_OF_A_YEAR = timedelta(days=7), timedelta(days=300)


def period(start: datetime, end: datetime, zone: ZoneInfo, since: datetime) -> str:
    """By the clock of `zone`, and how long it really lasts. A weekday alone is the first of that name after `since`."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    begins, ends = _day_and_time(first, since), _day_and_time(last, since)
    if first.date() == last.date():
        ends = _time(last)
    moved = f" {first:%Z}" if first.utcoffset() != last.utcoffset() else ""
    return f"{begins}{moved}-{ends} {last:%Z}, {length(end - start)}"


def moment(at: datetime, zone: ZoneInfo, since: datetime) -> str:
    """ "Sun 8 Mar 02:00"."""
    return _day_and_time(at.astimezone(zone), since)


def length(span: timedelta) -> str:
    """ "8 h", "1 h 30 min"; days from two days on."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    days, minutes = divmod(minutes, 1440) if minutes >= 2880 else (0, minutes)
    parts = ((days, "d"), (minutes // 60, "h"), (minutes % 60, "min"), (seconds, "s"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "less than 1 s"


def several(people: Iterable[str], names: Names) -> str:
    """ "Ana", "Ana and Ben", "Ana, Ben and Cho"; "nobody"."""
    *others, last = [names(p) for p in people] or ["nobody"]
    return f"{', '.join(others)} and {last}" if others else last


def _day_and_time(at: datetime, since: datetime) -> str:
    away = at - since
    if away < _WEEK:
        return f"{at:%a} {_time(at)}"
    year = f" {at.year}" if away >= _MOST_OF_A_YEAR else ""
    return f"{at:%a} {at.day} {at:%b}{year} {_time(at)}"


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
