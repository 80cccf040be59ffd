"""When a word is expected by a cron expression, on the clock of its timezone, also in the nights that change it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

_FIELDS = ("minute", "hour", "day", "month", "day_of_week")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVER = datetime(2026, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def problem(expression: str) -> str | None:
    """What is wrong with it, None when nothing is."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return "expected five fields: minute, hour, day of month, month, day of week"
    if fields[2] != "*" and fields[4] != "*":
        return "give a day of the month or a day of the week: crons differ in what both mean"
    if re.search(r"[/#L?]", fields[4]):
        return "expected days of the week such as 1-5, mon-fri or 1,3"
    try:
        trigger = _trigger(expression)
    except ValueError as error:
        return str(error)
    return None if trigger.get_next_fire_time(None, _EVER) else "there is no such day"


def expected(expression: str, timezone: str, after: datetime) -> datetime:
    """The first instant later than `after` at which a word is expected.

    What falls into the hour that a night skips is run by some when it ends, by others an hour late: a word since
    then is the one. What names its hour and falls into the hour that comes twice is run once by most: the first.
    Raises ValueError for what never comes.
    """
    zone = ZoneInfo(timezone)
    wall = after.astimezone(zone).replace(tzinfo=None, fold=0)
    wall -= max(_back(wall, zone), timedelta())  # in an hour that comes twice, what was before may be to come again
    found: list[datetime] = []
    while True:
        wall = _next(expression, wall)
        found += [at for at in _instants(expression, wall, zone) if at > after]
        if found and not _back(wall, zone):  # around a change of clocks the walls come in another order
            return min(found)


def _instants(expression: str, wall: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """When it is expected that falls on that time: by the old clock where no clock shows it."""
    yield wall.replace(tzinfo=zone).astimezone(UTC)
    if _back(wall, zone) > timedelta() and "*" in " ".join(expression.split()[:2]):
        yield wall.replace(tzinfo=zone, fold=1).astimezone(UTC)


def _back(wall: datetime, zone: ZoneInfo) -> timedelta:
    """By how much clocks are put back, where the time comes twice; less than zero: put forward, where it is skipped."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert first is not None
    assert second is not None
    return first - second


def _next(expression: str, wall: datetime) -> datetime:
    """The first time on the wall later than that."""
    found: datetime | None = _trigger(expression).get_next_fire_time(None, (wall + _TICK).replace(tzinfo=UTC))
    if found is None:
        raise ValueError(f"{expression} never comes")
    return found.replace(tzinfo=None)


@lru_cache(maxsize=1024)
def _trigger(expression: str) -> CronTrigger:
    """By a clock that is never changed. Raises ValueError.

    A number is a day of the week as in every cron: 0 and 7 are Sunday, for the library Monday.
    """
    values = dict(zip(_FIELDS, expression.split(), strict=True))
    values["day_of_week"] = re.sub(r"\b[0-7]\b", lambda m: _DAYS[int(m[0])], values["day_of_week"])
    return CronTrigger(**values, timezone=UTC)
