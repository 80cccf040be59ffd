"""What a person had to bear: by their own clock at home."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from model.limits import CALLS, Ring
from routing.loads import load, month_begins
from tests.unit.routing.house import person

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)  # noon in Chicago
ANA = person("ana", "America/Chicago", 1)


def rings(*ats: datetime) -> list[Ring]:
    return [Ring(at, f"e{n}") for n, at in enumerate(ats)]


def test_calls_are_counted_by_how_long_ago_they_were() -> None:
    ago = (1, 9, 10, 59, 61, 1439, 1441)
    found = load(ANA, rings(*(NOW - timedelta(minutes=m) for m in ago)), CALLS, NOW)
    assert found.calls == (2, 4, 6)
    assert found.calls_this_month == 7


@pytest.mark.parametrize(
    ("at", "nights"),
    [
        (datetime(2026, 11, 10, 9, 0, tzinfo=UTC), [date(2026, 11, 9)]),  # 03:00
        (datetime(2026, 11, 10, 5, 0, tzinfo=UTC), [date(2026, 11, 9)]),  # 23:00
        (datetime(2026, 11, 10, 18, 0, tzinfo=UTC), []),  # noon
        (datetime(2026, 11, 1, 8, 0, tzinfo=UTC), []),  # 03:00 of the night that began in October
    ],
)
def test_a_night_is_the_evening_it_began_at_home(at: datetime, nights: list[date]) -> None:
    found = load(ANA, rings(at, at + timedelta(minutes=1)), CALLS, NOW)
    assert list(found.nights_woken) == nights


def test_the_month_begins_at_home() -> None:
    assert month_begins(ANA, NOW) == datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
    assert month_begins(replace(ANA, timezone="Asia/Tokyo"), NOW) == datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
    young = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert month_begins(ANA, young) == young - timedelta(hours=24)


def test_who_was_rung_as_often_as_may_be_may_be_rung_later() -> None:
    four = rings(*(NOW - timedelta(minutes=m) for m in (8, 6, 4, 2)))
    assert load(ANA, four, CALLS, NOW).may_be_rung_at == NOW + timedelta(minutes=2)
    assert load(ANA, four[1:], CALLS, NOW).may_be_rung_at == NOW
