"""What is said about a rota before it is somebody's."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from model.rota import Absence, Layer, Override, OverrideAction, Rota, Rotation, ShiftLength, ShiftUnit
from routing.clock_changes import clock_changes
from routing.notices import MAX_OF_A_KIND, NoticeKind, next_clocks, notices
from routing.on_call import spans, whole_shifts

DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def layer(*people: str, unit: ShiftUnit = ShiftUnit.DAY, **more) -> Layer:
    starts_at = datetime.fromisoformat("2026-01-05T09:00")
    turns = tuple((p,) for p in people)
    return Layer(**{"name": "l", "participants": turns, "shift": ShiftLength(unit=unit), "starts_at": starts_at} | more)


def rota(*layers: Layer, timezone: str = "America/Chicago", overrides=(), absences=()) -> Rota:
    rotation = Rotation(id="r", name="R", team="t", timezone=timezone, layers=layers)
    return Rota(rotation=rotation, overrides=tuple(overrides), absences=tuple(absences))


def change(action: str, person: str, start: str, end: str, replaces: str | None = None) -> Override:
    return Override(
        rotation="r", action=OverrideAction(action), start=utc(start), end=utc(end), person=person, replaces=replaces
    )


def said(of: Rota, start: str, end: str) -> list[str]:
    found = notices(of, spans(of, utc(start), utc(end)), str.title)
    return [f"{n.kind}: {n.text}" for n in found]


def test_a_rota_in_order_is_not_commented():
    assert said(rota(layer("ana", "ben")), "2026-06-01T00:00", "2026-06-08T00:00") == []


def test_moved_clocks_name_who_works_an_hour_less_or_more():
    days = rota(layer("ana", "ben"))
    assert said(days, "2026-03-07T00:00", "2026-03-10T00:00") == [
        "clocks: Clocks go forward 1 h to Sun 03:00 (CST, then CDT): Ben works 23 h instead of 24 h"
    ]
    assert said(days, "2026-10-20T00:00", "2026-11-03T00:00") == [
        "clocks: Clocks go back 1 h to Sun 1 Nov 01:00 (CDT, then CST): Ben works 25 h instead of 24 h"
    ]


def test_the_hours_are_those_of_the_whole_shift_however_narrow_the_window():
    weeks = rota(layer("ana", "ben", unit=ShiftUnit.WEEK))
    [notice] = said(weeks, "2026-03-08T07:00", "2026-03-08T09:00")
    assert notice.endswith("Ana works 167 h instead of 168 h")
    half = rota(layer("ana"), timezone="Australia/Lord_Howe")
    [notice] = said(half, "2026-10-03T00:00", "2026-10-05T00:00")
    assert notice.endswith("Clocks go forward 30 min to Sun 02:30 (+1030, then +11): Ana works 23.5 h instead of 24 h")


def test_the_next_two_changes_are_named_however_far():
    found = next_clocks(rota(layer("ana", "ben")), str.title, utc("2026-06-01T00:00"))
    assert [n.text for n in found] == [
        "Clocks go back 1 h to Sun 1 Nov 01:00 (CDT, then CST): Ben works 25 h instead of 24 h",
        "Clocks go forward 1 h to Sun 14 Mar 03:00 (CST, then CDT): Ana works 23 h instead of 24 h",
    ]
    assert next_clocks(rota(layer("ana"), timezone="Asia/Kathmandu"), str.title, utc("2026-06-01T00:00")) == ()


def test_a_handoff_with_the_clocks_makes_nobody_s_shift_shorter():
    at_two = rota(layer("ana", "ben", starts_at=datetime.fromisoformat("2026-03-01T02:00")))
    [notice] = said(at_two, "2026-03-08T00:00", "2026-03-09T00:00")
    assert notice.endswith("no shift is shorter or longer for it")


def test_gaps_absences_doubles_and_overrides_without_effect():
    changes = [
        change("replace", "ben", "2026-06-02T15:00", "2026-06-02T16:00", "cho"),
        change("remove", "ana", "2026-06-04T14:00", "2026-06-04T15:00"),
        change("add", "ben", "2026-06-03T15:00", "2026-06-03T16:00"),
    ]
    away = [Absence(person="ben", start=utc("2026-06-05T15:00"), end=utc("2026-06-05T17:00"))]
    of = rota(layer("ana", "ben"), overrides=changes, absences=away)
    assert said(of, "2026-06-02T14:00", "2026-06-06T14:00") == [
        "gap: Nobody is on call Thu 09:00-10:00 CDT, 1 h",
        "gap: Nobody is on call Fri 10:00-12:00 CDT, 2 h",
        "twice: Ben is named more than once Wed 10:00-11:00 CDT, 1 h, and called once",
        "absent: Ben is absent Fri 10:00-12:00 CDT, 2 h, without a replacement: nobody is on call",
        "no_effect: Replacing Cho by Ben Tue 10:00-11:00 CDT, 1 h changes nothing",
        "no_effect: Adding Ben Wed 10:00-11:00 CDT, 1 h changes nothing",
    ]


def test_an_absence_that_is_covered_is_not_mentioned():
    away = [Absence(person="ana", start=utc("2026-06-01T00:00"), end=utc("2026-07-01T00:00"))]
    covers = [change("replace", "cho", "2026-06-01T00:00", "2026-07-01T00:00", "ana")]
    of = rota(layer("ana", "ben"), overrides=covers, absences=away)
    assert said(of, "2026-06-01T00:00", "2026-06-20T00:00") == []


def test_many_of_a_kind_are_counted():
    hours = rota(
        layer("ana", unit=ShiftUnit.DAY),
        overrides=[
            change(
                "remove", "ana", f"2026-06-{1 + n // 24:02}T{n % 24:02}:00", f"2026-06-{1 + n // 24:02}T{n % 24:02}:30"
            )
            for n in range(100)
        ],
    )
    found = said(hours, "2026-06-01T00:00", "2026-06-10T00:00")
    assert len(found) == MAX_OF_A_KIND
    assert found[-1] == "gap: … and 51 more of this kind"


def test_nothing_is_said_of_no_time():
    assert notices(rota(layer("ana")), (), str.title) == ()
    assert [k.value for k in NoticeKind][:2] == ["gap", "clocks"]


@pytest.mark.parametrize(
    ("zone", "year", "expected"),
    [
        ("America/Chicago", 2026, [("2026-03-08T08:00", 60), ("2026-11-01T07:00", -60)]),
        ("Europe/London", 2026, [("2026-03-29T01:00", 60), ("2026-10-25T01:00", -60)]),
        ("Australia/Lord_Howe", 2026, [("2026-04-04T15:00", -30), ("2026-10-03T15:30", 30)]),
        ("America/Sao_Paulo", 2018, [("2018-02-18T02:00", -60), ("2018-11-04T03:00", 60)]),
        ("America/Sao_Paulo", 2026, []),
        ("Asia/Kathmandu", 2026, []),
        ("Pacific/Apia", 2011, [("2011-04-02T14:00", -60), ("2011-09-24T14:00", 60), ("2011-12-30T10:00", 24 * 60)]),
    ],
)
def test_changes_of_clocks(zone: str, year: int, expected: list[tuple[str, int]]):
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, tzinfo=UTC)
    found = [(c.at, c.by) for c in clock_changes(ZoneInfo(zone), start, end)]
    assert found == [(utc(at), timedelta(minutes=minutes)) for at, minutes in expected]


def test_whole_shifts_are_not_cut_to_the_window():
    of = rota(layer("ana", "ben"), overrides=[change("add", "cho", "2026-06-01T00:00", "2026-06-09T00:00")])
    found = whole_shifts(of, utc("2026-06-03T15:00"), utc("2026-06-03T16:00"))
    assert [(s.person, s.start, s.end) for s in found] == [
        ("cho", utc("2026-06-01T00:00"), utc("2026-06-09T00:00")),
        ("ben", utc("2026-06-03T14:00"), utc("2026-06-04T14:00")),
    ]
