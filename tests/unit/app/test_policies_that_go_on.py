"""A policy goes on with another one's steps: edited by the API, and seen in the plan of an event."""

from intake.examples import example
from tests.app_fixture import House


async def test_by_the_api_a_circle_is_refused_and_nothing_changed(house: House) -> None:
    """What another policy goes on with stays; whoever is called by it stands in the plan."""
    boss = {"steps": [{"after_seconds": 0, "people": ["eli"]}]}
    made = await house.put("/v1/policies/boss", "demo-admin", json=boss)
    assert made.status_code == 201, made.text
    found = await house.get("/v1/policies/default", "demo-admin")
    entry, path = found.json()["entry"], "/v1/policies/default"
    changed = await house.put(
        path,
        "demo-admin",
        headers={"If-Match": found.headers["ETag"]},
        json=entry | {"then": {"policy": "boss", "after_seconds": 400}},
    )
    assert changed.status_code == 200, changed.text
    assert [s["after_seconds"] for s in (await house.get(path)).json()["steps"]] == [0, 300, 400]
    assert len((await house.get(path, "demo-admin")).json()["entry"]["steps"]) == 2
    version = house.service.rosters.roster.version
    back = boss | {"then": {"policy": "default", "after_seconds": 10}}
    circle = await house.put("/v1/policies/boss", "demo-admin", headers={"If-Match": "*"}, json=back)
    assert circle.status_code == 422
    assert "goes round in a circle: boss -> default -> boss" in circle.text
    gone = await house.client.delete(
        "/v1/policies/boss", headers={"Authorization": "Bearer demo-admin", "If-Match": "*"}
    )
    assert (gone.status_code, gone.json()["errors"][0]["field"]) == (409, "policies.default.then.policy")
    assert house.service.rosters.roster.version == version


async def test_an_event_that_nobody_accepts_goes_on_there(house: House) -> None:
    entry = (await house.get("/v1/policies/default", "demo-admin")).json()["entry"]
    boss = {"steps": [{"after_seconds": 0, "people": ["eli"], "channels": ["sms"]}]}
    await house.put("/v1/policies/boss", "demo-admin", json=boss)
    later = entry | {"then": {"policy": "boss", "after_seconds": 400}}
    changed = await house.put("/v1/policies/default", "demo-admin", headers={"If-Match": "*"}, json=later)
    assert changed.status_code == 200, changed.text
    event = example("edr", house.clock.now(), "edr-1")
    plan = (await house.post("/v1/plans", "demo-upstream", json=event)).json()
    [told] = [row for row in plan["notifications"] if row["person"] == "eli" and row["channel"] == "sms"]
    assert (told["due_at"][:19], told["step"], told["forecast"]) == ("2026-11-03T15:06:40", 3, True)
