"""A sender that asks what became of its event may wait for the answer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.api import events_in
from intake.examples import example
from model.errors import Unavailable
from tests.app_fixture import House, opened

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


async def test_while_the_database_is_away_it_was_accepted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id itself says that: nobody is told to try again, and an id that was made up is none."""
    sent = await house.send("edr-1")

    async def away(_: Any) -> None:
        raise Unavailable("on purpose")

    with monkeypatch.context() as patched:
        patched.setattr(house.service.database, "read", away)
        found = await asked(house, sent["status_url"])
        assert found == {"delivery_id": sent["delivery_id"], "state": "accepted", "outcome": None}
        made_up = sent["delivery_id"][:-1] + ("0" if sent["delivery_id"][-1] != "0" else "1")
        assert (await house.get(f"/v1/deliveries/{made_up}", "demo-upstream")).status_code == 404
    assert (await asked(house, sent["status_url"]))["state"] == "planned"


async def test_who_waits_at_the_door_hears_what_was_decided_also_where_the_signal_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_in, "delivery_topic", lambda _: "nobody signals this")
    async with opened(tmp_path, loops=False) as house:
        event, prefer = example("edr", house.clock.now(), "edr-1"), {"Prefer": "wait=2"}
        posting = asyncio.create_task(house.post("/v1/events", "demo-upstream", json=event, headers=prefer))
        await house.until(lambda: house.clock.next_at() is not None)  # it was not decided, and the sender waits
        deciding = asyncio.create_task(house.service.router.run())
        while not (await house.rows())["deliveries"]:
            assert not posting.done()
        house.advance(2)
        assert (await posting).json()["rings"] is True
        deciding.cancel()


async def test_who_waits_at_the_door_without_a_database_has_been_heard_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the queue: to say 503 would have it sent again."""

    async def away(_: Any) -> None:
        raise Unavailable("on purpose")

    async with opened(tmp_path, loops=False) as house:
        monkeypatch.setattr(house.service.database, "read", away)
        event, prefer = example("edr", house.clock.now(), "edr-1"), {"Prefer": "wait=2"}
        posting = asyncio.create_task(house.post("/v1/events", "demo-upstream", json=event, headers=prefer))
        async with asyncio.timeout(10):
            while house.clock.next_at() is None:
                await asyncio.sleep(0.001)
        house.advance(2)
        answer = await posting
        assert (answer.status_code, answer.json()["rings"]) == (202, None)
        assert house.service.broker.depth() == 1
