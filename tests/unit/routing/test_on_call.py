"""Laws of the rota, and a slow second opinion that walks turn by turn from the anchor."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model.roster import Layer, Override, OverrideAction, Rotation, Shift, ShiftLength, ShiftUnit
from routing.on_call import on_call, shifts

ZONES = ("America/Chicago", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo")
PEOPLE = ("ana", "ben", "cho", "dee")
DAY = timedelta(days=1)

# Days the clocks moved on, in some of the zones.
CHANGES = [
    datetime.fromisoformat(day)
    for day in (
        *("2018-02-18", "2018-11-04", "2026-03-08", "2026-03-29"),
        *("2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"),
    )
]


# --- the second opinion ---------------------------------------------------------------------------------------------


def exists(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant that reads `wall` in `zone`, None when none does."""
    instants = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min((i for i in instants if i.astimezone(zone).replace(tzinfo=None) == wall), default=None)


def slow_handoff(wall: datetime, zone: ZoneInfo) -> datetime:
    """Walk the clock face forward, minute by minute, to the next time that exists."""
    if (found := exists(wall, zone)) is not None:
        return found
    wall = wall.replace(second=0, microsecond=0)
    while (found := exists(wall, zone)) is None:
        wall += timedelta(minutes=1)
    return found


def slow_turn(layer: Layer, timezone: str, at: datetime) -> tuple[str, ...]:
    """Take turns from the anchor on until the next one has not begun."""
    zone, wall, people = ZoneInfo(timezone), layer.starts_at, ()
    step = layer.shift.count * (7 if layer.shift.unit is ShiftUnit.WEEK else 1)
    number = 0
    while slow_handoff(wall, zone) <= at:
        people = layer.participants[number % len(layer.participants)]
        number, wall = number + 1, wall + timedelta(days=step)
    return people


def slow_on_call(rotation: Rotation, overrides: list[Override], at: datetime) -> list[str]:
    people: list[str] = []
    for layer in rotation.layers:
        people += [p for p in slow_turn(layer, rotation.timezone, at) if p not in people]
    for o in overrides:
        if o.rotation != rotation.id or at < o.start or at >= o.end:
            continue
        if o.action is OverrideAction.REMOVE:
            people = [p for p in people if p != o.person]
        elif o.action is OverrideAction.ADD:
            people += [o.person] if o.person not in people else []
        elif o.replaces is None:
            people = [o.person]
        elif o.replaces in people:
            people[people.index(o.replaces)] = o.person
            people = [p for i, p in enumerate(people) if p not in people[:i]]
    return people


# --- what is drawn --------------------------------------------------------------------------------------------------


@st.composite
def layers(draw, around: datetime) -> Layer:
    anchor_day = around - DAY * draw(st.integers(0, 60))
    wall = draw(
        st.one_of(
            st.sampled_from([timedelta(hours=h, minutes=m) for h in (0, 1, 2, 3, 23) for m in (0, 15, 30, 45)]),
            st.timedeltas(timedelta(0), DAY - timedelta(microseconds=1)),
        )
    )
    turn = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True).map(tuple)
    return Layer(
        name=draw(st.sampled_from(["day", "night"])),
        participants=tuple(draw(st.lists(turn, min_size=1, max_size=4))),
        shift=ShiftLength(unit=draw(st.sampled_from(ShiftUnit)), count=draw(st.integers(1, 3))),
        starts_at=anchor_day + wall,
    )


def instants(around: datetime):
    near = around.replace(tzinfo=UTC)
    quarters = st.integers(-4 * 48, 4 * 48).map(lambda q: near + timedelta(minutes=15 * q))
    return quarters | st.datetimes(around - 10 * DAY, around + 10 * DAY).map(lambda t: t.replace(tzinfo=UTC))


@st.composite
def override(draw, around: datetime) -> Override:
    start, end = sorted((draw(instants(around)), draw(instants(around))))
    assume(start < end)
    action = draw(st.sampled_from(OverrideAction))
    return Override(
        rotation=draw(st.sampled_from(["r", "r", "other"])),
        action=action,
        start=start,
        end=end,
        person=draw(st.sampled_from(PEOPLE)),
        replaces=draw(st.none() | st.sampled_from(PEOPLE)) if action is OverrideAction.REPLACE else None,
    )


@st.composite
def worlds(draw):
    """A rotation with overrides, and the day around which to ask."""
    around = draw(st.sampled_from(CHANGES))
    rotation = Rotation(
        id="r",
        name="R",
        team="t",
        timezone=draw(st.sampled_from(ZONES)),
        layers=tuple(draw(st.lists(layers(around), min_size=1, max_size=2))),
    )
    return rotation, draw(st.lists(override(around), max_size=3)), around


def merged(found: list[Shift]) -> list[Shift]:
    """Join neighbours that say the same."""
    out: list[Shift] = []
    for shift in found:
        if out and (out[-1].people, out[-1].layer) == (shift.people, shift.layer) and out[-1].end == shift.start:
            out[-1] = Shift(people=shift.people, start=out[-1].start, end=shift.end, layer=shift.layer)
        else:
            out.append(shift)
    return out


# --- laws -----------------------------------------------------------------------------------------------------------


@given(worlds(), st.data())
def test_agrees_with_the_slow_walk(world, data):
    rotation, overrides, around = world
    at = data.draw(instants(around))
    assert list(on_call(rotation, overrides, at)) == slow_on_call(rotation, overrides, at)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("change", CHANGES)
def test_agrees_with_the_slow_walk_around_every_change(zone: str, change: datetime):
    """Every quarter of an hour of the two days around a change, handoffs at the hours that may be lost or doubled."""
    for wall in ("00:00", "01:45", "02:15", "02:30"):
        starts_at = datetime.fromisoformat(f"{change - 3 * DAY:%Y-%m-%d}T{wall}")
        layer = Layer(
            name="l",
            participants=(("ana",), ("ben",), ("cho",)),
            shift=ShiftLength(unit=ShiftUnit.DAY),
            starts_at=starts_at,
        )
        rotation = Rotation(id="r", name="R", team="t", timezone=zone, layers=(layer,))
        for quarter in range(-96, 96):
            at = change.replace(tzinfo=UTC) + timedelta(minutes=15 * quarter)
            assert on_call(rotation, (), at) == slow_turn(layer, zone, at)


@given(worlds(), st.data())
def test_shifts_tile_the_window(world, data):
    """They begin with the window, end with it, touch, and none is empty of time."""
    rotation, overrides, around = world
    start, end = sorted((data.draw(instants(around)), data.draw(instants(around))))
    found = shifts(rotation, overrides, start, end)
    if start == end:
        assert found == ()
        return
    assert (found[0].start, found[-1].end) == (start, end)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert all(s.start < s.end for s in found)
    assert all(s.start.tzinfo is UTC for s in found)


@given(worlds(), st.data())
def test_on_call_is_the_shift_that_covers_the_instant(world, data):
    rotation, overrides, around = world
    at = data.draw(instants(around))
    [shift] = [
        s
        for s in shifts(
            rotation, overrides, around.replace(tzinfo=UTC) - 11 * DAY, around.replace(tzinfo=UTC) + 11 * DAY
        )
        if s.start <= at < s.end
    ]
    assert on_call(rotation, overrides, at) == shift.people


@given(worlds(), st.data())
def test_splitting_the_window_changes_nothing(world, data):
    rotation, overrides, around = world
    start, middle, end = sorted(data.draw(instants(around)) for _ in range(3))
    halves = [*shifts(rotation, overrides, start, middle), *shifts(rotation, overrides, middle, end)]
    assert merged(halves) == list(shifts(rotation, overrides, start, end))


@given(worlds(), st.data())
def test_an_override_outside_its_window_changes_nothing(world, data):
    rotation, overrides, around = world
    extra = data.draw(override(around))
    at = data.draw(instants(around))
    assume(not extra.start <= at < extra.end)
    assert on_call(rotation, [*overrides, extra], at) == on_call(rotation, overrides, at)


# --- overrides, one by one ------------------------------------------------------------------------------------------

START, END = datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2026, 6, 1, 18, tzinfo=UTC)
TRIO = Rotation(
    id="r",
    name="R",
    team="t",
    timezone="UTC",
    layers=(
        Layer(
            name="l",
            participants=(("ana", "ben"),),
            shift=ShiftLength(unit=ShiftUnit.WEEK),
            starts_at=datetime.fromisoformat("2026-01-05T09:00"),
        ),
    ),
)


def change(action: str, person: str | None = None, replaces: str | None = None, rotation: str = "r") -> Override:
    return Override(
        rotation=rotation, action=OverrideAction(action), start=START, end=END, person=person, replaces=replaces
    )


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], ("ana", "ben")),
        ([change("add", "cho")], ("ana", "ben", "cho")),
        ([change("add", "ana")], ("ana", "ben")),
        ([change("remove", "ana")], ("ben",)),
        ([change("remove", "dee")], ("ana", "ben")),
        ([change("replace", "cho", "ana")], ("cho", "ben")),
        ([change("replace", "ben", "ana")], ("ben",)),
        ([change("replace", "cho", "dee")], ("ana", "ben")),
        ([change("replace", "cho")], ("cho",)),
        ([change("replace", "cho"), change("add", "dee")], ("cho", "dee")),
        ([change("add", "dee"), change("replace", "cho")], ("cho",)),
        ([change("remove", "ana"), change("remove", "ben")], ()),
        ([change("add", "cho", rotation="other")], ("ana", "ben")),
    ],
)
def test_overrides(overrides: list[Override], expected: tuple[str, ...]):
    assert on_call(TRIO, overrides, START) == expected
    assert on_call(TRIO, overrides, END - timedelta(microseconds=1)) == expected
    assert on_call(TRIO, overrides, END) == ("ana", "ben")
    assert on_call(TRIO, overrides, START - timedelta(microseconds=1)) == ("ana", "ben")


def test_shifts_name_their_layers_and_show_overrides():
    found = shifts(TRIO, [change("replace", "cho", "ana")], START - DAY, END + DAY)
    assert [(s.people, s.layer) for s in found] == [(("ana", "ben"), "l"), (("cho", "ben"), "l"), (("ana", "ben"), "l")]


def test_a_rota_that_began_long_ago():
    """The turn follows from the dates; nobody walks there from 1900."""
    anchor = datetime.fromisoformat("1900-01-01")
    layer = Layer(
        name="l",
        participants=(("ana",), ("ben",)),
        shift=ShiftLength(unit=ShiftUnit.DAY),
        starts_at=anchor,
    )
    rotation = Rotation(id="r", name="R", team="t", timezone="UTC", layers=(layer,))
    at = datetime(2026, 6, 1, tzinfo=UTC)
    days = (at.replace(tzinfo=None) - anchor).days
    assert on_call(rotation, (), at) == (("ana",), ("ben",))[days % 2]
