"""`POST /v1/rotations/preview`: a rota is looked at before anybody saves it."""

from copy import deepcopy
from typing import Any

import pytest

from tests.app_fixture import House

PATH = "/v1/rotations/preview"
BODY: dict[str, Any] = {
    "rotation": {
        "timezone": "America/Chicago",
        "layers": [
            {
                "name": "weekly",
                "participants": ["ana", ["ben", "dee"]],
                "shift": {"unit": "week", "count": 1},
                "starts_at": "2026-03-02T09:00",
                "ends_at": None,
                "restrictions": [],
                "priority": 0,
            },
            {
                "name": "nights",
                "participants": ["eli"],
                "shift": {"unit": "day", "count": 1},
                "starts_at": "2026-03-02T09:00",
                "ends_at": "2026-03-10T09:00",
                "restrictions": [{"days": ["sat"], "from": "22:00", "to": "06:00"}],
                "priority": 5,
            },
        ],
    },
    "overrides": [
        {
            "action": "replace",
            "person": "chie",
            "replaces": "ben",
            "from": "2026-03-09T14:00Z",
            "to": "2026-03-09T16:00Z",
        }
    ],
    "absences": [{"person": "ana", "from": "2026-03-07T09:00", "to": "2026-03-07T10:00"}],
    "from": "2026-03-07T00:00:00Z",
    "to": "2026-03-09T18:00:00Z",
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """BODY with something else at `rotation.layers.0.name`."""
    body = deepcopy(BODY)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = body
    for step in way:
        place = place[step]
    place[last] = value
    return body


async def asked(house: House, body: dict[str, Any], query: str = "") -> dict[str, Any]:
    answer = await house.post(PATH + query, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def row(person: str, start: str, end: str, layer: str | None) -> dict[str, Any]:
    return {
        "person": person,
        "from": f"2026-03-{start}:00+00:00",
        "to": f"2026-03-{end}:00+00:00",
        "layer": layer,
        "override": layer is None,
    }


async def test_shifts_and_gaps_of_the_window(house: House) -> None:
    """Chicago's clocks go forward that night: Saturday's hours are eight by the clock and seven in truth."""
    found = await asked(house, BODY)
    assert found["shifts"] == [
        row("ana", "07T00:00", "07T15:00", "weekly"),
        row("ana", "07T16:00", "08T04:00", "weekly"),
        row("eli", "08T04:00", "08T11:00", "nights"),
        row("ana", "08T11:00", "09T14:00", "weekly"),
        row("chie", "09T14:00", "09T16:00", None),
        row("dee", "09T14:00", "09T18:00", "weekly"),
        row("ben", "09T16:00", "09T18:00", "weekly"),
    ]
    assert found["gaps"] == [{"from": "2026-03-07T15:00:00+00:00", "to": "2026-03-07T16:00:00+00:00"}]
    assert [n["kind"] for n in found["notices"]] == ["gap", "clocks", "absent"]
    assert found["notices"][1]["text"].endswith("Eli Novak works 7 h instead of 8 h")
    assert set(found) == {"shifts", "gaps", "notices"}


async def test_nothing_is_kept(house: House) -> None:
    before = await house.rows()
    await asked(house, BODY)
    assert await house.rows() == before


async def test_the_least_that_can_be_asked(house: House) -> None:
    layer = {"name": "l", "participants": ["ana"], "shift": {"unit": "month"}, "starts_at": "2026-01-31T09:00:00"}
    body = {"rotation": {"timezone": "UTC", "layers": [layer]}, "from": BODY["from"], "to": BODY["to"]}
    [shift] = (await asked(house, body))["shifts"]
    assert (shift["person"], shift["from"], shift["to"]) == (
        "ana",
        "2026-03-07T00:00:00+00:00",
        "2026-03-09T18:00:00+00:00",
    )
    empty = await asked(house, body | {"rotation": {"timezone": "UTC", "layers": []}})
    assert (empty["shifts"], len(empty["gaps"])) == ([], 1)


async def test_what_a_rotation_in_force_looks_like_can_be_previewed(house: House) -> None:
    """`GET /v1/rotations/{id}` and the preview speak of rotations alike, and come to the same."""
    found = (await house.get("/v1/rotations/ops-backup")).json()
    overrides = found.pop("overrides")
    window = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    shown = await asked(house, {"rotation": found, "overrides": overrides} | window)
    in_force = (await house.get(f"/v1/rotations/ops-backup/shifts?from={window['from']}&to={window['to']}")).json()
    assert shown == {name: in_force[name] for name in ("shifts", "gaps", "notices")}


async def test_against_one_in_force_it_says_who_replaces_whom(house: House) -> None:
    found = (await house.get("/v1/rotations/ops-backup")).json()
    cover = {"action": "replace", "person": "ana", "from": "2026-11-07T22:00", "to": "2026-11-08T06:00"}
    body = {"rotation": {k: v for k, v in found.items() if k != "overrides"}, "overrides": [cover]}
    body |= {"from": "2026-11-03T00:00:00Z", "to": "2026-12-03T00:00:00Z"}
    found = await asked(house, body, "?against=ops-backup")
    assert [clock["at"] for clock in found["clocks"]] == ["2027-03-14T08:00:00+00:00", "2027-11-07T07:00:00+00:00"]
    assert found["clocks"][0]["text"].endswith("works 167 h instead of 168 h")  # long after the window's end
    assert "clocks" not in await asked(house, body)
    [change] = found["effect"]
    assert change["after"] == ["ana"]
    assert change["text"].startswith("Ana Reyes replaces ")
    assert change["text"].endswith(" Sat 22:00-Sun 06:00 CST, 8 h")
    assert (await house.post(f"{PATH}?against=none", json=body)).status_code == 404


async def test_strangers_are_named(house: House) -> None:
    found = await asked(house, changed("rotation.layers.0.participants", ["zoe"]))
    [notice] = [n for n in found["notices"] if n["kind"] == "unknown_person" and n["people"] == ["zoe"]]
    assert notice["text"] == "zoe is not in the roster, and could not be told of anything"


@pytest.mark.parametrize(
    ("path", "value", "field", "expected"),
    [
        ("rotation.timezone", "US/Central", "rotation.timezone", '"America/Chicago", the name in use now'),
        ("rotation.timezone", "America/Chicgo", "rotation.timezone", 'did you mean "America/Chicago"?'),
        ("rotation.layers.0.shift.count", 0, "rotation.layers.0.shift.count", "greater than or equal to 1"),
        ("rotation.layers.0.shift.count", "1", "rotation.layers.0.shift.count", "integer"),
        ("rotation.layers.0.shift.unit", "year", "rotation.layers.0.shift.unit", "'hour', 'day', 'week' or 'month'"),
        ("rotation.layers.0.participants", [], "rotation.layers.0.participants", "at least 1 item"),
        ("rotation.layers.0.participants", ["ana"] * 10_000, "rotation.layers.0.participants", "at most 1000 items"),
        ("rotation.layers.0.participants", [["ana", "ana"]], "rotation.layers.0.participants.0", "each only once"),
        ("rotation.layers.0.participants", [7], "rotation.layers.0.participants.0", "list"),
        ("rotation.layers.0.starts_at", "2026-03-02T09:00Z", "rotation.layers.0.starts_at", "without offset"),
        ("rotation.layers.0.starts_at", "2026-02-30T09:00", "rotation.layers.0.starts_at", "a date and time"),
        ("rotation.layers.0.starts_at", 0, "rotation.layers.0.starts_at", "a date and time"),
        ("rotation.layers.0.ends_at", "2026-03-02T09:00", "rotation.layers.0", "ends_at later than starts_at"),
        ("rotation.layers.1.restrictions.0.from", "9:00", "rotation.layers.1.restrictions.0.from", "00:00 to 23:59"),
        ("rotation.layers.1.restrictions.0.days", ["monday"], "rotation.layers.1.restrictions.0.days.0", "'mon'"),
        ("rotation.layers.1.restrictions.0.days", [], "rotation.layers.1.restrictions.0.days", "at least 1 item"),
        ("rotation.layers.0.prority", 1, "rotation.layers.0.prority", "not permitted"),
        ("overrides.0.action", "swap", "overrides.0.action", "'add', 'replace' or 'remove'"),
        ("overrides.0.action", "add", "overrides.0", "replaces belongs to action replace"),
        ("overrides.0.to", "2026-03-09T14:00Z", "overrides.0.to", "later than `from`"),
        ("overrides.0.from", "tomorrow", "overrides.0.from", "a date and time"),
        ("absences.0.to", "2026-03-07T08:00", "absences.0.to", "later than `from`"),
        ("to", "2026-03-07T00:00:00Z", "to", "later than `from`"),
        ("to", "2027-03-09T00:00:00Z", "to", "at most 366 days"),
        ("to", "9999-12-31T00:00:00Z", "to", "until before 2100"),
    ],
)
async def test_what_is_wrong_is_named(house: House, path: str, value: Any, field: str, expected: str) -> None:
    answer = await house.post(PATH, json=changed(path, value))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert error["field"] == f"body.{field}"
    assert expected in error["expected"]
    assert "title" in answer.json()


async def test_too_many_turns_for_one_answer(house: House) -> None:
    body = changed("rotation.layers", [BODY["rotation"]["layers"][0] | {"shift": {"unit": "hour"}}] * 20)
    answer = await house.post(PATH, json=body | {"to": "2027-03-07T00:00:00Z"})
    assert answer.json()["errors"] == [
        {"field": "body.to", "expected": "a shorter window: this one holds more than 30000 turns"}
    ]


async def test_too_many_overrides_at_once(house: House) -> None:
    body = changed("overrides", [BODY["overrides"][0]] * 50)
    assert (await house.post(PATH, json=body)).status_code == 200
    answer = await house.post(PATH, json=body | {"overrides": [BODY["overrides"][0]] * 51})
    assert answer.json()["errors"] == [{"field": "body.overrides", "expected": "at most 50 in force at one instant"}]


async def test_operators_and_admins_may_and_nobody_else(house: House) -> None:
    assert (await house.post(PATH, None, json=BODY)).status_code == 401
    assert (await house.post(PATH, "demo-upstream", json=BODY)).status_code == 403
    assert (await house.post(PATH, "demo-admin", json=BODY)).status_code == 200
