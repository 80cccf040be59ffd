"""Each answer says where its time went."""

import re

import httpx2

from tests.app_fixture import House


def timing(answer: httpx2.Response) -> dict[str, float]:
    """Milliseconds by part."""
    parts = (re.fullmatch(r"(\w+);dur=(\d+\.\d\d)", part) for part in answer.headers["server-timing"].split(", "))
    return {found[1]: float(found[2]) for found in parts if found}


async def test_an_accepted_event(house: House) -> None:
    answer = await house.post("/v1/events", "demo-upstream", content=b"{}")
    took = timing(answer)
    assert list(took) == ["read", "queue", "total"]
    assert 0 < took["read"] + took["queue"] <= took["total"] + 0.02  # each is rounded


async def test_a_read_and_what_of_it_was_the_database(house: House) -> None:
    await house.send("edr-1")
    took = timing(await house.get("/v1/events/miso/edr-1"))
    assert list(took) == ["db", "total"]
    assert 0 < took["db"] <= took["total"]


async def test_what_the_memory_answers_waits_for_no_database(house: House) -> None:
    assert timing(await house.get("/v1/teams"))["db"] == 0


async def test_a_refusal_at_the_door_has_its_whole_time(house: House) -> None:
    refused = await house.post("/v1/events", "nobody", content=b"{}")
    assert (refused.status_code, list(timing(refused))) == (401, ["total"])


async def test_requests_are_kept_apart(house: House) -> None:
    """What one waited for the database is not put down to the next."""
    await house.get("/v1/events")
    assert timing(await house.get("/v1/teams"))["db"] == 0
