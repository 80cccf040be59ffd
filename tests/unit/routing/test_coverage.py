"""Where coverage is missing, and what a change makes worse: against a slow second opinion, and by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from model.plan import ChannelName
from model.roster import ContactMethod, Person, Policy, Roster, Step, Team
from model.rota import Absence, Layer, Override, OverrideAction, Rotation, ShiftLength, ShiftUnit
from model.route import Route
from routing.coverage import Finding, FindingKind, at_once, missing, words, worse
from routing.on_call import on_call
from tests.unit.routing.rota_worlds import world

START = datetime(2026, 11, 2, tzinfo=UTC)
DAY = timedelta(days=1)
END = START + 60 * DAY


def person(name: str, *channels: ChannelName) -> Person:
    found = channels or (ChannelName.VOICE, ChannelName.SMS)
    methods = tuple(ContactMethod(channel=channel, address=f"{channel} of {name}") for channel in found)
    return Person(id=name, name=name.capitalize(), timezone="UTC", methods=methods)


def rotation(name: str, *people: str, team: str = "ops") -> Rotation:
    layer = Layer(
        name="daily",
        participants=tuple((p,) for p in people),
        shift=ShiftLength(unit=ShiftUnit.DAY),
        starts_at=datetime(2026, 1, 1),
    )
    return Rotation(id=name, name=name, team=team, timezone="UTC", layers=(layer,))


def step(after: int, *rotations: str, channels: tuple[ChannelName, ...] = Step(after_seconds=0).channels) -> Step:
    return Step(after_seconds=after, rotations=rotations, channels=channels)


def policy(*steps: Step, name: str = "default") -> Policy:
    return Policy(id=name, steps=steps)


def roster(*rotations: Rotation, policies: tuple[Policy, ...] = (), people: tuple[Person, ...] = ()) -> Roster:
    """Everybody who is named has a phone; a route leads to each policy."""
    named = {p for r in rotations for layer in r.layers for turn in layer.participants for p in turn}
    return Roster(
        people={p: person(p) for p in named} | {p.id: p for p in people},
        teams={r.team: Team(id=r.team, name=r.team) for r in rotations},
        rotations={r.id: r for r in rotations},
        policies={p.id: p for p in policies},
        routes=tuple(Route(id=p.id, team="ops", policy=p.id) for p in policies),
    )


PRIMARY, BACKUP = rotation("primary", "ana", "ben"), rotation("backup", "cho", "dee")
HOUSE = roster(PRIMARY, BACKUP, policies=(policy(step(0, "primary"), step(300, "backup")),))


def changed(before: Roster, after: Roster) -> list[Finding]:
    return list(at_once(worse(before, after, START, END)))


def away(roster: Roster, who: str, day: int, days: int = 1) -> Roster:
    absence = Absence(person=who, start=START + day * DAY, end=START + (day + days) * DAY)
    return replace(roster, absences=(*roster.absences, absence))


def cover(roster: Roster, where: str, who: str, day: int, action: OverrideAction = OverrideAction.REPLACE) -> Roster:
    override = Override(rotation=where, action=action, person=who, start=START + day * DAY, end=START + (day + 1) * DAY)
    return replace(roster, overrides=(*roster.overrides, override))


def brief(found: list[Finding]) -> list[tuple[str, tuple[str, ...], tuple[str, ...], int, int]]:
    """Kind, rotations, people, from which day until which."""
    return [(str(f.kind), f.rotations, f.people, (f.start - START).days, (f.end - START).days) for f in found]


# --- nobody on call ---------------------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_a_house_in_order() -> None:
    assert at_once(missing(HOUSE, START, END)) == ()


def test_an_absence_without_cover_is_a_gap_where_the_person_was_on_call() -> None:
    [who] = on_call(HOUSE.rotas["primary"], START)
    other = "ben" if who == "ana" else "ana"
    assert brief(changed(HOUSE, away(HOUSE, who, 0, 2))) == [("gap", ("primary",), (who,), 0, 1)]
    assert brief(changed(HOUSE, away(away(HOUSE, who, 0, 2), other, 1))) == [
        ("gap", ("primary",), (who,), 0, 1),
        ("gap", ("primary",), (other,), 1, 2),
    ]


def test_what_was_missing_before_is_not_counted_again() -> None:
    [who] = on_call(HOUSE.rotas["primary"], START)
    before = away(HOUSE, who, 0)
    assert changed(before, away(before, who, 0, 2)) == []
    assert brief(changed(before, away(before, who, 2))) == [("gap", ("primary",), (who,), 2, 3)]
    assert changed(before, HOUSE) == []


def test_a_rotation_to_which_no_route_leads_may_be_empty() -> None:
    unrouted = replace(HOUSE, policies={"default": policy(step(0, "primary"))})
    [who] = on_call(HOUSE.rotas["backup"], START)
    assert changed(unrouted, away(unrouted, who, 0)) == []


def test_a_route_to_an_empty_rotation_is_a_gap_though_it_was_empty_before() -> None:
    """Also a rotation that is new altogether."""
    [layer] = rotation("night", "cho").layers
    night = replace(rotation("night", "cho"), layers=(replace(layer, starts_at=datetime(2026, 11, 12)),))
    steps = (step(0, "primary"), step(300, "backup"), step(400, "night"))
    unrouted = replace(HOUSE, rotations=HOUSE.rotations | {"night": night})
    routed = replace(unrouted, policies={"default": policy(*steps)})
    expected = ("gap", ("night",), (), 0, 10)
    assert brief(changed(unrouted, routed))[0] == expected
    assert brief(changed(HOUSE, routed))[0] == expected
    assert brief(list(at_once(missing(routed, START, END))))[0] == expected


# --- nobody who can be told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "ways", "reached"),
    [
        ((ChannelName.VOICE, ChannelName.SMS), (ChannelName.SMS,), True),
        ((ChannelName.VOICE,), (ChannelName.SLACK_DM,), True),  # a direct message stands in for a missing phone
        ((ChannelName.VOICE,), (ChannelName.SMS,), False),
        ((ChannelName.SLACK_DM,), (ChannelName.VOICE, ChannelName.SMS), False),
    ],
)
def test_somebody_must_be_told_by_a_channel_of_a_step(
    channels: tuple[ChannelName, ...], ways: tuple[ChannelName, ...], reached: bool
) -> None:
    policies = (policy(step(0, "solo", channels=channels)),)
    house = roster(rotation("solo", "zoe"), policies=policies, people=(person("zoe", *ways),))
    found = brief(list(at_once(missing(house, START, END))))
    assert found == ([] if reached else [("unreachable", ("solo",), ("zoe",), 0, 60)])


def test_one_of_those_on_call_is_enough() -> None:
    [layer] = rotation("solo", "zoe").layers
    together = replace(rotation("solo", "zoe"), layers=(replace(layer, participants=(("zoe", "yan"),)),))
    zoe = person("zoe", ChannelName.SLACK_DM)
    only_text = (policy(step(0, "solo", channels=(ChannelName.SMS,))),)
    assert at_once(missing(roster(together, policies=only_text, people=(zoe,)), START, END)) == ()


def test_one_policy_that_reaches_them_is_enough() -> None:
    """Notices by Slack need not reach whoever is called by phone."""
    notices = policy(step(0, "primary", channels=(ChannelName.SLACK_DM,)), name="notices")
    both = replace(HOUSE, policies=HOUSE.policies | {"notices": notices})
    both = replace(both, routes=(Route(id="n", team="ops", policy="notices"), *both.routes))
    assert changed(HOUSE, both) == []


def test_taking_a_number_away_or_a_channel_counts() -> None:
    slack_only = replace(HOUSE, people=HOUSE.people | {"ana": person("ana", ChannelName.SLACK_DM)})
    assert changed(HOUSE, slack_only) == []
    voiceless = replace(HOUSE, people=HOUSE.people | {"ana": person("ana", ChannelName.SMS)})
    called = {"default": policy(step(0, "primary", channels=(ChannelName.VOICE,)), step(300, "backup"))}
    assert changed(HOUSE, voiceless) == []
    worst = changed(voiceless, replace(voiceless, policies=called))
    assert (len(worst), {f.kind for f in worst}, {f.people for f in worst}) == (
        30,
        {FindingKind.UNREACHABLE},
        {("ana",)},
    )
    assert len(changed(replace(HOUSE, policies=called), replace(voiceless, policies=called))) == 30


# --- two places -------------------------------------------------------------------------------------------------------


def test_primary_and_backup_of_a_policy_are_two_people() -> None:
    [who] = on_call(HOUSE.rotas["primary"], START)
    found = changed(HOUSE, cover(HOUSE, "backup", who, 0))
    assert brief(found) == [("two_places", ("backup", "primary"), (who,), 0, 1)]
    assert changed(HOUSE, cover(HOUSE, "backup", "ana" if who == "ben" else "ben", 0)) == []


def test_two_rotations_of_one_step_may_have_the_same_person() -> None:
    """Everybody on call in both is told at once; nobody waits for the other."""
    together = replace(HOUSE, policies={"default": policy(step(0, "primary", "backup"))})
    assert changed(together, cover(together, "backup", "ana", 0)) == changed(
        together, cover(together, "backup", "ben", 0)
    )
    assert changed(together, cover(together, "backup", "ana", 0)) == []


def test_a_person_is_on_call_for_one_team_at_a_time() -> None:
    market = rotation("market", "eve", team="market")
    policies = (policy(step(0, "primary")), policy(step(0, "market"), name="market"))
    teams = roster(PRIMARY, market, policies=policies)
    [who] = on_call(teams.rotas["primary"], START)
    assert brief(changed(teams, cover(teams, "market", who, 0))) == [
        ("two_places", ("market", "primary"), (who,), 0, 1)
    ]
    one_team = roster(PRIMARY, replace(market, team="ops"), policies=policies)
    assert changed(one_team, cover(one_team, "market", who, 0)) == []
    unrouted = replace(teams, routes=teams.routes[:1])
    assert changed(unrouted, cover(unrouted, "market", who, 0)) == []


def test_only_the_hours_that_are_new_count() -> None:
    [who] = on_call(HOUSE.rotas["primary"], START)
    before = cover(HOUSE, "backup", who, 0)
    assert changed(before, before) == []
    again = cover(before, "backup", who, 2)
    assert brief(changed(before, again)) == [("two_places", ("backup", "primary"), (who,), 2, 3)]
    longer = replace(HOUSE, overrides=(replace(before.overrides[0], end=START + 3 * DAY),))
    assert brief(changed(before, longer)) == [("two_places", ("backup", "primary"), (who,), 2, 3)]


def test_a_policy_that_sets_two_rotations_apart_counts() -> None:
    [who] = on_call(HOUSE.rotas["primary"], START)
    together = cover(replace(HOUSE, policies={"default": policy(step(0, "primary", "backup"))}), "backup", who, 0)
    apart = replace(together, policies=HOUSE.policies)
    assert brief(changed(together, apart)) == [("two_places", ("backup", "primary"), (who,), 0, 1)]


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "people", "expected"),
    [
        (FindingKind.GAP, ("ana",), "Nobody replaces Ana Mon 00:00-Tue 00:00 UTC, 24 h"),
        (FindingKind.GAP, (), "Nobody is on call Mon 00:00-Tue 00:00 UTC, 24 h"),
        (
            FindingKind.UNREACHABLE,
            ("ana", "ben"),
            "Nobody can be told Mon 00:00-Tue 00:00 UTC, 24 h: no step that leads there has a way to reach Ana and Ben",
        ),
        (FindingKind.TWO_PLACES, ("ana",), "Ana is on call in both Mon 00:00-Tue 00:00 UTC, 24 h"),
    ],
)
def test_a_finding_says_who_and_when(kind: FindingKind, people: tuple[str, ...], expected: str) -> None:
    finding = Finding(kind=kind, rotations=("r",), people=people, start=START, end=START + DAY)
    assert words(finding, ZoneInfo("UTC"), str.capitalize, START) == expected


# --- a second opinion -------------------------------------------------------------------------------------------------

KINDS = {FindingKind.GAP, FindingKind.UNREACHABLE, FindingKind.TWO_PLACES}


def drawn(random: Random) -> tuple[Roster, datetime]:
    """Two rotations of drawn layers in two steps of one policy, with people of whom some cannot be told."""
    one, around = world(random)
    other, _ = world(random)
    rotas = {"a": one, "b": other}
    named = sorted({p for rota in rotas.values() for p in rota.people | {a.person for a in rota.absences}})
    ways = {p: random.choice([(ChannelName.VOICE,), (ChannelName.SMS,)]) for p in named}
    steps = (step(0, "a", channels=(ChannelName.VOICE,)), step(60, "b", channels=(ChannelName.VOICE, ChannelName.SMS)))
    found = Roster(
        people={p: person(p, *ways[p]) for p in named},
        rotations={name: replace(rota.rotation, id=name, team="ops") for name, rota in rotas.items()},
        overrides=tuple(replace(o, rotation=name) for name, rota in rotas.items() for o in rota.overrides),
        absences=tuple(dict.fromkeys(a for rota in rotas.values() for a in rota.absences)),
        policies={"default": policy(*steps)},
        routes=(Route(id="all", team="ops", policy="default"),),
    )
    return found, around.replace(tzinfo=UTC)


def wrong_at(roster: Roster, at: datetime) -> set[tuple[str, ...]]:
    """What is wrong at an instant, said slowly."""
    there = {name: on_call(roster.rotas[name], at) for name in ("a", "b")}
    found: set[tuple[str, ...]] = {("two_places", p) for p in set(there["a"]) & set(there["b"])}
    for name, people in there.items():
        wanted = {ChannelName.VOICE} if name == "a" else {ChannelName.VOICE, ChannelName.SMS}
        if not any(m.channel in wanted for p in people for m in roster.people[p].methods):
            found.add(("nobody", name))
    return found


def said_at(findings: list[Finding], at: datetime) -> set[tuple[str, ...]]:
    there = [f for f in findings if f.start <= at < f.end]
    return {("nobody", *f.rotations) if f.missing else ("two_places", *f.people) for f in there}


@pytest.mark.parametrize("seed", range(40))
def test_at_each_instant_it_says_what_a_slow_look_says(seed: int) -> None:
    random = Random(seed)
    after, around = drawn(random)
    start, end = around - 3 * DAY, around + 20 * DAY
    rotation_ = random.choice(["a", "b"])
    gone = replace(after, overrides=tuple(o for o in after.overrides if o.rotation != rotation_), absences=())
    standing = list(at_once(missing(after, start, end)))
    new = list(at_once(worse(gone, after, start, end)))
    for _ in range(60):
        at = start + (end - start) * random.random()
        wrong = wrong_at(after, at)
        assert said_at(standing, at) == wrong
        assert said_at(new, at) == wrong - wrong_at(gone, at)
