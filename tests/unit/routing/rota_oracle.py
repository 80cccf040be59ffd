"""A second opinion on who is on call: slow, from first principles, and without a line of the code it judges.

It writes down what the clock of a zone shows at every quarter of an hour (clocks move on those), reads handoffs off
that list, takes turns one after the other from the first, and asks every layer, override and absence about one instant
at a time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from model.rota import Layer, Rota

QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
NAMES = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@lru_cache(maxsize=1024)
def diary(zone: str, year: int, month: int) -> tuple[list[datetime], list[datetime]]:
    """Every quarter of an hour of a month and two days around it, in UTC, and the latest time shown until then."""
    first = datetime(year, month, 1, tzinfo=UTC) - 2 * DAY
    here = ZoneInfo(zone)
    quarters = [first + n * QUARTER for n in range(35 * 24 * 4)]
    shown = [q.astimezone(here).replace(tzinfo=None) for q in quarters]
    return quarters, list(accumulate(shown, max))


def reached(wall: datetime, zone: str) -> datetime:
    """The first instant at which the clock has shown `wall` or later."""
    quarters, shown = diary(zone, wall.year, wall.month)
    later = bisect_left(shown, wall)
    if shown[later] == wall or later == 0:
        return quarters[later]
    # Within the quarter that first showed the time before, if it goes on so far; else the clock jumped over it.
    before = bisect_left(shown, shown[later - 1])
    return min(quarters[before] + (wall - shown[before]), quarters[before + 1])


@lru_cache(maxsize=512)
def handoffs(layer: Layer, zone: str, until: datetime) -> list[datetime]:
    """All of them from the first to one that is not before `until` (and a few days more), one by one."""
    found: list[datetime] = []
    wall, number = layer.starts_at, 0
    while not found or found[-1] < until:
        found.append(reached(wall, zone))
        number += layer.shift.count
        match layer.shift.unit.value:
            case "hour":
                wall = layer.starts_at + timedelta(minutes=60 * number)
            case "day":
                wall = layer.starts_at + timedelta(hours=24 * number)
            case "week":
                wall = layer.starts_at + timedelta(days=7 * number)
            case "month":
                wall = day_of_month(layer.starts_at, number)
    return found


def day_of_month(anchor: datetime, months: int) -> datetime:
    """Turn over the calendar page by page; then the anchor's day, or the page's last one."""
    page = anchor.replace(day=1)
    for _ in range(months):
        page = (page + timedelta(days=31)).replace(day=1)
    last = (page + timedelta(days=31)).replace(day=1) - DAY
    return min(page + (anchor.day - 1) * DAY, last)


def speaks(layer: Layer, zone: str, at: datetime, until: datetime) -> tuple[str, ...]:
    """Whom the layer names at `at`."""
    if at < reached(layer.starts_at, zone) or (layer.ends_at is not None and at >= reached(layer.ends_at, zone)):
        return ()
    if layer.restrictions and not any(open_on(layer, day, zone, at) for day in days_around(at)):
        return ()
    turn = bisect_right(handoffs(layer, zone, until), at) - 1
    return layer.participants[turn % len(layer.participants)]


def days_around(at: datetime) -> list[date]:
    return [(at + n * DAY).date() for n in range(-4, 4)]


def open_on(layer: Layer, day: date, zone: str, at: datetime) -> bool:
    """Whether hours that begin on that day hold the instant."""
    for restriction in layer.restrictions:
        if NAMES[day.weekday()] not in [d.value for d in restriction.days]:
            continue
        begins = datetime(day.year, day.month, day.day, restriction.start.hour, restriction.start.minute)
        ends = datetime(day.year, day.month, day.day, restriction.end.hour, restriction.end.minute)
        if ends <= begins:
            ends += DAY
        if reached(begins, zone) <= at < reached(ends, zone):
            return True
    return False


def on_duty(rota: Rota, at: datetime, until: datetime) -> list[str]:
    """Who is on call at `at`, in rota order; `until`: the latest instant that will be asked for."""
    named: list[tuple[int, tuple[str, ...]]] = []
    for layer in rota.rotation.layers:
        people = speaks(layer, rota.rotation.timezone, at, until)
        if people:
            named.append((layer.priority, people))
    people = once(p for priority, group in named if priority == max(n for n, _ in named) for p in group)
    for change in rota.overrides:
        if at < change.start or at >= change.end:
            continue
        match change.action.value:
            case "remove":
                people = [p for p in people if p != change.person]
            case "add":
                people = once([*people, change.person])
            case "replace" if change.replaces is None:
                people = [change.person]
            case "replace":
                people = once(change.person if p == change.replaces else p for p in people)
    away = [a.person for a in rota.absences if not (at < a.start or at >= a.end)]
    return [p for p in people if p not in away]


def once(people: Iterable[str]) -> list[str]:
    found: list[str] = []
    for person in people:
        if person not in found:
            found.append(person)
    return found
