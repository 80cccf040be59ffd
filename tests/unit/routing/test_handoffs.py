"""Who comes on call and goes off, and the words in which they are told so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from model.plan import ChannelName
from model.roster import ContactMethod, Person
from model.rota import Absence, Layer, Override, OverrideAction, Rota, Rotation, ShiftLength, ShiftUnit
from routing.handoffs import Handoff, handoffs, way, words

NAMES = {"ana": "Ana Reyes", "ben": "Ben Okafor", "cho": "Cho Ito"}
EVERYBODY = tuple(NAMES)
START = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)  # Monday
WEEK = timedelta(days=7)


def rota(*participants: str | tuple[str, ...], **more: object) -> Rota:
    layer = Layer(
        name="daily",
        participants=tuple((p,) if isinstance(p, str) else p for p in participants),
        shift=ShiftLength(unit=ShiftUnit.DAY),
        starts_at=datetime(2026, 11, 1, 9, 0),
    )
    rotation = Rotation(id="ops", name="Operations", team="ops", timezone="America/Chicago", layers=(layer,))
    return Rota(rotation=rotation, **more)


def person(name: str, zone: str = "America/Chicago", *methods: tuple[ChannelName, str]) -> Person:
    found = tuple(ContactMethod(channel=channel, address=address) for channel, address in methods)
    return Person(id=name, name=NAMES[name], timezone=zone, methods=found)


def told(found: Rota, end: timedelta = timedelta(days=2)) -> list[tuple[str, str, str]]:
    """When, who, which way."""
    return [
        (f"{h.at:%a %H:%M}", h.person, "on" if h.coming else "off")
        for h in handoffs(found, EVERYBODY, START, START + end)
    ]


def test_each_handoff_is_one_coming_and_one_going() -> None:
    assert told(rota("ana", "ben")) == [
        ("Mon 15:00", "ana", "off"),
        ("Mon 15:00", "ben", "on"),
        ("Tue 15:00", "ana", "on"),
        ("Tue 15:00", "ben", "off"),
    ]


def test_who_goes_on_by_the_next_turn_has_no_handoff() -> None:
    assert told(rota("ana", ("ana", "ben"))) == [("Mon 15:00", "ben", "on"), ("Tue 15:00", "ben", "off")]
    assert told(rota("ana")) == []


def override(person: str, hours: tuple[int, int], **more: object) -> Override:
    start, end = (START.replace(hour=15) + timedelta(hours=h) for h in hours)
    return Override(rotation="ops", action=OverrideAction.REPLACE, person=person, start=start, end=end, **more)


def test_a_turn_that_an_override_takes_whole_has_no_handoff() -> None:
    """Ben's turn is Cho's: Ben hears nothing."""
    taken = rota("ana", "ben", overrides=(override("cho", (0, 24)),))
    assert told(taken) == [
        ("Mon 15:00", "ana", "off"),
        ("Mon 15:00", "cho", "on"),
        ("Tue 15:00", "ana", "on"),
        ("Tue 15:00", "cho", "off"),
    ]


def test_an_absence_through_the_turn_leaves_none_either() -> None:
    away = Absence(person="ben", start=START, end=START + WEEK)
    assert told(rota("ana", "ben", absences=(away,))) == [("Mon 15:00", "ana", "off"), ("Tue 15:00", "ana", "on")]


def test_a_cover_is_a_handoff_of_its_own() -> None:
    assert told(rota("ana", overrides=(override("ben", (3, 5)),))) == [
        ("Mon 18:00", "ana", "off"),
        ("Mon 18:00", "ben", "on"),
        ("Mon 20:00", "ana", "on"),
        ("Mon 20:00", "ben", "off"),
    ]


def said(found: Rota, who: str, zone: str = "America/Chicago") -> str:
    handoff = next(handoffs(found, [who], START, START + WEEK))
    return words(handoff, found, person(who, zone), NAMES.__getitem__, START)


def test_words_to_who_comes_on() -> None:
    assert said(rota("ana", "ben"), "ben") == (
        "You come on call for Operations Mon 2 Nov 09:00 CST, until Tue 3 Nov 09:00. Ana Reyes goes off."
    )
    assert said(rota("ana", "ben"), "ben", "Asia/Tokyo").startswith(
        "You come on call for Operations Tue 3 Nov 00:00 JST, until Wed 4 Nov 00:00."
    )
    assert said(rota(("ana", "cho"), "ben"), "ben").endswith("Ana Reyes and Cho Ito go off.")


def test_an_end_that_is_far_is_not_said_and_whoever_stays_does_not_go() -> None:
    forever = rota("ana", overrides=(replace(override("ben", (0, 24 * 200)), action=OverrideAction.ADD),))
    assert said(forever, "ben") == "You come on call for Operations Mon 2 Nov 09:00 CST."


def test_words_to_who_goes_off() -> None:
    assert (
        said(rota("ana", "ben"), "ana")
        == "You go off call for Operations Mon 2 Nov 09:00 CST. Ben Okafor is on call then."
    )
    assert said(rota("ana", ("ben", "cho")), "ana").endswith("Ben Okafor and Cho Ito are on call then.")
    alone = rota("ana", "ben", absences=(Absence(person="ben", start=START, end=START + WEEK),))
    assert said(alone, "ana").endswith("NOBODY is on call after you.")


SLACK, SMS, VOICE = (
    (ChannelName.SLACK_DM, "U0ANA"),
    (ChannelName.SMS, "+13125550101"),
    (ChannelName.VOICE, "+13125550101"),
)


@pytest.mark.parametrize(
    ("methods", "expected"),
    [((VOICE, SMS, SLACK), SLACK), ((VOICE, SMS), SMS), ((VOICE, SLACK), SLACK), ((VOICE,), None)],
)
def test_a_reminder_is_quiet(
    methods: tuple[tuple[ChannelName, str], ...], expected: tuple[ChannelName, str] | None
) -> None:
    assert way(person("ana", "UTC", *methods)) == expected


def test_a_handoff_is_known_again() -> None:
    one, other = (list(handoffs(rota("ana", "ben"), EVERYBODY, START, START + WEEK)) for _ in range(2))
    assert len({*one, *other}) == len(one)
    assert isinstance(one[0], Handoff)
