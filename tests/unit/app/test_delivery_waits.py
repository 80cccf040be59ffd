"""A sender that asks what became of its event may wait for the answer."""

import asyncio
from typing import Any

from tests.app_fixture import House

ACCEPTED = {"person": "ana", "reply": "acknowledge"}


async def asked(house: House, url: str) -> dict[str, Any]:
    answer = await house.get(url, "demo-upstream")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_it_answers_as_soon_as_somebody_has_accepted(house: House) -> None:
    url = (await house.send("edr-1"))["status_url"]
    found = await asked(house, url)
    assert (found["state"], found["outcome"]) == ("planned", None)
    waiting = asyncio.create_task(asked(house, f"{url}?wait=30&until=outcome"))
    await house.rows()
    assert not waiting.done()
    await house.post("/v1/events/miso/edr-1/reply", json=ACCEPTED)
    while not waiting.done():
        await house.rows()
        house.advance(0.25)
    outcome = (await waiting)["outcome"]
    assert outcome["outcome"] == "met"
    assert outcome["reason"].startswith("accepted by Ana Reyes")


async def test_it_answers_as_it_is_when_the_time_is_over(house: House) -> None:
    url = (await house.send("edr-1"))["status_url"]
    waiting = asyncio.create_task(asked(house, f"{url}?wait=5&until=outcome"))
    while not waiting.done():
        await house.rows()
        house.advance(1)
    assert (await waiting)["outcome"] is None
    assert (await asked(house, f"{url}?wait=30"))["state"] == "planned", "it was decided: nobody waits"


async def test_nobody_waits_longer_than_that(house: House) -> None:
    url = (await house.send("edr-1"))["status_url"]
    for wrong in ("wait=31", "wait=-1", "wait=nan", "until=ever"):
        assert (await house.get(f"{url}?{wrong}", "demo-upstream")).status_code == 422
    assert (await house.get(f"{url}?wait=30&until=outcome", "demo-fast")).status_code == 403
