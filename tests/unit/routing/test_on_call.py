"""Laws of the rota over drawn ones, judged by a slow second opinion, and its rules by example."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.oncall import differences
from model.rota import (
    Absence,
    Duty,
    Gap,
    Layer,
    Override,
    OverrideAction,
    Restriction,
    Rota,
    Rotation,
    Shift,
    ShiftLength,
    ShiftUnit,
    Span,
    Weekday,
)
from routing import turns
from routing.on_call import by_people, gaps, on_call, shifts, spans
from tests.unit.routing.rota_oracle import on_duty
from tests.unit.routing.rota_worlds import CHANGES, DAY, ZONES, instant, override, world

TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


class Seeded(Random):
    """A failing seed is the bug report."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._seed = seed

    def __repr__(self) -> str:
        return f"Seeded({self._seed})"


seeds = st.integers(0, 2**32).map(Seeded)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def last(around: datetime) -> datetime:
    """Later than any instant that is drawn."""
    return around.replace(tzinfo=UTC) + 11 * DAY


def window(random: Random, around: datetime) -> tuple[datetime, datetime]:
    start, end = sorted((instant(random, around), instant(random, around)))
    return start, max(end, start + TICK)


# --- laws -----------------------------------------------------------------------------------------------------------


@given(seeds)
def test_agrees_with_the_second_opinion(random: Random):
    rota, around = world(random)
    for _ in range(10):
        at = instant(random, around)
        assert list(on_call(rota, at)) == on_duty(rota, at, last(around))


def test_the_bench_finds_no_difference():
    assert differences(1000) == 0


def test_the_second_opinion_would_see_a_mistake(monkeypatch: pytest.MonkeyPatch):
    """Hand off at the second passing of a doubled hour instead, and the bench says so."""

    def second(wall: datetime, zone: ZoneInfo) -> datetime:
        return max(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))

    monkeypatch.setattr(turns, "first_instant", second)
    assert differences(1000) > 0


@pytest.mark.parametrize("unit", ShiftUnit)
@pytest.mark.parametrize("zone", ZONES)
def test_every_unit_agrees_around_every_change(zone: str, unit: ShiftUnit):
    """Every half hour of the two days around a change, and just before it; handoffs at hours lost or doubled."""
    for change in CHANGES:
        for wall in ("00:00", "01:45", "02:30"):
            starts_at = datetime.fromisoformat(f"{change - 3 * DAY:%Y-%m-%d}T{wall}")
            if unit in (ShiftUnit.WEEK, ShiftUnit.MONTH):  # a handoff on the day itself
                starts_at = datetime.fromisoformat(f"{change - 28 * DAY:%Y-%m-%d}T{wall}")
            rota = simple(layer("l", "ana", "ben", "cho", unit=unit, starts_at=starts_at), timezone=zone)
            for half in range(-48, 48):
                at = change.replace(tzinfo=UTC) + half * HOUR / 2
                for asked in (at, at - TICK):
                    assert list(on_call(rota, asked)) == on_duty(rota, asked, last(change))


@given(seeds)
def test_spans_tile_the_window(random: Random):
    """They begin with the window, end with it, touch, and none is empty of time."""
    rota, around = world(random)
    start, end = window(random, around)
    found = spans(rota, start, end)
    assert (found[0].start, found[-1].end) == (start, end)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert all(s.start < s.end and s.start.tzinfo is UTC for s in found)
    assert spans(rota, start, start) == ()


@given(seeds)
def test_shifts_and_gaps_say_what_on_call_says(random: Random):
    """At every instant the shifts that cover it are those on call, each once; where there are none, a gap is named."""
    rota, around = world(random)
    start, end = window(random, around)
    found = spans(rota, start, end)
    rows, holes = shifts(found), gaps(found)
    edges = {start, *(x for s in (*rows, *holes) for x in (s.start, s.end - TICK, s.end) if start <= x < end)}
    for at in sorted(edges)[:60]:
        covering = [s.person for s in rows if s.start <= at < s.end]
        assert sorted(covering) == sorted(on_call(rota, at))
        assert [g for g in holes if g.start <= at < g.end] == [] if covering else True
        assert covering or len([g for g in holes if g.start <= at < g.end]) == 1


@given(seeds)
def test_shifts_are_in_order_and_joined_within_one_turn(random: Random):
    rota, around = world(random)
    rows = shifts(spans(rota, *window(random, around)))
    keys = [(s.start, not s.duty.override, -s.duty.priority, s.person) for s in rows]
    assert keys == sorted(keys)
    ends = {(s.duty, s.end) for s in rows}
    assert not [s for s in rows if (s.duty, s.start) in ends]


@given(seeds)
def test_splitting_the_window_changes_nothing(random: Random):
    rota, around = world(random)
    start, middle, end = sorted(instant(random, around) for _ in range(3))
    halves = (*spans(rota, start, middle), *spans(rota, middle, end))
    whole = spans(rota, start, end)
    assert shifts(halves) == shifts(whole)
    assert gaps(halves) == gaps(whole)
    assert [told(s) for s in joined(halves)] == [told(s) for s in joined(whole)]


@given(seeds)
def test_an_override_outside_its_window_changes_nothing(random: Random):
    rota, around = world(random)
    extra = override(random, around)
    more = replace(rota, overrides=(*rota.overrides, extra))
    for _ in range(5):
        at = instant(random, around)
        if not extra.start <= at < extra.end:
            assert on_call(more, at) == on_call(rota, at)
    assert spans(more, extra.end, extra.end + DAY) == spans(rota, extra.end, extra.end + DAY)


@given(st.permutations(["ana", "ben", "cho", "dee"]), st.sampled_from(ShiftUnit), st.sampled_from(ZONES), seeds)
def test_the_order_of_participants_is_kept(people: list[str], unit: ShiftUnit, zone: str, random: Random):
    """Each is followed by the next one of the list, but for turns to which the clocks leave no time."""
    starts_at = random.choice(CHANGES) - 2 * DAY + random.choice((0, 2, 3)) * HOUR
    rota = simple(layer("l", *people, unit=unit, starts_at=starts_at), timezone=zone)
    start = starts_at.replace(tzinfo=UTC) + DAY
    numbers = [
        s.duty.turn
        for s in shifts(spans(rota, start, start + 130 * DAY if unit is ShiftUnit.MONTH else start + 4 * DAY))
    ]
    assert all(1 <= b - a <= 2 for a, b in pairwise(numbers))
    for s in shifts(spans(rota, start, start + 4 * DAY)):
        assert s.person == people[s.duty.turn % 4]


@given(seeds)
def test_an_absent_person_is_on_call_nowhere(random: Random):
    rota, _ = world(random)
    for absence in rota.absences:
        assert absence.person not in {p for s in spans(rota, absence.start, absence.end) for p in s.people}


def told(span: Span) -> tuple[object, ...]:
    return (span.start, span.end, span.people, span.absent, span.used)


def joined(found: tuple[Span, ...]) -> list[Span]:
    """Join neighbours that say the same."""
    out: list[Span] = []
    for span in found:
        if out and out[-1]._replace(start=span.start, end=span.end) == span:
            out[-1] = out[-1]._replace(end=span.end)
        else:
            out.append(span)
    return out


# --- rules, by example ----------------------------------------------------------------------------------------------

MONDAY = datetime.fromisoformat("2026-06-01T09:00")
NOON = utc("2026-06-01T12:00")


def layer(name: str, *people: str | tuple[str, ...], unit: ShiftUnit = ShiftUnit.WEEK, **more) -> Layer:
    turns = tuple((p,) if isinstance(p, str) else p for p in people)
    return Layer(**{"name": name, "participants": turns, "shift": ShiftLength(unit=unit), "starts_at": MONDAY} | more)


def simple(*layers: Layer, timezone: str = "UTC", overrides=(), absences=()) -> Rota:
    rotation = Rotation(id="r", name="R", team="t", timezone=timezone, layers=layers)
    return Rota(rotation=rotation, overrides=tuple(overrides), absences=tuple(absences))


def hours(start: str, end: str, *days: str) -> tuple[Restriction, ...]:
    chosen = tuple(map(Weekday, days)) or tuple(Weekday)
    return (Restriction(start=time.fromisoformat(start), end=time.fromisoformat(end), days=chosen),)


def rows(rota: Rota, start: str, end: str) -> list[str]:
    """ "ana 01 22:00-02 06:00 night": who, from and to, by which layer (* for an override)."""
    return [
        f"{s.person} {s.start:%d %H:%M}-{s.end:%d %H:%M} {s.duty.layer or '*'}"
        for s in shifts(spans(rota, utc(start), utc(end)))
    ]


def test_the_higher_layer_wins_and_equal_ones_are_on_call_together():
    low, high = layer("low", "ana"), layer("high", "ben", priority=1)
    assert on_call(simple(low, high), NOON) == ("ben",)
    assert on_call(simple(low, layer("equal", "ben")), NOON) == ("ana", "ben")
    assert on_call(simple(low, layer("lower", "ben", priority=-1)), NOON) == ("ana",)


def test_a_silent_layer_leaves_the_floor_to_the_next():
    """It is restricted, has ended, or has not begun."""
    low = layer("low", "ana")
    for silent in (
        layer("high", "ben", priority=1, restrictions=hours("13:00", "14:00")),
        layer("high", "ben", priority=1, ends_at=datetime.fromisoformat("2026-06-01T12:00")),
        layer("high", "ben", priority=1, starts_at=datetime.fromisoformat("2026-06-01T12:00:00.000001")),
        layer("high", priority=1),
    ):
        assert on_call(simple(low, silent), NOON) == ("ana",)


def test_hours_go_on_into_the_next_day():
    night = layer("night", "ana", "ben", restrictions=hours("22:00", "06:00", "sun", "mon"))
    assert rows(simple(night), "2026-06-01T00:00", "2026-06-09T00:00") == [
        "ana 01 22:00-02 06:00 night",
        "ana 07 22:00-08 06:00 night",  # Sunday's hours; the handoff is on Monday at nine
        "ben 08 22:00-09 00:00 night",
    ]
    assert gaps(spans(simple(night), NOON, NOON + DAY)) == (
        Gap(start=NOON, end=utc("2026-06-01T22:00")),
        Gap(start=utc("2026-06-02T06:00"), end=NOON + DAY),
    )


def test_a_handoff_within_the_hours_divides_them():
    days = layer("days", "ana", "ben", unit=ShiftUnit.DAY, restrictions=hours("08:00", "10:00"))
    assert rows(simple(days), "2026-06-02T00:00", "2026-06-03T00:00") == [
        "ana 02 08:00-02 09:00 days",
        "ben 02 09:00-02 10:00 days",
    ]


def test_hours_from_a_time_to_itself_are_a_whole_day_and_join_within_a_turn():
    weekend = layer("weekend", "ana", "ben", restrictions=hours("00:00", "00:00", "sat", "sun"))
    assert rows(simple(weekend), "2026-06-05T00:00", "2026-06-10T00:00") == ["ana 06 00:00-08 00:00 weekend"]


def test_hours_begin_and_end_by_the_rule_for_handoffs():
    """In Chicago 02:30 is missing on 8 March 2026 and 01:30 comes twice on 1 November."""
    night = layer("n", "ana", starts_at=datetime.fromisoformat("2026-01-01"), restrictions=hours("01:30", "02:30"))
    rota = simple(night, timezone="America/Chicago")
    assert rows(rota, "2026-03-08T00:00", "2026-03-09T00:00") == ["ana 08 07:30-08 08:00 n"]
    assert rows(rota, "2026-11-01T00:00", "2026-11-02T00:00") == ["ana 01 06:30-01 08:30 n"]
    lost = replace(night, restrictions=hours("02:00", "03:00"))
    assert rows(simple(lost, timezone="America/Chicago"), "2026-03-08T00:00", "2026-03-09T00:00") == []


def test_neighbours_are_joined_only_within_one_turn():
    alone = layer("alone", "ana", unit=ShiftUnit.DAY)
    assert rows(simple(alone), "2026-06-01T09:00", "2026-06-03T09:00") == [
        "ana 01 09:00-02 09:00 alone",
        "ana 02 09:00-03 09:00 alone",
    ]
    beside = change("add", "ben", start="2026-06-01T12:00", end="2026-06-01T13:00")
    assert rows(simple(alone, overrides=[beside]), "2026-06-01T09:00", "2026-06-02T09:00") == [
        "ana 01 09:00-02 09:00 alone",
        "ben 01 12:00-01 13:00 *",
    ]


def test_a_cover_over_a_handoff_is_one_shift():
    daily = layer("daily", "ana", "ben", unit=ShiftUnit.DAY)
    cover = change("replace", "cho", start="2026-06-02T06:00", end="2026-06-02T12:00")
    assert rows(simple(daily, overrides=[cover]), "2026-06-02T00:00", "2026-06-03T00:00") == [
        "ana 02 00:00-02 06:00 daily",
        "cho 02 06:00-02 12:00 *",
        "ben 02 12:00-03 00:00 daily",
    ]


def test_shifts_that_begin_together_come_by_priority_then_person():
    layers = [layer("low", "zoe", "ana", priority=0), layer("high", ("ben", "ana"), priority=1)]
    rota = simple(*layers, overrides=[change("add", "zoe")])
    found = shifts(spans(rota, utc("2026-06-01T12:00"), utc("2026-06-01T13:00")))
    assert [(s.person, s.duty.layer, s.duty.override) for s in found] == [
        ("zoe", None, True),
        ("ana", "high", False),
        ("ben", "high", False),
    ]


def test_a_person_named_twice_is_on_call_once_and_it_is_noted():
    [span] = spans(simple(layer("a", "ana"), layer("b", ("ana", "ben"))), NOON, NOON + HOUR)
    assert (span.people, span.twice) == (("ana", "ben"), ("ana",))
    assert span.duties[0] == Duty(person="ana", layer="a", layer_index=0, turn=0)
    assert shifts([span])[0] == Shift(duty=span.duties[0], start=NOON, end=NOON + HOUR)


def test_absences_are_stronger_than_overrides_and_leave_a_gap():
    base, away = layer("base", "ana", "ben"), absence("ana")
    [span] = spans(simple(base, absences=[away]), NOON, NOON + HOUR)
    assert (span.people, span.absent) == ((), ("ana",))
    assert on_call(simple(base, absences=[away], overrides=[change("add", "ana")]), NOON) == ()
    [covered] = spans(simple(base, absences=[away], overrides=[change("replace", "cho", "ana")]), NOON, NOON + HOUR)
    assert (covered.people, covered.absent, covered.used) == (("cho",), (), (0,))


def test_nobody_steps_in_for_an_absence_by_itself():
    """A layer of lower priority stays silent: it would be a cover that nobody agreed to."""
    assert on_call(simple(layer("low", "ben"), layer("high", "ana", priority=1), absences=[absence("ana")]), NOON) == ()


def absence(person: str) -> Absence:
    return Absence(person=person, start=NOON, end=NOON + 6 * HOUR)


def change(
    action: str, person: str | None = None, replaces: str | None = None, start: str = "", end: str = ""
) -> Override:
    return Override(
        rotation="r",
        action=OverrideAction(action),
        start=utc(start) if start else NOON,
        end=utc(end) if end else NOON + 6 * HOUR,
        person=person,
        replaces=replaces,
    )


@pytest.mark.parametrize(
    ("overrides", "expected", "used"),
    [
        ([], ("ana", "ben"), ()),
        ([change("add", "cho")], ("ana", "ben", "cho"), (0,)),
        ([change("add", "ana")], ("ana", "ben"), ()),
        ([change("remove", "ana")], ("ben",), (0,)),
        ([change("remove", "dee")], ("ana", "ben"), ()),
        ([change("replace", "cho", "ana")], ("cho", "ben"), (0,)),
        ([change("replace", "ben", "ana")], ("ben",), (0,)),
        ([change("replace", "cho", "dee")], ("ana", "ben"), ()),
        ([change("replace", "cho")], ("cho",), (0,)),
        ([change("replace", "cho"), change("add", "dee")], ("cho", "dee"), (0, 1)),
        ([change("add", "dee"), change("replace", "cho")], ("cho",), (0, 1)),
        ([change("remove", "ana"), change("remove", "ben")], (), (0, 1)),
    ],
)
def test_overrides(overrides: list[Override], expected: tuple[str, ...], used: tuple[int, ...]):
    rota = simple(layer("l", ("ana", "ben")), overrides=overrides)
    [span] = spans(rota, NOON, NOON + 6 * HOUR)
    assert (span.people, span.used) == (expected, used)
    assert on_call(rota, NOON + 6 * HOUR - TICK) == expected
    assert on_call(rota, NOON + 6 * HOUR) == ("ana", "ben")
    assert on_call(rota, NOON - TICK) == ("ana", "ben")


def test_by_people_joins_what_looks_the_same():
    alone = simple(layer("alone", "ana", unit=ShiftUnit.DAY))
    assert list(by_people(spans(alone, NOON, NOON + 3 * DAY))) == [(("ana",), NOON, NOON + 3 * DAY)]


@pytest.mark.parametrize("unit", ShiftUnit)
def test_a_rota_that_began_long_ago(unit: ShiftUnit):
    """The turn follows from the dates; nobody walks there from 1900."""
    rota = simple(layer("l", "ana", "ben", unit=unit, starts_at=datetime.fromisoformat("1900-01-01")))
    days = (NOON.replace(tzinfo=None) - datetime.fromisoformat("1900-01-01")).days
    turn = {
        ShiftUnit.HOUR: days * 24 + 12,
        ShiftUnit.DAY: days,
        ShiftUnit.WEEK: days // 7,
        ShiftUnit.MONTH: 126 * 12 + 5,
    }
    assert on_call(rota, NOON) == (("ana",), ("ben",))[turn[unit] % 2]


@pytest.mark.parametrize("unit", ShiftUnit)
def test_before_the_first_handoff_and_after_the_end_there_is_nobody(unit: ShiftUnit):
    rota = simple(layer("l", "ana", unit=unit, ends_at=datetime.fromisoformat("2026-06-01T12:00")))
    assert on_call(rota, utc("2026-06-01T09:00") - TICK) == on_call(rota, utc("1990-01-01")) == ()
    assert on_call(rota, utc("2026-06-01T09:00")) == on_call(rota, NOON - TICK) == ("ana",)
    assert on_call(rota, NOON) == on_call(rota, utc("2090-01-01")) == ()
