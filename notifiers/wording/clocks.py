"""Instants in both clocks: the reader's own and the issuer's, which may stay on standard time all year."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from notifiers.wording import speech

# Zones of a fixed offset carry no name. (The sign in Etc/GMT+5 is turned round: it is UTC-5.)
_FIXED = {
    "Etc/GMT+4": "AST", "Etc/GMT+5": "EST", "Etc/GMT+6": "CST", "Etc/GMT+7": "MST", "Etc/GMT+8": "PST",
}  # fmt: skip
_SHORT = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_LONG = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTHS_LONG = [
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
]  # fmt: skip


def zone(name: str | None) -> tzinfo:
    """The zone of that name, UTC when there is none such."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


@lru_cache
def abbreviation(at: datetime, place: tzinfo) -> str:
    """EST, CDT, UTC+05:30 …"""
    name = _FIXED.get(getattr(place, "key", "")) or at.astimezone(place).tzname() or "UTC"
    if name[0] not in "+-":
        return name
    minutes = int((at.astimezone(place).utcoffset() or timedelta()).total_seconds()) // 60
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    return f"UTC{sign}{hours:02d}" + (f":{rest:02d}" if rest else "")


@dataclass(frozen=True, slots=True)
class Clocks:
    """`mine` is the reader's zone, `issuer` the issuer's; `now` decides whether a day must be named."""

    mine: tzinfo
    issuer: tzinfo
    now: datetime

    def own(self, at: datetime) -> str:
        """ "13:30 CDT" """
        return _written(at, self.mine, self.now.astimezone(self.mine).date())

    def both(self, at: datetime) -> str:
        """ "13:30 CDT (13:30 EST)", one of them when they are the same clock"""
        if self._same(at):
            return self.own(at)
        return f"{self.own(at)} ({_written(at, self.issuer, at.astimezone(self.mine).date())})"

    def own_spoken(self, at: datetime) -> str:
        return _spoken(at, self.mine, self.now.astimezone(self.mine).date())

    def both_spoken(self, at: datetime) -> str:
        """ "thirteen thirty Central, thirteen thirty Eastern Standard": the reader knows whether it is summer.

        "fourteen thirty Eastern Daylight, thirteen thirty Eastern Standard": not where the two differ by that alone.
        """
        if self._same(at):
            return self.own_spoken(at)
        own, theirs = self.own_spoken(at), _spoken(at, self.issuer, at.astimezone(self.mine).date())
        short = _without_season(own)
        alike = short.split()[-1] == _without_season(theirs).split()[-1]
        return f"{own if alike else short}, {theirs}"

    def left(self, at: datetime) -> str:
        """ "26 min left", "5 h 12 min left", "" when it has passed"""
        hours, minutes, moments = self._split(at)
        if hours < 0:
            return ""
        if hours:
            return f"{hours} h {minutes} min left" if minutes else f"{hours} h left"
        return f"{minutes} min left" if minutes or not moments else "less than 1 min left"

    def left_spoken(self, at: datetime) -> str:
        hours, minutes, _ = self._split(at)
        if hours < 0:
            return ""
        said = [
            f"{speech.count(n)} {unit}{'' if n == 1 else 's'}"
            for n, unit in ((hours, "hour"), (minutes, "minute"))
            if n
        ]
        return f"{' '.join(said)} left" if said else "Less than one minute left"

    def _split(self, at: datetime) -> tuple[int, int, float]:
        seconds = (at - self.now).total_seconds()
        if seconds <= 0:
            return (-1, 0, 0)
        minutes, moments = divmod(seconds, 60)
        return (*divmod(int(minutes), 60), moments)

    def _same(self, at: datetime) -> bool:
        return abbreviation(at, self.mine) == abbreviation(at, self.issuer) and (
            at.astimezone(self.mine).utcoffset() == at.astimezone(self.issuer).utcoffset()
        )


def _without_season(spoken: str) -> str:
    return spoken.removesuffix(" Standard").removesuffix(" Daylight")


def _day(day: date, today: date, short: bool) -> str:
    if day == today:
        return ""
    if 0 < (day - today).days < 7 or day == today - timedelta(days=1):
        return f"{(_SHORT if short else _LONG)[day.weekday()]} "
    if short:
        return f"{_MONTHS[day.month - 1]} {day.day} "
    return f"{_MONTHS_LONG[day.month - 1]} {speech.count(day.day)}, "


@lru_cache  # of one event everybody hears the same few instants
def _written(at: datetime, place: tzinfo, today: date) -> str:
    local = at.astimezone(place)
    return f"{_day(local.date(), today, short=True)}{local:%H:%M} {abbreviation(at, place)}"


@lru_cache
def _spoken(at: datetime, place: tzinfo, today: date) -> str:
    local = at.astimezone(place)
    day = _day(local.date(), today, short=False)
    return f"{day}{speech.clock(local)} {speech.zone(abbreviation(at, place), local.utcoffset())}"
