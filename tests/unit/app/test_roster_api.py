"""The roster as operators and admins read it."""

import pytest

from tests.app_fixture import NUMBERS, ROUTING_KEY, House

PATHS = [
    "/v1/people",
    "/v1/people/ana",
    "/v1/teams",
    "/v1/rotations",
    "/v1/rotations/ops-backup",
    "/v1/rotations/ops-backup/shifts",
    "/v1/policies",
    "/v1/routes",
    "/v1/resources",
    "/v1/sources",
    "/v1/oncall",
]


@pytest.mark.parametrize("path", PATHS)
async def test_operators_and_admins_read_it_and_nobody_else(house: House, path: str) -> None:
    assert (await house.get(path, None)).status_code == 401
    assert (await house.get(path, "demo-upstream")).status_code == 403
    operator, admin = await house.get(path, "demo-operator"), await house.get(path, "demo-admin")
    assert (operator.status_code, admin.status_code) == (200, 200), operator.text
    assert not [number for number in NUMBERS if number in operator.text]
    assert ROUTING_KEY not in operator.text + admin.text


async def test_admins_see_whole_numbers_and_operators_two_digits(house: House) -> None:
    admin = (await house.get("/v1/people/ana", "demo-admin")).json()
    operator = (await house.get("/v1/people/ana")).json()
    assert {"channel": "voice", "address": "+13125550101", "verified": False} in admin["methods"]
    assert {"channel": "voice", "address": "**********01", "verified": False} in operator["methods"]
    assert operator["awake"] is True


async def test_pages_follow_each_other_by_id(house: House) -> None:
    seen, after = [], ""
    while True:
        page = (await house.get(f"/v1/people?limit=2{after}")).json()
        seen += [p["id"] for p in page["people"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == ["ana", "ben", "chie", "dee", "eli"]


async def test_routes_keep_their_order(house: House) -> None:
    first = (await house.get("/v1/routes?limit=1")).json()
    second = (await house.get(f"/v1/routes?limit=1&after={first['next']}")).json()
    assert [first["routes"][0]["id"], second["routes"][0]["id"]] == ["fast", "everything"]
    assert second["next"] is None


async def test_on_call_is_answered_for_any_instant(house: House) -> None:
    """By rotation and timezone, with who is awake there and until when."""
    now = (await house.get("/v1/oncall?team=ops")).json()
    backup, primary = now["rotations"]
    assert backup["until"] == "2026-11-09T15:00:00+00:00"  # a Monday, 09:00 in Chicago
    [group] = backup["groups"]
    assert group["timezone"] == "America/Chicago"
    assert {p["id"]: p["awake"] for g in primary["groups"] for p in g["people"]} == {
        "ana": True,
        "ben": True,
        "chie": False,
    }
    assert primary["until"] is None
    later = (await house.get("/v1/oncall?at=2026-11-09T15:00:00Z")).json()["rotations"][0]
    assert later["groups"][0]["people"][0]["id"] != group["people"][0]["id"]
    assert (await house.get("/v1/oncall?team=none")).status_code == 404


async def test_shifts_touch_within_a_bounded_window(house: House) -> None:
    path = "/v1/rotations/ops-backup/shifts?from=2026-11-01T00:00:00Z"
    found = (await house.get(f"{path}&to=2026-12-01T00:00:00Z")).json()["shifts"]
    assert [s["to"] for s in found[:-1]] == [s["from"] for s in found[1:]]
    assert (found[0]["from"], found[-1]["to"]) == ("2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00")
    assert (await house.get(f"{path}&to=2027-11-03T00:00:00Z")).status_code == 422
    assert (await house.get(f"{path}&to=2026-10-01T00:00:00Z")).status_code == 422


@pytest.mark.parametrize("at", ["yesterday", "2026-11-09T15:00:00", "9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z"])
async def test_instants_are_aware_and_of_this_century(house: House, at: str) -> None:
    answer = await house.get(f"/v1/oncall?at={at}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.at"


async def test_unknown_names_are_not_found(house: House) -> None:
    for path in ("/v1/people/zoe", "/v1/rotations/none", "/v1/rotations/none/shifts"):
        assert (await house.get(path)).status_code == 404


async def test_a_source_says_when_it_was_last_heard(house: House) -> None:
    def monitor(body: dict) -> dict:
        return {s["id"]: s["monitor"] for s in body["sources"]}["miso"]

    assert monitor((await house.get("/v1/sources")).json())["status"] == "new"
    await house.post("/v1/sources/miso/heartbeat", "demo-upstream")
    heard = monitor((await house.get("/v1/sources")).json())
    assert (heard["status"], heard["last_seen_at"]) == ("up", house.clock.now().isoformat())
    await house.service.notebook.flush()
    assert monitor((await house.get("/v1/sources")).json()) == heard
