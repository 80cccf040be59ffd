"""Times as people type them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.commands.client import CommandError
from app.commands.moments import end_moment, moment, zone_of

CHICAGO = ZoneInfo("America/Chicago")
FRIDAY = datetime(2026, 3, 6, 18, tzinfo=UTC)  # noon in Chicago, two nights before the clocks go forward


@pytest.mark.parametrize(
    ("typed", "instant"),
    [
        ("Sat 22:00", "2026-03-08T04:00"),
        ("saturday 22:00", "2026-03-08T04:00"),
        ("SUN 03:00", "2026-03-08T08:00"),
        ("Fri 12:00", "2026-03-06T18:00"),
        ("Fri 11:59", "2026-03-13T16:59"),
        ("13:00", "2026-03-06T19:00"),
        ("9:05", "2026-03-07T15:05"),
        ("today 09:00", "2026-03-06T15:00"),
        ("tomorrow 09:00", "2026-03-07T15:00"),
        (" 2026-03-07T09:00 ", "2026-03-07T15:00"),
        ("2026-03-07 09:00", "2026-03-07T15:00"),
        ("2026-03-07T09:00Z", "2026-03-07T09:00"),
        ("2026-03-07T09:00+01:00", "2026-03-07T08:00"),
    ],
)
def test_what_is_meant(typed: str, instant: str):
    found = moment(typed, CHICAGO, FRIDAY)
    assert (found.at, found.remark) == (datetime.fromisoformat(instant).replace(tzinfo=UTC), "")


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("tomorrow 17:00", "tomorrow 21:00", 4),
        ("Sat 17:00", "21:00", 4),
        ("Sat 17:00", "Sun 08:00", 14),  # the clocks go forward
        ("17:00", "06:00", 13),
        ("2026-11-01T01:30-06:00", "01:45", 0.25),  # the second quarter to two of that night
    ],
)
def test_an_end_counts_from_its_beginning_and_a_day_from_today(start: str, end: str, hours: float):
    begins = moment(start, CHICAGO, FRIDAY).at
    ends = end_moment(end, CHICAGO, FRIDAY, begins, option="--to").at
    assert (ends - begins).total_seconds() == hours * 3600


@pytest.mark.parametrize("end", ["today 21:00", "2026-03-07T09:00", "tomorrow 17:00"])
def test_an_end_before_the_beginning_is_refused(end: str):
    begins = moment("tomorrow 17:00", CHICAGO, FRIDAY).at
    with pytest.raises(CommandError, match=f'--to: "{end}" is not later than the beginning'):
        end_moment(end, CHICAGO, FRIDAY, begins, option="--to")


def test_a_time_that_does_not_come_is_said():
    found = moment("Sun 02:30", CHICAGO, FRIDAY)
    assert found.at == datetime(2026, 3, 8, 8, tzinfo=UTC)
    assert found.remark == "02:30 does not come on Sun 8 Mar 2026 in America/Chicago: this is 03:00."


def test_a_time_that_comes_twice_is_said():
    found = moment("2026-11-01T01:30", CHICAGO, FRIDAY)
    assert found.at == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert found.remark.endswith("this is the first time, 2026-11-01T01:30-06:00 the second.")
    second = moment("2026-11-01T01:30-06:00", CHICAGO, FRIDAY)
    assert (second.at, second.remark) == (datetime(2026, 11, 1, 7, 30, tzinfo=UTC), "")


def test_without_a_timezone_the_machine_s_clock_is_meant():
    assert moment("2026-03-07T09:00", None, FRIDAY).at == datetime(2026, 3, 7, 9).astimezone(UTC)
    assert moment("12:34", None, FRIDAY).at >= FRIDAY


@pytest.mark.parametrize("typed", ["", "whenever", "Sun", "su 02:30", "Sun 24:00", "2026-13-01T00:00", "now 12:00"])
def test_what_is_no_instant_is_refused(typed: str):
    with pytest.raises(CommandError, match="--at: expected an instant such as"):
        moment(typed, CHICAGO, FRIDAY)


def test_timezones_go_by_the_names_in_use():
    assert zone_of("America/Chicago") == CHICAGO
    with pytest.raises(CommandError, match='"Asia/Kathmandu", the name in use now, found Asia/Katmandu'):
        zone_of("Asia/Katmandu")
