"""How much one person has had to bear lately: calls, and nights in which one woke them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from model.limits import Limit, Ring, may_ring_at
from model.roster import Person
from routing.audience import is_awake
from routing.turns import wall_at

WINDOWS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24))
_HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`calls`: within each of WINDOWS, and this month. `nights_woken`: the dates of their evenings, at home.

    `may_be_rung_at`: when the next call would keep the limits, but for one of a new critical event.
    """

    calls: tuple[int, ...]
    calls_this_month: int
    nights_woken: tuple[date, ...]
    may_be_rung_at: datetime


def month_begins(person: Person, now: datetime) -> datetime:
    """The first instant of the month at the person's home, or a day before it while it is young (for the limits)."""
    zone = ZoneInfo(person.timezone)
    first = wall_at(now, zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=zone)
    return min(first, now - WINDOWS[-1])


def load(person: Person, rings: Sequence[Ring], limits: Sequence[Limit], now: datetime) -> Load:
    """`rings`: since `month_begins`."""
    zone = ZoneInfo(person.timezone)
    month = wall_at(now, zone).month
    walls = [(ring, wall_at(ring.at, zone)) for ring in rings]
    nights = {(wall - _HALF_A_DAY).date() for ring, wall in walls if not is_awake(person, ring.at)}
    return Load(
        calls=tuple(sum(ring.at > now - window for ring in rings) for window in WINDOWS),
        calls_this_month=sum(wall.month == month for _, wall in walls),
        nights_woken=tuple(sorted(night for night in nights if night.month == month)),
        may_be_rung_at=may_ring_at(limits, rings, "", critical=False, now=now),
    )
