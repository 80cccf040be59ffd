"""Rotas drawn by chance near days on which clocks move, for the laws and for the bench."""

from datetime import UTC, datetime, time, timedelta
from random import Random

from model.rota import (
    Absence,
    Layer,
    Override,
    OverrideAction,
    Restriction,
    Rota,
    Rotation,
    ShiftLength,
    ShiftUnit,
    Weekday,
)

PEOPLE = ("ana", "ben", "cho", "dee", "eli")
DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)

# Zones, and the days on which the clocks there moved; Sao Paulo's move no more, Kathmandu's never did.
CLOCKS = {
    "America/Chicago": ("2026-03-08", "2026-11-01"),
    "Europe/London": ("2026-03-29", "2026-10-25"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "America/Sao_Paulo": ("2018-02-18", "2018-11-04", "2026-11-01"),
    "Asia/Kathmandu": ("2026-03-08",),
}
ZONES = tuple(CLOCKS)
CHANGES = [datetime.fromisoformat(day) for day in sorted({day for days in CLOCKS.values() for day in days})]
# How long before the window a layer may have begun: the oracle walks from there.
LONGEST_AGO = {ShiftUnit.HOUR: 20, ShiftUnit.DAY: 100, ShiftUnit.WEEK: 400, ShiftUnit.MONTH: 1500}


def world(random: Random) -> tuple[Rota, datetime]:
    """A rota, and the day around which to ask."""
    timezone = random.choice(ZONES)
    around = datetime.fromisoformat(random.choice(CLOCKS[timezone]))
    rotation = Rotation(
        id="r",
        name="R",
        team="t",
        timezone=timezone,
        layers=tuple(layer(random, around, n) for n in range(random.randint(1, 3))),
    )
    return Rota(
        rotation=rotation,
        overrides=tuple(override(random, around) for _ in range(random.randint(0, 3))),
        absences=tuple(absence(random, around) for _ in range(random.randint(0, 2))),
    ), around


def layer(random: Random, around: datetime, number: int) -> Layer:
    unit = random.choice(list(ShiftUnit))
    starts_at = around - random.randint(0, LONGEST_AGO[unit]) * DAY + wall(random)
    return Layer(
        name=f"layer {number}",
        participants=tuple(
            tuple(random.sample(PEOPLE, random.choice((1, 1, 1, 2, 3)))) for _ in range(random.randint(1, 5))
        ),
        shift=ShiftLength(unit=unit, count=random.choice((1, 1, 2, 3, 7))),
        starts_at=starts_at,
        ends_at=max(starts_at + DAY, around + wall(random)) if random.random() < 0.2 else None,
        restrictions=tuple(restriction(random) for _ in range(random.choice((0, 0, 0, 1, 2)))),
        priority=random.choice((0, 0, 1, 2)),
    )


def wall(random: Random) -> timedelta:
    """A time of day: often one that clocks jump over or show twice, sometimes one to the microsecond."""
    if random.random() < 0.3:
        return timedelta(microseconds=random.randrange(24 * 3600 * 1_000_000))
    return random.choice((0, 1, 2, 3, 9, 23)) * timedelta(hours=1) + random.choice((0, 1, 2, 3)) * QUARTER


def restriction(random: Random) -> Restriction:
    days = random.sample(list(Weekday), random.choice((1, 2, 5, 7)))
    return Restriction(start=clock(random), end=clock(random), days=tuple(d for d in Weekday if d in days))


def clock(random: Random) -> time:
    return time(random.choice((0, 1, 2, 3, 9, 17, 23)), random.choice((0, 0, 15, 30, 45)))


def instant(random: Random, around: datetime) -> datetime:
    """Within ten days; half of them on quarters of an hour near the change, where handoffs are."""
    near = around.replace(tzinfo=UTC)
    if random.random() < 0.5:
        return near + random.randint(-4 * 16, 4 * 16) * QUARTER - timedelta(microseconds=random.choice((0, 0, 1)))
    return near + timedelta(microseconds=random.randint(-10 * 86_400_000_000, 10 * 86_400_000_000))


def override(random: Random, around: datetime) -> Override:
    action, (start, end) = random.choice(list(OverrideAction)), interval(random, around)
    return Override(
        rotation="r",
        action=action,
        start=start,
        end=end,
        person=random.choice(PEOPLE),
        replaces=random.choice((None, *PEOPLE)) if action is OverrideAction.REPLACE else None,
    )


def absence(random: Random, around: datetime) -> Absence:
    start, end = interval(random, around)
    return Absence(person=random.choice(PEOPLE), start=start, end=end)


def interval(random: Random, around: datetime) -> tuple[datetime, datetime]:
    start, end = sorted((instant(random, around), instant(random, around)))
    return start, max(end, start + QUARTER)
