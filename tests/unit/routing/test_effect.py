"""What a change of the roster does to who is on call, in data and in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.roster import Roster
from model.rota import Layer, Override, OverrideAction, Rota, Rotation, ShiftLength, ShiftUnit
from routing.effect import Change, effect, rota_effect, words
from routing.on_call import on_call
from tests.unit.routing.rota_worlds import instant, override, world

CHICAGO = ZoneInfo("America/Chicago")
START = datetime(2026, 6, 1, 14, tzinfo=UTC)  # a Monday, 09:00 in Chicago
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = {"ana": "Ana", "ben": "Ben", "cho": "Cho"}.get


def weekly(*people: str, name: str = "ops") -> Rotation:
    layer = Layer(
        name="weekly",
        participants=tuple((p,) for p in people),
        shift=ShiftLength(unit=ShiftUnit.WEEK),
        starts_at=datetime.fromisoformat("2026-06-01T09:00"),
    )
    return Rotation(id=name, name=name, team="ops", timezone="America/Chicago", layers=(layer,))


def cover(start: datetime, hours: int, action: str = "replace", person: str = "ben", **more: str) -> Override:
    end = start + hours * HOUR
    return Override(rotation="ops", action=OverrideAction(action), start=start, end=end, person=person, **more)


def roster(*rotations: Rotation, overrides: tuple[Override, ...] = ()) -> Roster:
    return Roster(rotations={r.id: r for r in rotations}, overrides=overrides)


def said(change: Change) -> str:
    return words(change, CHICAGO, NAMES, START)


SATURDAY_NIGHT = datetime(2026, 6, 7, 3, tzinfo=UTC)


def test_a_cover_replaces_somebody_for_a_night():
    before, after = roster(weekly("ana", "cho")), roster(weekly("ana", "cho"), overrides=(cover(SATURDAY_NIGHT, 8),))
    [change] = effect(before, after, START, START + 60 * DAY)
    assert change == Change(
        rotation="ops", start=SATURDAY_NIGHT, end=SATURDAY_NIGHT + 8 * HOUR, before=("ana",), after=("ben",)
    )
    assert said(change) == "Ben replaces Ana Sat 22:00-Sun 06:00 CDT, 8 h"
    [back] = effect(after, before, START, START + 60 * DAY)
    assert said(back) == "Ana replaces Ben Sat 22:00-Sun 06:00 CDT, 8 h"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (cover(START, 2, "add"), "Ben joins Ana Mon 09:00-11:00 CDT, 2 h"),
        (cover(START, 2, "remove", "ana"), "Nobody replaces Ana Mon 09:00-11:00 CDT, 2 h"),
        (cover(START + 8 * DAY, 1), "Ben replaces Cho Tue 9 Jun 09:00-10:00 CDT, 1 h"),
        (cover(START + 6 * DAY, 72), "Ben replaces Ana Sun 09:00-Mon 8 Jun 09:00 CDT, 24 h"),
    ],
)
def test_in_words(change: Override, sentence: str):
    rota = Rota(rotation=weekly("ana", "cho"))
    first, *_ = rota_effect(rota, replace(rota, overrides=(change,)), START, START + 60 * DAY)
    assert said(first) == sentence


def test_more_sentences():
    def change(before: tuple[str, ...], after: tuple[str, ...], hours: float = 1, start: datetime = START) -> str:
        return said(Change(rotation="ops", start=start, end=start + hours * HOUR, before=before, after=after))

    assert change(("ana", "ben"), ("ana",)).startswith("Ben leaves and Ana stays Mon")
    assert change(("ana",), ("ben", "cho")).startswith("Ben and Cho replace Ana Mon")
    assert change((), ("ana", "ben", "cho")).startswith("Ana, Ben and Cho join an empty rota Mon")
    assert change((), ("ana",), 1.5).endswith("Mon 09:00-10:30 CDT, 1 h 30 min")
    assert change((), ("ana",), 24 * 400).endswith("Mon 09:00-Tue 6 Jul 2027 09:00 CDT, 400 d")
    autumn = datetime(2026, 11, 1, 5, tzinfo=UTC)
    assert change(("ana",), ("ben",), 9, autumn).endswith("Sun 1 Nov 00:00 CDT-08:00 CST, 9 h")


def test_a_rotation_that_comes_or_goes():
    [change] = effect(roster(), roster(weekly("ana")), START, START + DAY)
    assert (change.before, change.after) == ((), ("ana",))
    [change] = effect(roster(weekly("ana")), roster(), START, START + DAY)
    assert (change.before, change.after) == (("ana",), ())


def test_gaps_are_told_when_asked_for():
    """Where nobody was and nobody is, nothing changes; who sends events there wants to know all the same."""
    [layer] = weekly("ana").layers
    before = Rota(
        rotation=replace(weekly("ana"), layers=(replace(layer, starts_at=datetime.fromisoformat("2026-06-15T09:00")),))
    )
    assert rota_effect(before, before, START, START + 28 * DAY) == ()
    [gap] = rota_effect(before, before, START, START + 28 * DAY, gaps=True)
    assert (gap.end, gap.before, gap.after) == (START + 14 * DAY, (), ())
    assert said(gap) == "Nobody is on call Mon 09:00-Mon 15 Jun 09:00 CDT, 14 d"


def test_another_order_of_the_same_people_is_no_change():
    together, other = weekly("ana"), weekly("ana")
    together = replace(together, layers=(replace(together.layers[0], participants=(("ana", "ben"),)),))
    other = replace(other, layers=(replace(other.layers[0], participants=(("ben", "ana"),)),))
    assert effect(roster(together), roster(other), START, START + 30 * DAY) == ()


@given(st.integers(0, 2**32))
def test_the_changes_are_where_the_answers_differ(seed: int):
    """At any instant of the window: other people are on call exactly where a change says so, and those it says."""
    random = Random(seed)
    before, around = world(random)
    after = replace(before, overrides=(*before.overrides, override(random, around)))
    start, end = sorted((instant(random, around), instant(random, around)))
    changes = rota_effect(before, after, start, end)
    assert all(a.end <= b.start for a, b in pairwise(changes))
    for at in (instant(random, around) for _ in range(10)):
        if start <= at < end:
            old, new = set(on_call(before, at)), set(on_call(after, at))
            covering = [c for c in changes if c.start <= at < c.end]
            assert [(set(c.before), set(c.after)) for c in covering] == ([(old, new)] if old != new else [])
