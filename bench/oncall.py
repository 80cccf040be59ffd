"""Who is on call: drawn rotas against the slow second opinion, and how long the shifts of a window take."""

import gc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from random import Random
from time import perf_counter

from model.rota import (
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
from routing.on_call import gaps, on_call, shifts, spans
from tests.unit.routing.rota_oracle import on_duty
from tests.unit.routing.rota_worlds import instant, world

INSTANTS = 100_000
INSTANTS_PER_ROTA = 50
RUNS = 7
START = datetime(2026, 10, 12, tzinfo=UTC)  # both windows hold a change of clocks
DAY = timedelta(days=1)


async def run() -> None:
    began = perf_counter()
    found = differences(INSTANTS)
    print(
        f"on call: {found} differences from the second opinion in {INSTANTS} instants of drawn rotas in five zones "
        f"({perf_counter() - began:.0f} s)"
    )
    gc.collect()
    gc.freeze()  # as a service does with what stays; the second opinion leaves much behind
    one = rota(0, layers=3)
    print(f"on call: 60 days of one rotation of three layers with overrides: {_ms(lambda: _shifts(one, 60)):.1f} ms")
    for layers in (1, 3):
        many = [rota(n, layers) for n in range(100)]
        took = _ms(partial(_shifts_of_all, many, 21))
        print(f"on call: 21 days of primary and secondary of 50 teams, layers in each: {layers}: {took:.0f} ms")
    took = _ms(lambda: [on_call(one, START + n * DAY) for n in range(100)]) / 100
    print(f"on call: one instant of that rotation, begun in 2019: {1000 * took:.0f} us")


def differences(instants: int, seed: int = 4127) -> int:
    """At how many of so many drawn instants the two opinions differ."""
    random, differing = Random(seed), 0
    for _ in range(instants // INSTANTS_PER_ROTA):
        drawn, around = world(random)
        until = around.replace(tzinfo=UTC) + 11 * DAY
        for _ in range(INSTANTS_PER_ROTA):
            at = instant(random, around)
            differing += list(on_call(drawn, at)) != on_duty(drawn, at, until)
    return differing


def rota(number: int, layers: int) -> Rota:
    """Weeks, nights and weekends by turns, and a cover every other day."""
    nights = Restriction(start=time(18), end=time(6), days=tuple(Weekday)[:5])
    weekends = Restriction(start=time(0), end=time(0), days=tuple(Weekday)[5:])
    kinds = [(ShiftUnit.WEEK, ()), (ShiftUnit.DAY, (nights,)), (ShiftUnit.DAY, (weekends,))]
    return Rota(
        rotation=Rotation(
            id=f"r{number}",
            name="Bench",
            team="ops",
            timezone="America/Chicago",
            layers=tuple(
                Layer(
                    name=f"layer {n}",
                    participants=tuple((f"p{n}-{k}",) for k in range(6)),
                    shift=ShiftLength(unit=unit),
                    starts_at=datetime.fromisoformat("2019-01-07T09:00"),
                    restrictions=restrictions,
                    priority=n,
                )
                for n, (unit, restrictions) in enumerate(kinds[:layers])
            ),
        ),
        overrides=tuple(
            Override(
                rotation=f"r{number}",
                action=OverrideAction.REPLACE,
                start=START + n * DAY,
                end=START + n * DAY + DAY / 3,
                person=f"p0-{n % 6}",
            )
            for n in range(0, 60, 2)
        ),
    )


def _shifts(of: Rota, days: int) -> None:
    found = spans(of, START, START + days * DAY)
    shifts(found)
    gaps(found)


def _shifts_of_all(many: Sequence[Rota], days: int) -> None:
    for each in many:
        _shifts(each, days)


def _ms(work: Callable[[], object]) -> float:
    """The fastest of some runs: the others say what else the machine did."""
    took = []
    for _ in range(RUNS):
        began = perf_counter()
        work()
        took.append(perf_counter() - began)
    return 1000 * min(took)
