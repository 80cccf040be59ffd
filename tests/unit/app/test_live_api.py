"""Watchers see every entry once and in order, hear of gaps, and never hold up the end of the service."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app import http, live
from app.live import Gap, Subscription, follow
from store import timeline
from store.timeline import Entry
from tests.app_fixture import START, House
from tests.serving import serving


def entry(n: int, source: str = "miso") -> Entry:
    return Entry(n, source, "edr-1", START, "received", {})


def parsed(text: str) -> list[dict[str, str]]:
    """The events of a stream, each by field; comments under ""."""
    blocks = [block for block in text.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


async def stream(house: House, path: str = "/v1/live", key: str = "demo-operator", **headers: str) -> asyncio.Task[str]:
    """A watcher that has subscribed; its text is there when the service stops."""

    async def read() -> str:
        answer = await house.client.get(path, headers={"Authorization": f"Bearer {key}"} | headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        return answer.text

    before = len(house.service.pubsub)
    task = asyncio.create_task(read())
    await house.until(lambda: len(house.service.pubsub) > before or task.done())
    return task


async def all_told(house: House) -> list[Entry]:
    """Every entry, once the live feed has published it."""
    entries = await house.service.database.read(lambda conn: timeline.since(conn, 0))
    for _ in range(3):
        await house.rows()
    return entries


async def test_entries_come_as_they_happen_and_the_stream_ends_with_the_service(house: House) -> None:
    watching = await stream(house)
    await house.send("edr-1")
    entries = await all_told(house)
    house.service.pubsub.close()
    events = [e for e in parsed(await watching) if "data" in e]
    ids = [int(e["id"]) for e in events]
    assert ids == sorted(set(ids))
    assert ids[0] == entries[0].n
    first = json.loads(events[0]["data"])
    assert set(first) == {"n", "source", "event_id", "at", "kind", "body"}
    assert (first["event_id"], first["kind"]) == ("edr-1", "received")


async def test_a_watcher_who_comes_back_misses_nothing_and_hears_nothing_twice(house: House) -> None:
    await house.send("edr-1")
    entries = await all_told(house)
    behind = entries[1].n
    watching = [await stream(house, **{"Last-Event-ID": str(behind)}), await stream(house, f"/v1/live?after={behind}")]
    await house.send("edr-2")
    await all_told(house)
    house.service.pubsub.close()
    for text in await asyncio.gather(*watching):
        ids = [int(e["id"]) for e in parsed(text) if "data" in e]
        assert ids == list(range(behind + 1, ids[-1] + 1))
        assert ids[-1] > entries[-1].n


async def test_an_upstream_hears_of_its_own_source_only(house: House) -> None:
    await house.send("theirs", key="demo-fast")
    watching = await stream(house, "/v1/live?after=0", "demo-upstream")
    await house.send("mine")
    await house.send("theirs-2", key="demo-fast")
    await all_told(house)
    house.service.pubsub.close()
    told = [json.loads(e["data"]) for e in parsed(await watching) if "data" in e]
    assert {e["source"] for e in told} == {"miso"}
    assert told


async def test_who_may_watch(house: House) -> None:
    assert (await house.get("/v1/live", None)).status_code == 401
    assert (await house.get("/v1/live?after=-1")).status_code == 422


async def test_a_comment_comes_when_nothing_happens(house: House) -> None:
    watching = await stream(house)
    for _ in range(2):
        house.advance(15)
        for _ in range(5):
            await house.rows()
    house.service.pubsub.close()
    assert (await watching).count(": nothing new") == 2


async def test_a_slow_watcher_hears_of_the_gap_and_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "QUEUE_LIMIT", 3)
    service = house.service
    found = follow(service.pubsub, service.database, house.clock, after=None, source=None)
    first = asyncio.ensure_future(anext(found))
    await house.until(lambda: len(service.pubsub) == 1)
    for n in range(1, 6):
        service.pubsub.publish(entry(n))
    heard: list[Any] = [await first, await anext(found), await anext(found), await anext(found)]
    assert [e.n for e in heard[:3]] == [1, 2, 3]
    assert isinstance(heard[3], Gap)
    assert heard[3].n == 3
    service.pubsub.publish(entry(6))
    after_gap = await anext(found)
    assert isinstance(after_gap, Entry)
    assert after_gap.n == 6
    service.pubsub.close()
    assert [item async for item in found] == []
    assert len(service.pubsub) == 0


async def test_a_subscription_of_a_stopped_service_ends_at_once(house: House) -> None:
    house.service.pubsub.close()
    with house.service.pubsub.subscribe() as mine:
        assert isinstance(mine, Subscription)
        with pytest.raises(live.Closed):
            await mine.next(house.clock, house.clock.now())


async def revoke(house: House) -> None:
    key = await house.get("/v1/keys/demo-operator", "demo-admin")
    headers = {"Authorization": "Bearer demo-admin", "If-Match": key.headers["etag"]}
    assert (await house.client.delete("/v1/keys/demo-operator", headers=headers)).status_code == 200


async def test_a_stream_ends_before_the_first_entry_after_its_key_was_revoked(house: House) -> None:
    watching = await stream(house)
    await revoke(house)
    await house.send("edr-1")
    assert [event for event in parsed(await watching) if "data" in event] == []


async def test_a_stream_in_which_nothing_happens_ends_at_the_next_beat(house: House) -> None:
    watching = await stream(house, "/v1/live?after=0")
    await revoke(house)
    house.advance(15)
    assert "nothing new" not in await watching


# --- over a real server ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening(house: House) -> AsyncIterator[str]:
    async with serving(http.build(house.service)) as url:
        try:
            yield url.replace("http", "ws", 1) + "/v1/live/ws"
        finally:
            house.service.pubsub.close()


async def heard(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [json.loads(await socket.recv()) for _ in range(count)]


async def left(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    """What comes until the socket is closed."""
    with suppress(ConnectionClosed):
        while True:
            yield json.loads(await socket.recv())


async def test_the_same_entries_come_by_websocket(house: House) -> None:
    """With the key in the header, or in the first message; what was missed comes first."""
    await house.send("edr-1")
    entries = await all_told(house)
    async with listening(house) as url:
        bearer = {"Authorization": "Bearer demo-operator"}
        async with connect(f"{url}?after=0", additional_headers=bearer) as one, connect(f"{url}?after=0") as two:
            await two.send(json.dumps({"key": "demo-operator"}))
            for socket in (one, two):
                assert [e["n"] for e in await heard(socket, len(entries))] == [e.n for e in entries]
            await house.send("edr-2")
            seen = [entries[-1].n]
            event_id = ""
            while event_id != "edr-2":  # what else happened to edr-1 comes first
                [entry] = await heard(one, 1)
                seen.append(entry["n"])
                event_id = entry["event_id"]
            assert seen == sorted(set(seen))
            house.service.pubsub.close()
            async for entry in left(one):
                assert entry["n"] > seen[-1]
            assert one.close_code == 1001


async def test_a_socket_is_closed_when_its_key_was_revoked(house: House) -> None:
    async with listening(house) as url, connect(url) as socket:
        await socket.send(json.dumps({"key": "demo-operator"}))
        await house.until(lambda: len(house.service.pubsub) == 1)
        await revoke(house)
        await house.send("edr-1")
        assert [entry async for entry in left(socket)] == []
        assert socket.close_code == 1008


@pytest.mark.parametrize("said", ['{"key": "wrong"}', "no json", "[]", None])
async def test_without_a_right_key_the_socket_is_closed(house: House, said: str | None) -> None:
    async with listening(house) as url, connect(url) as socket:
        if said is None:
            await house.until(lambda: any(a for a in house.clock._alarms if not a.off))
            house.advance(5)
        else:
            await socket.send(said)
        with suppress(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008


async def test_watchers_who_leave_are_forgotten(house: House) -> None:
    async with listening(house) as url:
        async with connect(url, additional_headers={"Authorization": "Bearer demo-operator"}):
            await house.until(lambda: len(house.service.pubsub) == 1)
        await house.until(lambda: len(house.service.pubsub) == 0)
