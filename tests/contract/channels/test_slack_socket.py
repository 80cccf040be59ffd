"""Socket Mode against the stand-in: what is done arrives, is answered in time, and no change of link loses it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fake_vendor import ODD_ANSWERS, FakeVendor

from model.clock import SystemClock
from model.errors import SendError
from notifiers.channels import slack_socket
from notifiers.channels.slack import SlackWorkspace
from notifiers.channels.slack_socket import SlackSocket
from sandbox import World, build
from tests.contract.test_standins_speak_vendor_apis import until
from tests.contract.wire import Recorder
from tests.serving import serving

BUTTON = {"type": "button", "action_id": "acknowledge", "text": {"type": "plain_text", "text": "Yes"}, "value": "{}"}
CHANNEL = "C012345678"


@asynccontextmanager
async def listening(
    take: Any, app_token: str = "xapp-sandbox"
) -> AsyncIterator[tuple[World, SlackSocket, str, Recorder]]:
    """Our end at work, and a message with a button in a channel."""
    world, clock = World(SystemClock()), SystemClock()
    recorder = Recorder(build(world))
    async with serving(recorder) as base:
        workspace = SlackWorkspace(token="xoxb-sandbox", clock=clock, base_url=f"{base}/slack/api/")
        post = {"channel": CHANNEL, "text": "REDUCE", "blocks": [{"type": "actions", "elements": [BUTTON]}]}
        posted = await workspace.ask(5, lambda client: client.chat_postMessage(**post), changes=True)
        socket = SlackSocket(workspace, app_token=app_token, clock=clock)
        running = asyncio.create_task(socket.run(take))
        try:
            yield world, socket, posted["ts"], recorder
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await workspace.close()
    assert world.errors == 0


async def test_a_button_is_acknowledged_before_it_is_taken() -> None:
    """Slack waits three seconds; what the button leads to may take longer."""
    taken: list[tuple[str, Mapping[str, Any]]] = []
    go = asyncio.Event()

    async def take(kind: str, payload: Mapping[str, Any]) -> None:
        await go.wait()
        taken.append((kind, payload))

    async with listening(take) as (world, socket, ts, _):
        await until(lambda: socket.connected == 1 and world.slack_sockets.open == 1)
        pressed = await world.slack_buttons.press(CHANNEL, ts, "acknowledge", "U0ANA00001")
        assert (pressed["status"], pressed["body"], taken) == (200, "", [])
        go.set()
        await until(lambda: bool(taken))
        assert taken == [("interactive", pressed["payload"])]


async def test_a_button_that_was_acknowledged_is_taken_although_we_stop() -> None:
    """Slack does not tell it again, and whoever pressed saw that it was taken."""
    taken: list[str] = []
    begun = asyncio.Event()

    async def take(kind: str, payload: Mapping[str, Any]) -> None:
        begun.set()
        for _ in range(20):  # time enough to be cancelled in
            await asyncio.sleep(0)
        taken.append(kind)

    async with listening(take) as (world, _, ts, _):
        await until(lambda: world.slack_sockets.open == 1)
        pressed = await world.slack_buttons.press(CHANNEL, ts, "acknowledge", "U0ANA00001")
        assert pressed["status"] == 200
        await begun.wait()
    assert taken == ["interactive"]


async def test_what_takes_too_long_does_not_keep_us_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_socket, "FINISH_SECONDS", 0.01)
    begun = asyncio.Event()

    async def take(kind: str, payload: Mapping[str, Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(10), listening(take) as (world, _, ts, _):
        await until(lambda: world.slack_sockets.open == 1)
        await world.slack_buttons.press(CHANNEL, ts, "acknowledge", "U0ANA00001")
        await begun.wait()


async def test_a_command_is_answered_with_what_it_led_to() -> None:
    async def take(kind: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"text": f"{kind}: {payload['command']} {payload['text']}"}

    async with listening(take) as (world, _, _, _):
        await until(lambda: world.slack_sockets.open == 1)
        answer = await world.slack_buttons.command("status", "U0ANA00001", CHANNEL)
        assert answer == {"status": 200, "body": '{"text": "slash_commands: /gridcall status"}'}


async def test_a_connection_that_slack_changes_loses_nothing() -> None:
    taken: list[str] = []

    async def take(kind: str, payload: Mapping[str, Any]) -> None:
        taken.append(payload["actions"][0]["action_id"])

    async with listening(take) as (world, _, ts, _):
        for _ in range(2):
            await until(lambda: world.slack_sockets.open == 1)
            await world.slack_buttons.press(CHANNEL, ts, "acknowledge", "U0ANA00001")
            await world.slack_sockets.refresh()
        await until(lambda: world.slack_sockets.open == 1)
        assert len(taken) == 2


async def test_one_that_fails_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """Nor does a message that is none."""
    taken: list[str] = []

    async def take(kind: str, payload: Mapping[str, Any]) -> None:
        taken.append(kind)
        if len(taken) == 1:
            raise KeyError("planted")

    async with listening(take) as (world, socket, ts, _):
        await until(lambda: world.slack_sockets.open == 1)
        for text in ("no json", "[]", '{"type": "interactive", "envelope_id": "1", "payload": 7}'):
            await world.slack_sockets._links[0].send_text(text)
        for _ in range(2):
            await world.slack_buttons.press(CHANNEL, ts, "acknowledge", "U0ANA00001")
        await until(lambda: len(taken) == 2)
        assert socket.connected == 1


@pytest.mark.parametrize("answer", [*ODD_ANSWERS, (200, {"ok": True}), (200, {"ok": True, "url": 3})])
async def test_an_address_nobody_can_read_is_asked_for_again(vendor: FakeVendor, answer: Any) -> None:
    vendor.answer = lambda seen: answer
    workspace = SlackWorkspace(token="xoxb-1", clock=SystemClock(), base_url=vendor.url + "/slack/api")
    with pytest.raises(SendError) as caught:
        await SlackSocket(workspace, app_token="xapp-1", clock=SystemClock()).check(5)
    assert caught.value.retryable
    await workspace.close()


async def test_a_token_that_is_refused_is_tried_again_and_again() -> None:
    async def take(kind: str, payload: Mapping[str, Any]) -> None:
        raise AssertionError("nothing can come")

    async with listening(take, "xapp-wrong") as (_, socket, _, recorder):
        await until(lambda: sum(e.scope["path"].endswith("apps.connections.open") for e in recorder.exchanges) >= 2)
        with pytest.raises(SendError, match="invalid_auth") as refused:
            await socket.check(5)
        assert refused.value.stop_channel
        assert socket.connected == 0
