"""One event for what is missing, the same one each night, told again only when it is another thing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from intake.read import read
from model.event import MessageType, Severity
from model.reading import Feed, Reading
from model.roster import Roster
from model.rota import Layer, Rotation, ShiftLength, ShiftUnit
from model.shortfall import Shortfall
from routing.coverage import Finding, FindingKind
from routing.shortfalls import decide

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LAYER = Layer(name="l", participants=(("ana",),), shift=ShiftLength(unit=ShiftUnit.DAY), starts_at=datetime(2026, 1, 1))
ROSTER = Roster(
    rotations={
        r: Rotation(id=r, name=r.capitalize(), team="ops", timezone="America/Chicago", layers=(LAYER,))
        for r in ("backup", "primary")
    }
)


def gap(day: float, days: float = 1, rotation: str = "backup", kind: FindingKind = FindingKind.GAP) -> Finding:
    start = NOW.replace(hour=6) + day * DAY
    return Finding(kind=kind, rotations=(rotation,), people=(), start=start, end=start + days * DAY)


def look(known: list[Shortfall], *found: Finding, after: int = 0) -> list[Shortfall]:
    """A look so many nights later."""
    now = NOW + after * DAY
    return decide(known, found, ROSTER, now, now + 60 * DAY)


def told(found: list[Shortfall]) -> list[Shortfall]:
    """As they are kept once all is published."""
    return [replace(s, to_tell=None) for s in found]


def said(shortfall: Shortfall) -> Reading:
    headers = {"content-type": "application/json"}
    (found,) = read(json.dumps(shortfall.to_tell).encode(), headers, Feed(source="gridcall"), NOW)
    assert isinstance(found, Reading)
    assert not found.warnings
    return found


def test_a_gap_is_told_in_words_that_the_ordinary_road_reads() -> None:
    [new] = look([], gap(5))
    assert new.event_id == "coverage/backup/2026-11-07T06:00:00Z"
    found = said(new)
    assert (found.event_id, found.revision) == (new.event_id, 1)
    assert (found.content.message_type, found.content.severity) == (MessageType.NEW, Severity.NOTICE)
    assert found.content.headline == "Backup: nobody is on call from Sat 7 Nov 00:00"
    assert found.content.text == (
        "Rotation backup: nobody is on call Sat 7 Nov 00:00-Sun 8 Nov 00:00 CST, 24 h. Cover it: gridcall cover."
    )
    assert not found.content.asks_action


def test_while_it_stays_as_it_is_nothing_more_is_said() -> None:
    known = told(look([], gap(5)))
    for night in range(1, 5):
        [same] = look(known, gap(5), after=night)
        assert (same.event_id, same.revision, same.to_tell) == ("coverage/backup/2026-11-07T06:00:00Z", 1, None)
        known = told([same])


def test_what_is_empty_each_night_is_one_event_though_the_window_moves_on() -> None:
    nights = [gap(day, 0.5) for day in range(90)]
    known = told(look([], *nights[:60]))
    assert [len(s.hours) for s in known] == [60]
    for night in range(1, 30):
        [same] = look(known, *nights[night : night + 60], after=night)
        assert (same.revision, same.to_tell) == (1, None)
        known = told([same])


def test_hours_far_from_each_other_are_events_of_their_own() -> None:
    found = look([], gap(5), gap(20), gap(5, rotation="primary"))
    assert sorted(s.event_id for s in found) == [
        "coverage/backup/2026-11-07T06:00:00Z",
        "coverage/backup/2026-11-22T06:00:00Z",
        "coverage/primary/2026-11-07T06:00:00Z",
    ]


@pytest.mark.parametrize(
    "now_missing",
    [(gap(5, 2),), (gap(5, 0.5),), (gap(5), gap(7)), (gap(5, kind=FindingKind.UNREACHABLE),)],
    ids=["longer", "shorter", "more", "other"],
)
def test_what_changes_is_told_as_an_update(now_missing: tuple[Finding, ...]) -> None:
    [changed] = look(told(look([], gap(5))), *now_missing, after=1)
    assert (changed.event_id, changed.revision) == ("coverage/backup/2026-11-07T06:00:00Z", 2)
    assert said(changed).content.message_type is MessageType.UPDATE


def test_what_comes_into_sight_at_the_far_end_is_no_change() -> None:
    """A look ends at 02:00, 60 days later."""
    in_sight = 4 + 20 / 24
    [same] = look(told(look([], gap(55, in_sight))), gap(55, in_sight + 1), after=1)
    assert same.to_tell is None
    [shorter] = look(told([same]), gap(55, 3), after=2)
    assert shorter.to_tell is not None


def test_what_came_into_sight_is_told_a_week_before_it_begins() -> None:
    """An hour is known, and a whole week after it comes into view on the third night."""
    known = told(look([], gap(59, 1 / 24)))
    nights = []
    for night in range(1, 60):
        known = look(known, gap(59, 1 / 24), *([gap(61, 7)] if night > 2 else []), after=night)
        if known[0].to_tell:
            nights.append(night)
            assert "Sat 2 Jan 00:00-Sat 9 Jan 00:00 CST, 7 d" in said(known[0]).content.text
        known = told(known)
    assert nights == [55]


def test_what_is_empty_each_night_is_told_again_after_weeks() -> None:
    nights = [gap(day, 0.5) for day in range(300)]
    known, again = told(look([], *nights[:60])), []
    for night in range(1, 200):
        [same] = look(known, *nights[night : night + 60], after=night)
        again += [night] if same.to_tell else []
        known = told([same])
    assert again == [54, 108, 162]


def test_mended_is_told_once() -> None:
    [over] = look(told(look([], gap(5))), after=1)
    found = said(over)
    assert (found.revision, found.content.message_type) == (2, MessageType.TERMINATE)
    assert found.content.headline == "Backup: nobody is missing any more"
    assert look(told([over]), after=2) == []


def test_hours_that_are_past_end_it_too() -> None:
    [over] = look(told(look([], gap(5))), after=7)
    assert said(over).content.headline == "Backup: the hours without anybody are over"


def test_a_rotation_that_is_gone_misses_nobody() -> None:
    known = told(look([], gap(5)))
    [over] = decide(known, [], Roster(), NOW, NOW + 60 * DAY)
    assert said(over).content.headline == "backup: nobody is missing any more"


def test_missing_again_opens_the_same_event_again() -> None:
    mended = told(look(told(look([], gap(5))), after=1))
    [again] = look(mended, gap(5), after=2)
    assert (again.event_id, again.revision, again.over) == ("coverage/backup/2026-11-07T06:00:00Z", 3, False)
    assert said(again).content.message_type is MessageType.UPDATE


def test_an_event_that_tells_of_other_hours_by_now_keeps_its_id_for_them() -> None:
    known = told(look([], gap(5), gap(12, 3)))
    known = told(look(known, gap(14), after=1))
    assert [s.event_id for s in known] == ["coverage/backup/2026-11-07T06:00:00Z"]
    same, new = look(known, gap(5), gap(14), after=2)
    assert (same.event_id, same.to_tell) == (known[0].event_id, None)
    assert new.event_id == "coverage/backup/2026-11-07T06:00:00Z/2026-11-04T02:00:00Z"


def test_two_looks_at_once_decide_one_thing() -> None:
    """The later one reads what the earlier one kept."""
    first = look([], gap(5))
    [same] = look(first, gap(5))
    assert (same.event_id, same.revision, same.to_tell) == (first[0].event_id, 1, first[0].to_tell)


def test_two_places_are_no_event() -> None:
    twice = Finding(
        kind=FindingKind.TWO_PLACES, rotations=("backup", "primary"), people=("ana",), start=NOW, end=NOW + DAY
    )
    assert look([], twice) == []


def test_many_hours_are_counted_and_the_first_ones_listed() -> None:
    [new] = look([], *(gap(day, 0.5) for day in range(12)))
    found = said(new).content
    assert found.headline == "Backup: nobody is on call from Mon 2 Nov 00:00 and 11 more times"
    assert (found.text.count(" 12 h"), found.text.endswith("; and 4 more. Cover it: gridcall cover.")) == (8, True)
    assert len(found.text) <= 1027
