"""Handoffs on the days the clocks move, computed by hand from the zones' rules.

Two people take turns of a day (a: even days from the anchor, b: odd days) unless a case says otherwise.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from model.rota import Layer, Rota, Rotation, ShiftLength, ShiftUnit
from routing.on_call import on_call, shifts, spans
from routing.turns import first_instant

TICK = timedelta(microseconds=1)


def rota(timezone: str, starts_at: str, unit: ShiftUnit = ShiftUnit.DAY, count: int = 1, people: str = "ab") -> Rota:
    layer = Layer(
        name="only",
        participants=tuple((p,) for p in people),
        shift=ShiftLength(unit=unit, count=count),
        starts_at=datetime.fromisoformat(starts_at),
    )
    return Rota(rotation=Rotation(id="r", name="R", team="t", timezone=timezone, layers=(layer,)))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CASES = [
    # zone, wall time of the handoff, its instant in UTC
    pytest.param("America/Chicago", "2026-03-07T02:30", "2026-03-07T08:30", id="Chicago, the day before"),
    pytest.param("America/Chicago", "2026-03-08T01:59:59", "2026-03-08T07:59:59", id="Chicago, just before the gap"),
    pytest.param("America/Chicago", "2026-03-08T02:00", "2026-03-08T08:00", id="Chicago, first time in the gap"),
    pytest.param("America/Chicago", "2026-03-08T02:30", "2026-03-08T08:00", id="Chicago, inside the gap"),
    pytest.param("America/Chicago", "2026-03-08T02:59:59.999999", "2026-03-08T08:00", id="Chicago, end of the gap"),
    pytest.param("America/Chicago", "2026-03-08T03:00", "2026-03-08T08:00", id="Chicago, first instant after the gap"),
    pytest.param("America/Chicago", "2026-03-08T09:00", "2026-03-08T14:00", id="Chicago, 09:00 in summer time"),
    pytest.param("America/Chicago", "2026-11-01T00:59", "2026-11-01T05:59", id="Chicago, before the doubled hour"),
    pytest.param("America/Chicago", "2026-11-01T01:00", "2026-11-01T06:00", id="Chicago, doubled: the first 01:00"),
    pytest.param("America/Chicago", "2026-11-01T01:30", "2026-11-01T06:30", id="Chicago, doubled: the first 01:30"),
    pytest.param("America/Chicago", "2026-11-01T02:00", "2026-11-01T08:00", id="Chicago, after the doubled hour"),
    pytest.param("Europe/London", "2026-03-29T01:30", "2026-03-29T01:00", id="London, gap from 01:00 to 02:00"),
    pytest.param("Europe/London", "2026-10-25T01:30", "2026-10-25T00:30", id="London, doubled hour"),
    pytest.param("Europe/London", "2026-10-25T02:00", "2026-10-25T02:00", id="London, after the doubled hour"),
    # Lord Howe moves by half an hour: +10:30 in winter, +11 in summer.
    pytest.param("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30", id="Lord Howe, gap 02:00 to 02:30"),
    pytest.param("Australia/Lord_Howe", "2026-10-04T02:30", "2026-10-03T15:30", id="Lord Howe, end of the gap"),
    pytest.param("Australia/Lord_Howe", "2026-10-04T02:45", "2026-10-03T15:45", id="Lord Howe, after the gap"),
    pytest.param("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45", id="Lord Howe, doubled half hour"),
    pytest.param("Australia/Lord_Howe", "2026-04-05T02:00", "2026-04-04T15:30", id="Lord Howe, after the doubled half"),
    pytest.param("Asia/Kathmandu", "2026-03-08T02:30", "2026-03-07T20:45", id="Kathmandu, +5:45 all year"),
    # Until 2019 Brazil moved its clocks at midnight: that day had no 00:00.
    pytest.param("America/Sao_Paulo", "2018-11-04T00:00", "2018-11-04T03:00", id="Sao Paulo, midnight missing"),
    pytest.param("America/Sao_Paulo", "2018-11-04T00:59", "2018-11-04T03:00", id="Sao Paulo, end of the gap"),
    pytest.param(
        "America/Sao_Paulo", "2018-02-17T23:30", "2018-02-18T01:30", id="Sao Paulo, doubled hour before midnight"
    ),
    # Samoa crossed the date line: 30 December 2011 did not happen.
    pytest.param("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00", id="Apia, a missing day"),
]


@pytest.mark.parametrize(("zone", "wall", "instant"), CASES)
def test_first_instant(zone: str, wall: str, instant: str):
    assert first_instant(datetime.fromisoformat(wall), ZoneInfo(zone)) == utc(instant)


@pytest.mark.parametrize(("zone", "wall", "instant"), CASES)
def test_handoff_is_exact_to_the_microsecond(zone: str, wall: str, instant: str):
    """Until the handoff the one before, from it on the next."""
    rotation = rota(zone, wall)
    anchored_before = rota(zone, (datetime.fromisoformat(wall) - timedelta(days=14)).isoformat())
    assert on_call(rotation, utc(instant) - TICK) == ()
    assert on_call(rotation, utc(instant)) == ("a",)
    if zone != "Pacific/Apia":
        assert on_call(anchored_before, utc(instant) - TICK) == ("b",)
        assert on_call(anchored_before, utc(instant)) == ("a",)


def test_a_day_of_23_and_one_of_25_hours():
    """Handoff at 09:00 Chicago: the turn over the lost hour is short, the one over the doubled hour long."""
    spring = shifts(
        spans(rota("America/Chicago", "2026-03-06T09:00"), utc("2026-03-07T15:00"), utc("2026-03-09T14:00"))
    )
    assert [(s.person, s.start, s.end) for s in spring] == [
        ("b", utc("2026-03-07T15:00"), utc("2026-03-08T14:00")),
        ("a", utc("2026-03-08T14:00"), utc("2026-03-09T14:00")),
    ]
    autumn = shifts(
        spans(rota("America/Chicago", "2026-10-31T09:00"), utc("2026-10-31T14:00"), utc("2026-11-02T15:00"))
    )
    assert [s.end - s.start for s in autumn] == [timedelta(hours=25), timedelta(hours=24)]


def test_second_passing_of_a_doubled_time_hands_off_nothing():
    """01:30 comes twice in Chicago on 1 November 2026; the handoff was at the first."""
    rotation = rota("America/Chicago", "2026-10-31T01:30")
    assert on_call(rotation, utc("2026-11-01T06:30") - TICK) == ("a",)
    assert on_call(rotation, utc("2026-11-01T06:30")) == ("b",)
    assert on_call(rotation, utc("2026-11-01T07:15")) == ("b",)  # 01:15 again
    assert on_call(rotation, utc("2026-11-01T07:30")) == ("b",)  # 01:30 again
    assert on_call(rotation, utc("2026-11-02T07:30")) == ("a",)


def test_week_and_fortnight_keep_their_weekday_and_hour():
    weekly = rota("Europe/London", "2026-03-23T09:00", ShiftUnit.WEEK)
    assert [s.start for s in shifts(spans(weekly, utc("2026-03-23T09:00"), utc("2026-04-07T00:00")))] == [
        utc("2026-03-23T09:00"),
        utc("2026-03-30T08:00"),
        utc("2026-04-06T08:00"),
    ]
    fortnight = rota("Europe/London", "2026-03-23T09:00", ShiftUnit.WEEK, count=2)
    assert on_call(fortnight, utc("2026-04-06T08:00") - TICK) == ("a",)
    assert on_call(fortnight, utc("2026-04-06T08:00")) == ("b",)


def test_turn_of_no_length_is_dropped_and_the_order_kept():
    """At midnight Apia time turns begin on the 29th (a), 30th (b, a day that did not happen), 31st (c)."""
    rotation = rota("Pacific/Apia", "2011-12-29T00:00", people="abc")
    found = shifts(spans(rotation, utc("2011-12-29T10:00"), utc("2012-01-01T10:00")))
    assert [(s.person, s.start) for s in found] == [
        ("a", utc("2011-12-29T10:00")),
        ("c", utc("2011-12-30T10:00")),
        ("a", utc("2011-12-31T10:00")),
    ]


def test_turn_across_the_missing_day_is_short():
    """With handoff at 09:00 the 30th's turn begins with the 31st's midnight and lasts nine hours."""
    rotation = rota("Pacific/Apia", "2011-12-29T09:00", people="abc")
    found = shifts(spans(rotation, utc("2011-12-29T19:00"), utc("2011-12-31T19:00")))
    assert [(s.person, s.end - s.start) for s in found] == [
        ("a", timedelta(hours=15)),
        ("b", timedelta(hours=9)),
        ("c", timedelta(hours=24)),
    ]


# --- every unit, over both changes ----------------------------------------------------------------------------------


def handoffs(timezone: str, starts_at: str, unit: ShiftUnit, window: tuple[str, str], count: int = 1) -> list[str]:
    """Who comes on when, in UTC: "a 06:00"."""
    found = shifts(spans(rota(timezone, starts_at, unit, count, "abcd"), *map(utc, window)))
    return [f"{s.person} {s.start:%d %H:%M}" for s in found]


def test_hours_in_chicago_when_an_hour_is_missing():
    """The turn from 02:00 to 03:00 does not take place; c is passed over and d follows as always."""
    window = ("2026-03-08T06:00", "2026-03-08T10:00")
    assert handoffs("America/Chicago", "2026-03-08T00:00", ShiftUnit.HOUR, window) == [
        "a 08 06:00",
        "b 08 07:00",
        "d 08 08:00",
        "a 08 09:00",
    ]


def test_hours_in_chicago_when_an_hour_comes_twice():
    """01:00 is reached once, at 06:00 UTC, and 02:00 two hours later."""
    window = ("2026-11-01T05:00", "2026-11-01T10:00")
    assert handoffs("America/Chicago", "2026-11-01T00:00", ShiftUnit.HOUR, window) == [
        "a 01 05:00",
        "b 01 06:00",
        "c 01 08:00",
        "d 01 09:00",
    ]


def test_three_hours_in_london_are_those_of_the_clock():
    window = ("2026-03-28T21:00", "2026-03-29T08:00")
    assert handoffs("Europe/London", "2026-03-28T21:00", ShiftUnit.HOUR, window, count=3) == [
        "a 28 21:00",
        "b 29 00:00",
        "c 29 02:00",  # 03:00 by then
        "d 29 05:00",
    ]


def test_hours_in_lord_howe_lose_and_gain_half_an_hour():
    spring = ("2026-10-03T14:30", "2026-10-03T17:00")
    assert handoffs("Australia/Lord_Howe", "2026-10-04T01:00", ShiftUnit.HOUR, spring) == [
        "a 03 14:30",
        "b 03 15:30",  # 02:00 is 02:30 at once
        "c 03 16:00",
    ]
    autumn = ("2026-04-04T14:00", "2026-04-04T17:00")
    assert handoffs("Australia/Lord_Howe", "2026-04-05T01:00", ShiftUnit.HOUR, autumn) == [
        "a 04 14:00",
        "b 04 15:30",  # 01:30 to 02:00 came twice
        "c 04 16:30",
    ]


def test_days_in_lord_howe_are_half_an_hour_short_and_long():
    found = shifts(
        spans(rota("Australia/Lord_Howe", "2026-10-03T09:00"), utc("2026-10-02T22:30"), utc("2026-10-04T22:00"))
    )
    assert [s.end - s.start for s in found] == [timedelta(hours=23, minutes=30), timedelta(days=1)]
    found = shifts(
        spans(rota("Australia/Lord_Howe", "2026-04-04T09:00"), utc("2026-04-03T22:00"), utc("2026-04-05T22:30"))
    )
    assert [s.end - s.start for s in found] == [timedelta(hours=24, minutes=30), timedelta(days=1)]


def test_days_in_sao_paulo_began_at_one_when_midnight_was_missing_and_do_no_more():
    then = ("2018-11-03T03:00", "2018-11-06T02:00")
    assert handoffs("America/Sao_Paulo", "2018-11-03T00:00", ShiftUnit.DAY, then) == [
        "a 03 03:00",
        "b 04 03:00",
        "c 05 02:00",
    ]
    now = ("2026-11-03T03:00", "2026-11-05T03:00")
    assert handoffs("America/Sao_Paulo", "2026-11-03T00:00", ShiftUnit.DAY, now) == ["a 03 03:00", "b 04 03:00"]


def test_nothing_moves_in_kathmandu():
    window = ("2026-03-07T18:15", "2026-03-10T18:15")
    assert handoffs("Asia/Kathmandu", "2026-03-08T00:00", ShiftUnit.DAY, window) == [
        "a 07 18:15",
        "b 08 18:15",
        "c 09 18:15",
    ]


def test_months_count_from_the_first_day_and_do_not_drift():
    """From the 31st: the last of a shorter month, and the 31st again after it; 09:00 by summer and winter clocks."""
    rotation = rota("America/Chicago", "2026-01-31T09:00", ShiftUnit.MONTH, people="abcdefg")
    found = shifts(spans(rotation, utc("2026-01-31T15:00"), utc("2026-08-01T00:00")))
    assert [(s.person, s.start) for s in found] == [
        ("a", utc("2026-01-31T15:00")),
        ("b", utc("2026-02-28T15:00")),
        ("c", utc("2026-03-31T14:00")),
        ("d", utc("2026-04-30T14:00")),
        ("e", utc("2026-05-31T14:00")),
        ("f", utc("2026-06-30T14:00")),
        ("g", utc("2026-07-31T14:00")),
    ]


def test_a_leap_day_comes_back_every_four_years():
    rotation = rota("UTC", "2024-02-29T00:00", ShiftUnit.MONTH, count=12, people="abcde")
    found = shifts(spans(rotation, utc("2024-02-29T00:00"), utc("2028-03-01T00:00")))
    assert [f"{s.start:%Y-%m-%d}" for s in found] == [
        "2024-02-29",
        "2025-02-28",
        "2026-02-28",
        "2027-02-28",
        "2028-02-29",
    ]
