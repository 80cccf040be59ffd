"""Who is told at a step: groups, who sleeps, who waits."""

from datetime import UTC, datetime, time

import pytest

from model.plan import ChannelName
from model.roster import AwakeHours, ContactMethod, Person, Roster, Step, Wake
from model.rota import Layer, Override, OverrideAction, Rotation, ShiftLength, ShiftUnit
from routing.audience import Audience, audience, is_awake

DAYTIME = AwakeHours()

NIGHT_IN_CHICAGO = datetime(2026, 1, 15, 10, tzinfo=UTC)  # Chicago 04:00, London 10:00, Tokyo 19:00
NIGHT_IN_LONDON = datetime(2026, 1, 15, 2, tzinfo=UTC)  # Chicago 20:00, London 02:00, Tokyo 11:00


def person(name: str, timezone: str, channels: str = "voice", awake: AwakeHours = DAYTIME) -> Person:
    methods = tuple(ContactMethod(channel=ChannelName(c), address=f"{name}-{c}") for c in channels.split())
    return Person(id=name, name=name.title(), timezone=timezone, methods=methods, awake=awake)


def rotation(name: str, *turn: str) -> Rotation:
    layer = Layer(
        name="l",
        participants=(turn,),
        shift=ShiftLength(unit=ShiftUnit.WEEK),
        starts_at=datetime.fromisoformat("2026-01-05T09:00"),
    )
    return Rotation(id=name, name=name, team="ops", timezone="UTC", layers=(layer,))


def roster(people: list[Person], *rotations: Rotation, overrides: tuple[Override, ...] = ()) -> Roster:
    return Roster(people={p.id: p for p in people}, rotations={r.id: r for r in rotations}, overrides=overrides)


ANA, BEN, CHO = person("ana", "America/Chicago"), person("ben", "Europe/London"), person("cho", "Asia/Tokyo")
DEE = person("dee", "America/Chicago")
WORLD = roster([ANA, BEN, CHO, DEE], rotation("primary", "ana", "ben", "cho"), rotation("backup", "dee", "ana"))


def ask(
    wake: Wake, at: datetime = NIGHT_IN_CHICAGO, critical: bool = False, world: Roster = WORLD, **step: object
) -> Audience:
    return audience(world, Step(after_seconds=0, wake=wake, **({"rotations": ("primary",)} | step)), 0, at, critical)


def names(groups) -> list[list[str]]:
    return [[p.id for p in g.people] for g in groups]


@pytest.mark.parametrize(
    ("start", "end", "utc", "awake"),
    [
        ("07:00", "22:00", "07:00", True),
        ("07:00", "22:00", "06:59:59.999999", False),
        ("07:00", "22:00", "21:59:59.999999", True),
        ("07:00", "22:00", "22:00", False),
        ("18:00", "10:00", "18:00", True),
        ("18:00", "10:00", "23:30", True),
        ("18:00", "10:00", "09:59", True),
        ("18:00", "10:00", "10:00", False),
        ("18:00", "10:00", "17:59", False),
        ("08:00", "00:00", "23:59", True),
        ("08:00", "00:00", "00:00", False),
        ("00:00", "00:00", "03:00", True),
    ],
)
def test_awake_hours(start: str, end: str, utc: str, awake: bool):
    """Half-open, and an end not later than the start belongs to the next day."""
    hours = AwakeHours(start=time.fromisoformat(start), end=time.fromisoformat(end))
    sleeper = person("x", "UTC", awake=hours)
    assert is_awake(sleeper, datetime.fromisoformat(f"2026-01-15T{utc}").replace(tzinfo=UTC)) is awake


def test_awake_is_by_the_clock_of_the_persons_zone():
    """07:00 in Chicago is 13:00 UTC in winter and 12:00 in summer."""
    assert not is_awake(ANA, datetime(2026, 1, 15, 12, 59, tzinfo=UTC))
    assert is_awake(ANA, datetime(2026, 1, 15, 13, tzinfo=UTC))
    assert is_awake(ANA, datetime(2026, 7, 15, 12, tzinfo=UTC))


def test_groups_by_timezone_and_rotation_in_rota_order():
    found = ask(Wake.ANY, rotations=("primary", "backup"))
    assert [(g.timezone, g.rotation, [p.id for p in g.people], g.awake) for g in found.groups] == [
        ("America/Chicago", "primary", ["ana"], False),
        ("Europe/London", "primary", ["ben"], True),
        ("Asia/Tokyo", "primary", ["cho"], True),
        ("America/Chicago", "backup", ["dee"], False),  # ana is told once, in her first group
    ]


def test_people_of_one_zone_with_other_hours_are_two_groups():
    owl = person("owl", "America/Chicago", awake=AwakeHours(start=time(20), end=time(12)))
    found = ask(Wake.AWAKE_FIRST, world=roster([ANA, owl], rotation("primary", "ana", "owl")))
    assert (names(found.now()), names(found.later())) == ([["owl"]], [["ana"]])


def test_people_a_step_names_itself():
    found = ask(Wake.ANY, rotations=(), people=("dee", "ben"))
    assert [(g.rotation, g.label) for g in found.groups] == [("", "America/Chicago"), ("", "Europe/London")]


@pytest.mark.parametrize(
    ("wake", "critical", "now", "later"),
    [
        (Wake.ANY, False, [["ana"], ["ben"], ["cho"]], []),
        (Wake.ANY, True, [["ana"], ["ben"], ["cho"]], []),
        (Wake.AWAKE, False, [["ben"], ["cho"]], []),
        (Wake.AWAKE, True, [["ben"], ["cho"]], [["ana"]]),
        (Wake.AWAKE_FIRST, False, [["ben"], ["cho"]], [["ana"]]),
        (Wake.AWAKE_FIRST, True, [["ben"], ["cho"]], [["ana"]]),
    ],
)
def test_who_is_rung_now_and_who_later(wake: Wake, critical: bool, now: list, later: list):
    found = ask(wake, critical=critical)
    assert (names(found.now()), names(found.later())) == (now, later)


@pytest.mark.parametrize(
    ("channels", "step_channels", "reachable"),
    [
        ("voice", ("voice", "sms"), True),
        ("sms", ("voice", "sms"), True),
        ("sms", ("voice",), False),
        ("slack_dm", ("voice", "sms"), True),  # a DM replaces what is impossible
        ("slack_dm", ("slack_dm",), True),
        ("", ("voice", "sms"), False),
        ("pagerduty", ("voice", "pagerduty"), False),
    ],
)
@pytest.mark.parametrize("wake", [Wake.AWAKE, Wake.AWAKE_FIRST])
def test_sleepers_are_woken_at_once_when_nobody_awake_can_be_reached(
    channels: str, step_channels: tuple[str, ...], reachable: bool, wake: Wake
):
    awake = person("ben", "Europe/London", channels)
    world = roster([ANA, awake], rotation("primary", "ana", "ben"))
    found = ask(wake, world=world, channels=tuple(ChannelName(c) for c in step_channels))
    assert found.awake_reachable is reachable
    assert names(found.now()) == ([["ben"]] if reachable else [["ana"], ["ben"]])
    assert names(found.later()) == ([["ana"]] if reachable and wake is Wake.AWAKE_FIRST else [])


def test_everybody_asleep_is_everybody_now():
    found = ask(Wake.AWAKE, world=roster([ANA, DEE], rotation("primary", "ana", "dee")))
    assert (names(found.now()), found.later()) == ([["ana", "dee"]], ())


def test_unknown_ids_are_listed_and_nothing_raises():
    cover = Override(
        rotation="primary",
        action=OverrideAction.ADD,
        start=NIGHT_IN_LONDON,
        end=datetime(2026, 1, 16, tzinfo=UTC),
        person="ghost",
    )
    world = roster([ANA], rotation("primary", "ana", "gone"), overrides=(cover,))
    found = ask(Wake.ANY, world=world, rotations=("primary", "nowhere"), people=("gone", "nobody"))
    assert names(found.groups) == [["ana"]]
    assert found.missing == ("nowhere", "gone", "ghost", "nobody")


def test_the_rota_is_asked_for_the_instant():
    """Before the first handoff nobody is on call, and that is an empty audience, not an error."""
    found = ask(Wake.AWAKE_FIRST, at=datetime(2026, 1, 5, 8, 59, tzinfo=UTC))
    assert (found.groups, found.now(), found.later()) == ((), (), ())
