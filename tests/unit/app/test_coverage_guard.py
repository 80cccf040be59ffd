"""What leaves nobody on call, nobody who can be told, or a person in two places, is refused unless it is meant."""

from typing import Any

import httpx2
import pytest

from tests.app_fixture import ROSTER, House

OVERRIDES = "/v1/rotations/ops-backup/overrides"
BOTH = {"action": "replace", "person": "ana", "replaces": "dee", "from": "2026-11-07T22:00", "to": "2026-11-08T06:00"}
MEANT = "accept_gaps=true&reason=nobody+else+left"


async def ask(
    house: House, method: str, path: str, body: Any = None, etag: str | None = None, **more: Any
) -> httpx2.Response:
    headers = {"Authorization": "Bearer demo-admin"} | ({"If-Match": etag} if etag else {})
    return await house.client.request(method, path, json=body, headers=headers, **more)


async def entry(house: House, path: str) -> tuple[dict[str, Any], str]:
    found = await house.get(path, "demo-admin")
    return found.json()["entry"], found.headers["ETag"]


async def test_a_person_in_two_places_is_refused_with_who_and_when(house: House) -> None:
    """Ana is called by the first step, so the second one would find nobody new."""
    refused = await ask(house, "POST", OVERRIDES, BOTH)
    body = refused.json()
    assert (refused.status_code, body["title"]) == (409, "It puts a person in two places")
    text = "ops-backup and ops-primary: Ana Reyes is on call in both Sat 22:00-Sun 06:00 CST, 8 h"
    assert body["detail"] == f"{text}. Let somebody else cover first, or accept gaps, with a reason"
    assert body["findings"] == [
        {
            "kind": "two_places",
            "rotations": ["ops-backup", "ops-primary"],
            "people": ["ana"],
            "from": "2026-11-08T04:00:00+00:00",
            "to": "2026-11-08T12:00:00+00:00",
            "text": text,
        }
    ]
    assert [change["after"] for change in body["effect"]] == [["ana"]]
    assert house.service.rosters.roster.version == 1
    assert (await house.get("/v1/audit", "demo-admin")).json()["audit"][0]["what"] == "file"


async def test_what_is_accepted_stands_in_the_audit_with_its_reason(house: House) -> None:
    made = await ask(house, "POST", f"{OVERRIDES}?{MEANT}", BOTH)
    assert (made.status_code, made.json()["findings"][0]["people"]) == (201, ["ana"])
    accepted, override, *_ = (await house.get("/v1/audit", "demo-admin")).json()["audit"]
    assert (accepted["what"], accepted["change"], accepted["reason"]) == ("coverage", "accepted", "nobody else left")
    assert accepted["text"].startswith("accept ops-backup and ops-primary: Ana Reyes is on call in both")
    assert accepted["after"] == made.json()["findings"]
    assert (override["reason"], override["roster_version"]) == (accepted["reason"], accepted["roster_version"])


async def test_what_was_accepted_is_not_asked_about_again(house: House) -> None:
    [made] = (await ask(house, "POST", f"{OVERRIDES}?{MEANT}", BOTH)).json()["ids"]
    later = {"action": "add", "person": "eli", "from": "2026-11-07T23:00", "to": "2026-11-08T01:00"}
    assert (await ask(house, "POST", OVERRIDES, later)).status_code == 201
    assert (await ask(house, "DELETE", f"{OVERRIDES}/{made}")).json()["findings"] == []


async def test_accepting_what_is_not_wrong_leaves_no_trace(house: House) -> None:
    await ask(house, "POST", f"{OVERRIDES}?{MEANT}", BOTH | {"person": "eli"})
    assert (await house.get("/v1/audit", "demo-admin")).json()["audit"][0]["what"].startswith("overrides/")


@pytest.mark.parametrize("channel", ["slack_dm", "sms"])
async def test_nobody_who_can_be_told_is_refused(house: House, channel: str) -> None:
    """Be it that the number goes, or the channel by which it was used."""
    policy, etag = await entry(house, "/v1/policies/default")
    fast, _ = await entry(house, "/v1/policies/fast")
    for other in (policy, fast):
        other["steps"][1]["channels"] = [channel]
    # Two policies lead there, and either of them is enough.
    assert (await ask(house, "PUT", "/v1/policies/default", policy, etag)).status_code == 200
    dee, tag = await entry(house, "/v1/people/dee")
    silent = {k: v for k, v in dee.items() if k != "slack"} | {"sms": False}
    assert (await ask(house, "PUT", "/v1/people/dee", silent, tag)).status_code == 200
    _, etag = await entry(house, "/v1/policies/fast")
    refused = await ask(house, "PUT", "/v1/policies/fast", fast, etag)
    body = refused.json()
    assert (refused.status_code, body["title"]) == (409, "It leaves nobody who can be told")
    assert {(f["kind"], *f["rotations"], *f["people"]) for f in body["findings"]} == {
        ("unreachable", "ops-backup", "dee")
    }
    assert "no step that leads there has a way to reach Dee Larsen" in body["detail"]
    assert (await ask(house, "PUT", f"/v1/policies/fast?{MEANT}", fast, etag)).status_code == 200


async def test_a_new_rotation_of_another_team_counts_when_a_route_leads_there(house: House) -> None:
    """Not while it is made, only from the policy on that leads to it."""
    await ask(house, "PUT", "/v1/teams/market", {"name": "Market"})
    layer = {"name": "all", "participants": ["ben"], "shift": {"unit": "day"}, "starts_at": "2026-01-01T00:00"}
    market = {"name": "Market", "team": "market", "timezone": "America/Chicago", "layers": [layer]}
    assert (await ask(house, "PUT", "/v1/rotations/market", market)).status_code == 201
    steps = {"steps": [{"after_seconds": 0, "rotations": ["market"]}]}
    assert (await ask(house, "PUT", "/v1/policies/market", steps)).status_code == 201
    route = {"team": "market", "policy": "market", "match": {"programs": ["LMR"]}}
    refused = await ask(house, "PUT", "/v1/routes/market", route)
    assert refused.status_code == 409, refused.text
    assert (refused.json()["findings"][0]["rotations"], refused.json()["findings"][0]["people"]) == (
        ["market", "ops-primary"],
        ["ben"],
    )
    assert (await ask(house, "PUT", f"/v1/routes/market?{MEANT}", route)).status_code == 201


async def test_a_file_says_in_its_plan_what_it_leaves(house: House) -> None:
    text = ROSTER.read_text().replace("participants: [dee, eli]", "participants: [dee, ana]")
    headers = {"Content-Type": "application/yaml"}
    planned = await house.post("/v1/roster/plan", "demo-admin", content=text, headers=headers)
    assert {(f["kind"], *f["people"]) for f in planned.json()["findings"]} == {("two_places", "ana")}
    version = {"If-Match": '"1"'} | headers
    refused = await house.put("/v1/roster", "demo-admin", content=text, headers=version)
    assert (refused.status_code, refused.json()["title"]) == (409, "It puts a person in two places")
    meant = await house.put(f"/v1/roster?{MEANT}", "demo-admin", content=text, headers=version)
    assert (meant.status_code, len(meant.json()["findings"])) == (200, len(planned.json()["findings"]))


async def test_a_swap_that_leaves_somebody_in_two_places_is_refused_whole(house: House) -> None:
    """Ben stays on the first step while he takes an hour of the second."""
    lone = {"action": "replace", "person": "ben", "from": "2026-11-14T22:00", "to": "2026-11-15T06:00"}
    assert (await ask(house, "POST", f"{OVERRIDES}?{MEANT}", lone)).status_code == 201
    swap = {
        "first": {"person": "dee", "from": "2026-11-07T22:00", "to": "2026-11-08T06:00"},
        "second": {"person": "ben", "from": "2026-11-14T22:00", "to": "2026-11-15T06:00"},
    }
    refused = await ask(house, "POST", "/v1/rotations/ops-backup/swaps", swap)
    assert (refused.status_code, refused.json()["findings"][0]["people"]) == (409, ["ben"])
    assert house.service.rosters.roster.version == 2
