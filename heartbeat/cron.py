"""When a word is expected by a cron expression, on the clock of its timezone, also in the nights that change it."""

import re
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
        trigger = _trigger(expression, "UTC")
    except ValueError as error:
        return str(error)
    return None if trigger.get_next_fire_time(None, _EVER) else "there is no such day"


def expected(expression: str, timezone: str, after: datetime) -> datetime:
    """The first instant later than `after` at which a word is expected.

    What falls into the hour that a night skips is run by some when it ends, by others an hour late: a word since
    then is the one. What names its hour and falls into the hour that comes twice is run once by most: the first.
    """
    zone, at = ZoneInfo(timezone), after
    while True:
        found: datetime | None = _trigger(expression, timezone).get_next_fire_time(None, (at + _TICK).astimezone(zone))
        if found is None:
            raise ValueError(f"{expression} never comes")
        at = found.astimezone(UTC)
        if at > after and not _came_already(expression, found, at, after):
            return at


def _came_already(expression: str, found: datetime, at: datetime, after: datetime) -> bool:
    shown = at.astimezone(found.tzinfo)
    if shown.replace(tzinfo=None, fold=0) != found.replace(tzinfo=None, fold=0):  # no clock ever shows it
        skipped = shown.replace(tzinfo=None) - found.replace(tzinfo=None)
        return after >= at - skipped
    return shown.fold == 1 and "*" not in " ".join(expression.split()[:2])


@lru_cache(maxsize=1024)
def _trigger(expression: str, timezone: str) -> CronTrigger:
    """Raises ValueError. A number is a day of the week as in every cron: 0 and 7 are Sunday, for the library Monday."""
    values = dict(zip(_FIELDS, expression.split(), strict=True))
    values["day_of_week"] = re.sub(r"\b[0-7]\b", lambda m: _DAYS[int(m[0])], values["day_of_week"])
    return CronTrigger(**values, timezone=ZoneInfo(timezone))
