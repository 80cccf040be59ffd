"""An update that concerns more people than before reaches them, and asks those again who said yes to less."""

from typing import Any

import pytest

from intake.examples import example
from tests.app_fixture import House

ALSO = {"match": {"zones": ["MISO-LRZ/9"]}, "team": "ops", "policy": "south", "continue": True}
SOUTH = {"steps": [{"after_seconds": 0, "people": ["eli"], "channels": ["voice"]}]}
FOUR, NINE = {"scheme": "MISO-LRZ", "code": "4"}, {"scheme": "MISO-LRZ", "code": "9"}


async def told(house: House, event_id: str = "E-1") -> dict[str, Any]:
    await house.until(lambda: house.service.broker.depth() == 0)
    found: dict[str, Any] = (await house.get(f"/v1/events/miso/{event_id}")).json()
    return found


async def rung(house: House, revision: int) -> set[str]:
    rows = (await told(house))["plan"]["notifications"]
    return {row["person"] for row in rows if row["channel"] == "voice" and row["revision"] == revision}


async def later(house: House, first: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The event's second revision, when the reviser has seen it."""
    body = first | {"revision": 2, "message_type": "update"} | changes
    await house.send("E-1", body=body)
    found = await told(house)
    return dict(next(r for r in found["revisions"] if r["number"] == 2))


@pytest.fixture
async def first(house: House) -> dict[str, Any]:
    """Of zone 4; the people of zone 9 have a route that goes on."""
    assert (await house.put("/v1/policies/south", "demo-admin", json=SOUTH)).status_code == 201
    assert (await house.put("/v1/routes/south?before=fast", "demo-admin", json=ALSO)).status_code == 201
    event = example("edr", house.clock.now(), "E-1") | {"zones": [FOUR]}
    await house.send("E-1", body=event)
    return event


async def test_another_zone_calls_its_people(house: House, first: dict[str, Any]) -> None:
    assert "eli" not in await rung(house, 1)
    second = await later(house, first, zones=[FOUR, NINE])
    assert second["needs_answer"] is True
    assert second["changes"] == ["NEW ZONES"]
    while "eli" not in await rung(house, 2):
        await house.rows()
    assert "ana" in await rung(house, 2)


async def test_fewer_zones_and_zones_of_nobody_else_ask_nothing(house: House, first: dict[str, Any]) -> None:
    assert (await later(house, first, zones=[FOUR, {"scheme": "MISO-LRZ", "code": "5"}]))["needs_answer"] is False


async def test_a_route_that_was_edited_meanwhile_asks_nothing(house: House, first: dict[str, Any]) -> None:
    """The same words go another way now: what is under way stays as it was planned."""
    found = await house.get("/v1/routes/south", "demo-admin")
    entry = found.json()["entry"] | {"match": {"zones": ["MISO-LRZ/4"]}}
    done = await house.put("/v1/routes/south", "demo-admin", headers={"If-Match": found.headers["ETag"]}, json=entry)
    assert done.status_code == 200, done.text
    assert (await later(house, first, text="more words"))["needs_answer"] is False


async def test_a_notice_that_becomes_critical_rings(house: House) -> None:
    """Also by the same route: a notice calls nobody, and somebody who said yes to it said it to a notice."""
    event = example("edr", house.clock.now(), "E-1") | {"severity": "notice", "phase": "advisory"}
    del event["instruction"]
    event["instruction"] = {"action": "informational"}
    await house.send("E-1", body=event)
    assert await rung(house, 1) == set()
    second = await later(house, event, severity="critical")
    assert (second["needs_answer"], second["changes"]) == (True, ["NOW critical (was notice)"])
    while "ana" not in await rung(house, 2):
        await house.rows()
