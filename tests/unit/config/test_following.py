"""A policy goes on with the steps of another one, and never round in a circle."""

import pytest
import yaml

from config.following import MAX_STEPS
from config.roster_file import load_roster
from config.roster_writer import document
from model.errors import SettingsError
from model.roster import Roster
from tests.unit.config.test_roster_file import SMALL

DEFAULT = "  default:\n    steps:\n      - {after_seconds: 0, rotations: [primary]}\n"


def policies(*written: str) -> str:
    """The small roster with these policies beside, or in place of, its only one."""
    assert DEFAULT in SMALL
    return SMALL.replace(DEFAULT, "".join(written))


def policy(name: str, *starts: int, then: str = "", after: int = 60, person: str = "ben") -> str:
    steps = "".join(f"      - {{after_seconds: {start}, people: [{person}]}}\n" for start in starts)
    more = f"    then: {{policy: {then}, after_seconds: {after}}}\n" if then else ""
    return f"  {name}:\n    steps:\n{steps}{more}"


def read(text: str) -> Roster:
    return load_roster(text, "r.yaml").roster


def problems(text: str) -> str:
    with pytest.raises(SettingsError) as refused:
        read(text)
    return str(refused.value)


def test_its_steps_follow_from_then_on() -> None:
    """And those of the one that it goes on with in turn; each of them is still itself."""
    text = policies(
        policy("default", 0, then="desk", after=100, person="ana"),
        policy("desk", 0, 30, then="boss", after=90),
        policy("boss", 10),
    )
    found = read(text).policies
    assert [s.after_seconds for s in found["default"].steps] == [0, 100, 130, 200]
    assert [s.people for s in found["default"].steps] == [("ana",), ("ben",), ("ben",), ("ben",)]
    assert [s.after_seconds for s in found["desk"].steps] == [0, 30, 100]
    assert [s.after_seconds for s in found["default"].own_steps] == [0]
    assert found["boss"].own_steps == found["boss"].steps


def test_it_is_written_as_it_was_said() -> None:
    text = policies(policy("default", 0, then="boss", after=0), policy("boss", 10))
    roster = read(text)
    written = document(roster)
    assert written["policies"]["default"]["then"] == {"policy": "boss", "after_seconds": 0}
    assert len(written["policies"]["default"]["steps"]) == 1
    assert read(yaml.safe_dump(written)) == roster


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ([policy("default", 0, then="default")], 'policies.default: "then" goes round in a circle: default -> default'),
        (
            [policy("default", 0, then="desk"), policy("desk", 0, then="boss"), policy("boss", 0, then="desk")],
            'policies.desk: "then" goes round in a circle: desk -> boss -> desk',
        ),
        ([policy("default", 0, then="dsk"), policy("desk", 0)], "then.policy: expected the name of one of policies"),
        (
            [policy("default", 0, then="desk", after=550), policy("desk", 60)],
            "a step at 610 s comes after the deadline",
        ),
        (
            [policy("default", 0, 300, then="desk", after=200), policy("desk", 0)],
            "the steps in order of after_seconds, found",
        ),
        (
            [policy("default", 0, then="desk"), policy("desk", *range(MAX_STEPS))],
            f"policies.default: expected at most {MAX_STEPS} steps, with those that it goes on with",
        ),
    ],
)
def test_what_cannot_be_is_refused(written: list[str], problem: str) -> None:
    assert problem in problems(policies(*written))


def test_only_those_in_the_circle_are_told_of_it() -> None:
    text = policies(policy("default", 0, then="desk"), policy("desk", 0, then="boss"), policy("boss", 0, then="desk"))
    assert len(problems(text).splitlines()) == 2
    assert "policies.default:" not in problems(text)


def test_a_long_way_round_is_found_soon() -> None:
    """However many there are: a thousand policies, each with one step, the last one leads back to the first."""
    names = [f"p{n}" for n in range(1000)]
    chain = [policy(name, 0, then=after) for name, after in zip(names, [*names[1:], "p0"], strict=True)]
    assert f"expected at most {MAX_STEPS} steps" in problems(policies(DEFAULT, *chain))
