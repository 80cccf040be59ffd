"""Two rosters compared: what is different is said entry by entry, and what that does to who is on call."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.roster_diff import Difference, differences, key_differences
from app.roster_effect import FARTHEST, MAX_CHANGES, effect
from config.roster_file import load_roster
from model.roster import Roster
from model.rota import Absence, Override, OverrideAction
from store.rosters import KeyRow
from tests.app_fixture import NUMBERS, ROSTER, ROUTING_KEY

TEXT = ROSTER.read_text()
NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
DAY = timedelta(days=1)


def read(*changes: tuple[str, str]) -> Roster:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return load_roster(text, "r.yaml").roster


def texts(before: Roster, after: Roster) -> list[str]:
    return [d.text() for d in differences(before, after)]


DEMO = read()
ZOE = "  zoe: {name: Zoe Lind, timezone: Europe/Paris, slack: U0ZOE}\n"
LAST = "      - {after_seconds: 300, rotations: [ops-backup], wake: any}\n"
CHIE = "      - {after_seconds: 300, people: [chie]}\n"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("\nteams:\n", f"{ZOE}\nteams:\n", "add person zoe (Zoe Lind)"),
        ("+13125550101", "+13125550199", "change person ana: phone **********01 -> **********99"),
        ("[dee, eli]", "[eli, dee]", "change rotation ops-backup: layers[0].participants [dee, eli] -> [eli, dee]"),
        ("name: Ana Reyes\n", "name: Ana Reyes\n    sms: false\n", "change person ana: sms nothing -> false"),
        ("contracted_mw: 8\n", "contracted_mw: 9\n", "change resource MISO-EPNODE/ACME.MILL2: contracted_mw 8 -> 9"),
        ("admin_channel: C0ADMIN\n", "", "remove admin_channel C0ADMIN"),
        ("d3m0", "e3m0", "change team ops: pagerduty.routing_key ******** -> ********"),
        (LAST, LAST + CHIE, "change policy default: steps[2] nothing -> {after_seconds: 300, people: [chie]}"),
        (LAST, CHIE + LAST, "change policy default: steps[1] nothing -> {after_seconds: 300, people: [chie]}"),
        (LAST, "", "change policy default: steps[1] {after_seconds: 300, rotations: [ops-backup]} -> nothing"),
        (
            LAST,
            LAST.replace("300", "290") + CHIE,
            "change policy default: steps[1].after_seconds 300 -> 290, "
            "steps[2] nothing -> {after_seconds: 300, people: [chie]}",
        ),
    ],
)
def test_an_entry_that_differs_is_said_in_words(old: str, new: str, text: str) -> None:
    other = read((old, new))
    assert texts(DEMO, other) == [text]
    assert texts(other, other) == []


def test_the_way_back_removes_what_was_added() -> None:
    assert texts(read(("\nteams:\n", f"{ZOE}\nteams:\n")), DEMO) == ["remove person zoe (Zoe Lind)"]


def test_the_order_of_routes_counts() -> None:
    second = "  - {id: second, match: {sources: [miso]}, team: ops, policy: fast}\n"
    first = "  - {id: fast, match: {sources: [miso-fast]}, team: ops, policy: fast}\n"
    one, other = read((first, first + second)), read((first, second + first))
    assert texts(one, other) == [
        "change order of routes: [fast, second, everything] -> [second, fast, everything]",
    ]


def test_neither_numbers_nor_secrets_are_told() -> None:
    shown = str([d.shown() for d in differences(Roster(), DEMO)])
    assert ROUTING_KEY not in shown
    assert not [number for number in NUMBERS if number in shown]


def test_overrides_that_say_the_same_are_counted() -> None:
    once = Override(
        rotation="ops-backup", action=OverrideAction.REPLACE, person="ana", start=NOW + DAY, end=NOW + 2 * DAY
    )
    one, two = replace(DEMO, overrides=(once,)), replace(DEMO, overrides=(once, once))
    [added] = differences(one, two)
    assert added.text().endswith("(ops-backup replace ana 2026-11-04T09:00-06:00 2026-11-05T09:00-06:00)")


def test_a_key_with_another_secret_differs() -> None:
    old = KeyRow(id="root", sha256="a" * 64, role="admin")
    new = replace(old, sha256="b" * 64)
    [changed] = key_differences([old], [new])
    assert changed.text() == "change key root: secret sha256 aaaaaaaa… -> sha256 bbbbbbbb…"
    assert key_differences([old], [old]) == ()


def test_what_is_long_is_cut() -> None:
    text = Difference(what="people/ana", before={"name": "a" * 200}, after={"name": "b" * 200}).text()
    assert text == f"change person ana: name {'a' * 60}… -> {'b' * 60}…"


@pytest.mark.parametrize(("before", "after"), [("x", "y"), ("", "y"), ("xyz", "yz")])
def test_of_what_is_long_one_sees_where_it_parts(before: str, after: str) -> None:
    """Not the beginning that both have."""
    whole = Difference(what="people/ana", before={"name": "a" * 200 + before}, after={"name": "a" * 200 + after}).text()
    assert whole == f"change person ana: name …{'a' * 20}{before} -> …{'a' * 20}{after}"


# --- who is on call instead -------------------------------------------------------------------------------------------


def test_the_effect_says_who_replaces_whom_and_when() -> None:
    cover = Override(
        rotation="ops-backup",
        action=OverrideAction.REPLACE,
        person="ana",
        start=NOW + 365 * DAY,
        end=NOW + 365 * DAY + timedelta(hours=8),
    )
    [change] = effect(DEMO, replace(DEMO, overrides=(cover,)), NOW).shown()["effect"]
    assert change["text"].startswith("Ana Reyes replaces ")
    assert change["text"].endswith(" Wed 3 Nov 2027 10:00-18:00 CDT, 8 h")
    assert (change["rotation"], change["after"]) == ("ops-backup", ["ana"])


def test_what_changes_at_once_is_told_by_the_minute() -> None:
    other = read(("[dee, eli]", "[eli, dee]"))
    first, *_ = effect(DEMO, other, NOW + timedelta(seconds=13, microseconds=5)).shown()["effect"]
    assert first["text"] == "Eli Novak replaces Dee Larsen Tue 09:00-Mon 09:00 CST, 6 d"


def test_an_absence_is_followed_to_its_end_but_not_for_ever() -> None:
    away = Absence(person="ana", start=NOW, end=NOW + 5000 * DAY)
    found = effect(DEMO, replace(DEMO, absences=(away,)), NOW).shown()["effect"]
    assert found[-1]["to"] == (NOW + FARTHEST).isoformat()


def test_a_rotation_that_goes_leaves_nobody() -> None:
    rest = {k: v for k, v in DEMO.rotations.items() if k != "ops-primary"}
    [change] = effect(DEMO, replace(DEMO, rotations=rest), NOW).shown()["effect"]
    assert change["text"].startswith(
        "Nobody replaces Ana Reyes, Ben Okafor and Chie Mori Tue 09:00-Sat 2 Jan 09:00 CST"
    )


def test_of_many_changes_the_first_are_told_and_the_others_counted() -> None:
    hourly = read(("[dee, eli]\n        shift: {unit: week}", "[dee, eli]\n        shift: {unit: hour}"))
    found = effect(DEMO, hourly, NOW).shown()
    assert len(found["effect"]) == MAX_CHANGES
    assert found["effect_omitted"] > MAX_CHANGES
