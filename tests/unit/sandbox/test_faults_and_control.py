"""Vendors can be broken in the ways that hurt, and the world says truly whether it is at rest."""

import asyncio

import httpx2
import pytest

from .conftest import ANA, US, Stage, Staging

TWIML = "<Response><Say>Hello.</Say></Response>"


async def dial(stage: Stage) -> httpx2.Response:
    return await stage.http.post(stage.twilio("Calls.json"), data={"From": US, "To": ANA, "Twiml": TWIML})


async def listed(stage: Stage) -> int:
    return len((await stage.http.get(stage.twilio("Calls.json"))).json()["calls"])


async def test_a_fault_lasts_as_many_requests_as_it_says(stage: Stage) -> None:
    await stage.put("/faults/twilio", status=503, count=2)
    assert [(await dial(stage)).status_code for _ in range(3)] == [503, 503, 201]


async def test_a_fault_can_hit_some_of_the_requests(stage: Stage) -> None:
    await stage.put("/faults/twilio", status=503, one_in=3, count=2)
    statuses = [(await dial(stage)).status_code for _ in range(9)]
    assert statuses == [201, 201, 503, 201, 201, 503, 201, 201, 201]


async def test_a_fault_lasts_until_it_is_cleared(stage: Stage) -> None:
    await stage.put("/faults/pagerduty", status=429)
    answers = [await stage.http.post("/pagerduty/v2/enqueue", json={}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [429, 429]
    assert not any("retry-after" in answer.headers for answer in answers)  # only Slack says when
    assert (await stage.http.delete("/faults/pagerduty")).status_code == 204
    assert (await stage.http.post("/pagerduty/v2/enqueue", json={})).status_code == 400


@pytest.mark.parametrize(("status", "stored"), [("hang", 0), ("accept_then_hang", 1)])
async def test_a_request_can_hang_with_or_without_effect(stage: Stage, status: str, stored: int) -> None:
    await stage.put("/faults/twilio", status=status, count=1)
    dialling = asyncio.create_task(dial(stage))
    await stage.hung(1)
    await stage.quiet()
    assert await listed(stage) == stored
    await stage.advance(119)
    assert not dialling.done()
    await stage.advance(1)
    with pytest.raises(ConnectionResetError):
        await dialling
    assert stage.world.hanging() == 0


async def test_stopping_lets_go_of_hanging_requests(stage: Stage) -> None:
    await stage.put("/faults/twilio", status="hang")
    dialling = asyncio.create_task(dial(stage))
    polling = asyncio.create_task(stage.http.get("/messages", params={"wait": 20}))
    await stage.hung(2)
    await stage.world.stop()
    with pytest.raises(ConnectionResetError):
        await dialling
    assert (await polling).json()["messages"] == []


async def test_an_answer_can_be_late(stage: Stage) -> None:
    await stage.put("/faults/twilio", delay_seconds=3)
    dialling = asyncio.create_task(dial(stage))
    await stage.hung(1)
    await stage.advance(3)
    assert (await dialling).status_code == 201


async def test_twilio_down_is_a_scene(stage: Stage) -> None:
    await stage.put("/scene", scene="twilio down")
    answer = await dial(stage)
    assert (answer.status_code, answer.json()["status"]) == (503, 503)


async def test_an_unknown_scene_is_refused_with_the_list(stage: Stage) -> None:
    answer = await stage.http.put("/scene", json={"scene": "chaos"})
    assert answer.status_code == 422
    assert "nobody answers" in answer.json()["detail"]["scenes"]


async def test_a_phone_keeps_what_the_scene_says_about_what_was_left_out(stage: Stage) -> None:
    await stage.put(f"/phones/{ANA}", reply="1")
    assert stage.world.phones.behaviour(ANA).press == ["1"]
    await stage.put(f"/phones/{ANA}", answer="human")
    assert stage.world.phones.behaviour(ANA).press == []


async def test_an_unknown_key_of_a_phone_is_refused(stage: Stage) -> None:
    assert (await stage.http.put(f"/phones/{ANA}", json={"anwser": "busy"})).status_code == 422


async def test_the_feed_goes_on_where_one_stopped_reading(stage: Stage) -> None:
    await dial(stage)
    first = (await stage.http.get("/messages")).json()
    await stage.advance(1)
    rest = (await stage.http.get("/messages", params={"after": first["next"]})).json()
    assert [message["event"] for message in first["messages"] + rest["messages"]] == ["queued", "ringing"]
    assert rest["next"] == rest["messages"][-1]["n"]


async def test_a_long_poll_ends_with_the_next_message(stage: Stage) -> None:
    polling = asyncio.create_task(stage.http.get("/messages", params={"wait": 20}))
    await stage.hung(1)
    assert stage.world.busy() == 0
    await dial(stage)
    assert (await polling).json()["messages"][0]["event"] == "queued"


async def test_a_world_at_rest_is_not_busy(stage: Stage) -> None:
    await dial(stage)
    assert stage.world.busy() > 0
    await stage.quiet()
    assert (await stage.http.get("/state")).json() == {"busy": 0, "hanging": 0, "errors": 0, "undelivered": 0}


async def test_failed_background_work_is_logged_and_counted(staging: Staging, caplog: pytest.LogCaptureFixture) -> None:
    stage = staging()

    async def broken() -> None:
        raise RuntimeError("broken")

    stage.world.activity.spawn(broken(), "something")
    await stage.quiet()
    assert stage.world.errors == 1
    assert "something failed" in caplog.text
    assert caplog.records[0].exc_info is not None
    stage.world.activity.errors = 0


async def test_the_page_is_served(stage: Stage) -> None:
    page = await stage.http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "innerHTML" not in page.text
