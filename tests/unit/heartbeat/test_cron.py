"""When a word is expected by a cron expression, and when its lack is late: also when the clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from heartbeat import alarms, cron, monitor
from model.roster import Heartbeat, Source

CHICAGO = "America/Chicago"
QUARTERS = Heartbeat(cron="*/15 * * * *", timezone=CHICAGO, grace_seconds=60)
DAILY = Heartbeat(cron="0 8 * * *", timezone=CHICAGO, grace_seconds=600)
ZERO = timedelta()


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def expected(expression, after, count, timezone=CHICAGO):
    found, at = [], utc(after)
    for _ in range(count):
        at = cron.expected(expression, timezone, at)
        found.append(f"{at:%d %H:%M}")
    return found


def test_it_is_later_than_what_is_asked_for():
    assert expected("*/15 * * * *", "2026-07-14T02:00", 2) == ["14 02:15", "14 02:30"]
    assert expected("*/15 * * * *", "2026-07-14T02:14:59.999999", 1) == ["14 02:15"]


def test_the_clock_of_the_wall_counts():
    assert expected("0 8 * * *", "2026-10-31T00:00", 3) == ["31 13:00", "01 14:00", "02 14:00"]
    assert expected("0 8 * * *", "2026-03-07T00:00", 3) == ["07 14:00", "08 13:00", "09 13:00"]


def test_every_quarter_goes_on_through_both_nights():
    assert expected("*/15 * * * *", "2026-03-08T07:30", 4) == ["08 07:45", "08 08:00", "08 08:15", "08 08:30"]
    assert expected("*/30 * * * *", "2026-11-01T05:30", 5) == [
        "01 06:00",
        "01 06:30",
        "01 07:00",
        "01 07:30",
        "01 08:00",
    ]


def test_an_hour_that_comes_twice_is_expected_once_when_it_is_named():
    assert expected("30 1 * * *", "2026-10-31T00:00", 3) == ["31 06:30", "01 06:30", "02 07:30"]


def test_a_word_at_the_end_of_the_skipped_hour_is_the_one_that_fell_into_it():
    """02:30 is on no clock that night: some run it at 03:00, others at 03:30."""
    assert expected("30 2 * * *", "2026-03-07T12:00", 1) == ["08 08:30"]
    assert expected("30 2 * * *", "2026-03-08T07:40", 1) == ["08 08:30"], "a word before the hour is none of it"
    assert expected("30 2 * * *", "2026-03-08T07:59:59.999999", 1) == ["08 08:30"]
    assert expected("30 2 * * *", "2026-03-08T08:00", 1) == ["09 07:30"]
    assert expected("30 2 * * *", "2026-03-08T08:30:02", 1) == ["09 07:30"]


@pytest.mark.parametrize(
    ("expression", "timezone", "after", "found"),
    [
        ("30 0 * * *", "America/Havana", "2026-03-07T12:00", ["08 05:30", "09 04:30"]),
        ("0 0 * * *", "America/Santiago", "2026-09-05T12:00", ["06 04:00", "07 03:00"]),
        ("0 0,1 * * *", "America/Santiago", "2026-09-05T12:00", ["06 04:00", "07 03:00"]),
        ("30 0 8 3 *", "America/Havana", "2026-03-07T12:00", ["08 05:30"]),
    ],
)
def test_an_hour_that_is_skipped_at_midnight_is_waited_for(expression, timezone, after, found):
    assert expected(expression, after, len(found), timezone) == found


ZONES_THAT_CHANGE = [CHICAGO, "America/Havana", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"]


@pytest.mark.parametrize("zone", ZONES_THAT_CHANGE)
def test_all_that_no_night_moves_is_what_the_wall_shows(zone):
    """A second opinion: each instant of two days around each change at which clocks there show a quarter."""
    for begin in ("2026-03-07T00:00", "2026-04-04T00:00", "2026-09-05T00:00", "2026-10-03T00:00", "2026-10-31T00:00"):
        instants = [utc(begin) + timedelta(minutes=n) for n in range(2 * 24 * 60)]
        shown = [at for at in instants[1:] if at.astimezone(ZoneInfo(zone)).minute % 15 == 0]
        assert expected("*/15 * * * *", begin, len(shown), zone) == [f"{at:%d %H:%M}" for at in shown]


@pytest.mark.parametrize(
    ("days", "found"), [("0", "19"), ("7", "19"), ("1", "20"), ("5", "17"), ("sat", "18"), ("1-5", "15")]
)
def test_days_of_the_week_are_numbered_as_in_every_cron(days, found):
    """2026-07-14 is a Tuesday."""
    assert expected(f"0 8 * * {days}", "2026-07-14T20:00", 1) == [f"{found} 13:00"]


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 30 2 *", "0 0 1 * 1", "0 9 * * */2", "0 9 * * 8", "a * * * *"],
)
def test_what_is_no_expression_is_said(expression):
    assert cron.problem(expression)


@pytest.mark.parametrize(
    "expression", ["*/15 * * * *", "0 9 * * 1-5", "0 9 * * 5-7", "0 9 29 2 *", "5,35 6-18 * * mon"]
)
def test_what_is_one_passes(expression):
    assert cron.problem(expression) is None


@pytest.mark.parametrize(
    ("seen", "late_at"),
    [
        ("02:15:20", "02:31"),  # it came, and the next is due at 02:30
        ("02:14:30", "02:31"),  # a little too early is that one
        ("02:13:30", "02:16"),  # too early is another
        ("02:15:00", "02:31"),
    ],
)
def test_late_a_grace_after_it_is_due_and_silent_a_grace_later(seen, late_at):
    found = monitor.due(QUARTERS, utc(f"2026-07-14T{seen}"), utc("2026-07-14T00:00"), ZERO)
    late = utc(f"2026-07-14T{late_at}")
    assert found == (late, late + timedelta(seconds=60))


def test_after_a_pause_of_ours_the_next_one_is_expected_and_many_pauses_are_no_excuse():
    seen = utc("2026-07-14T01:00:10")
    after_one = monitor.due(QUARTERS, seen, utc("2026-07-14T01:20"), timedelta(minutes=10))
    assert after_one.late_at == utc("2026-07-14T01:31")
    after_many = monitor.due(QUARTERS, seen, utc("2026-07-14T03:00"), timedelta(minutes=10))
    assert after_many.late_at == utc("2026-07-14T01:41"), "two were due, and ten minutes are allowed for"


def test_no_alarm_in_either_night_for_who_beats_each_morning():
    for day in ("2026-03-07T14:00:05", "2026-10-31T13:00:05"):
        seen = utc(day)
        next_word = cron.expected(DAILY.cron, DAILY.timezone, seen)
        assert abs(next_word - seen - timedelta(days=1)) < timedelta(hours=1, minutes=1)
        assert monitor.due(DAILY, seen, seen, ZERO).late_at == next_word + timedelta(minutes=10)


def test_the_notice_says_when_it_was_expected():
    seen = utc("2026-07-14T02:15:20")
    said = alarms.late(Source(id="miso", name="MISO"), QUARTERS, alarms.silence_id("miso", seen), seen)
    assert said["text"] == (
        "Expected at */15 * * * * (America/Chicago). People are called when nothing is heard 2 minutes after that."
    )
