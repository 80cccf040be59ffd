"""The vendors' own libraries work against the stand-ins, and the wire fits the vendors' API descriptions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pagerduty
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from werkzeug.datastructures import MultiDict

from sandbox import Settings, World, build
from tests.contract.wire import Exchange, Recorder
from tests.serving import lifespan, serving

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
ANA, US = "+15550101", "+15550100"
CHANNEL = "C012345678"


class FastClock:
    """The loop's time, fifty times as fast."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC)
        self._loop_start = asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return self._start + 50 * timedelta(seconds=asyncio.get_running_loop().time() - self._loop_start)

    async def sleep_until(self, at: datetime) -> None:
        await asyncio.sleep((at - self.now()).total_seconds() / 50)


class Loopback(httpx2.HTTPTransport):
    """PagerDuty's library insists on https: send its requests here all the same."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = httpx2.URL(self.base + request.url.raw_path.decode())
        return super().handle_request(request)


@dataclass
class Vendors:
    """The three libraries, pointed at one world."""

    world: World
    base: str
    twilio: Client
    slack: AsyncWebClient
    pagerduty: pagerduty.EventsApiV2Client
    recorder: Recorder
    callbacks: list[Exchange]
    customer: str


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    callbacks = Recorder(_empty_answer)
    async with serving(callbacks) as customer:
        settings = Settings(slack_actions_url=f"{customer}/callbacks/slack/actions")
        world = World(FastClock(), settings)
        recorder = Recorder(build(world))
        async with serving(recorder) as base:
            twilio = Client(settings.twilio_account_sid, settings.twilio_auth_token)
            twilio.api.base_url = f"{base}/twilio"
            events = pagerduty.EventsApiV2Client(ROUTING_KEY, transport=Loopback(f"{base}/pagerduty"))
            yield Vendors(
                world=world,
                base=base,
                twilio=twilio,
                slack=AsyncWebClient("xoxb-sandbox", base_url=f"{base}/slack/api/", retry_handlers=[]),
                pagerduty=events,
                recorder=recorder,
                callbacks=callbacks.exchanges,
                customer=customer,
            )
            await asyncio.to_thread(twilio.http_client.session.close)
            events.close()
        assert world.errors == 0


async def _empty_answer(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.005)


async def in_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.to_thread(call, *args, **kwargs)


async def use_twilio(vendors: Vendors) -> None:
    twiml = "<Response><Say>Hello.</Say></Response>"
    url = f"{vendors.customer}/status?attempt=7"
    events = ["initiated", "ringing", "answered", "completed"]
    call = await in_thread(
        vendors.twilio.calls.create, to=ANA, from_=US, twiml=twiml, status_callback=url, status_callback_event=events
    )
    assert call.status == "queued"
    await until(lambda: len(vendors.callbacks) >= 4)
    fetched = await in_thread(vendors.twilio.calls(call.sid).fetch)
    assert (fetched.status, fetched.to, fetched.direction) == ("completed", ANA, "outbound-api")
    listed = await in_thread(vendors.twilio.calls.list, to=ANA, start_time_after=datetime(2020, 1, 1, tzinfo=UTC))
    assert [found.sid for found in listed] == [call.sid]
    text = await in_thread(vendors.twilio.messages.create, to=ANA, from_=US, body="Hello")
    assert (await in_thread(vendors.twilio.messages(text.sid).fetch)).body == "Hello"
    assert len(await in_thread(vendors.twilio.messages.list, to=ANA)) == 1
    with pytest.raises(TwilioRestException) as caught:
        await in_thread(vendors.twilio.calls.create, to="+15005550002", from_=US, twiml=twiml)
    assert caught.value.code == 21214


async def use_slack(vendors: Vendors) -> None:
    slack = vendors.slack
    assert (await slack.auth_test())["bot_id"]
    user = (await slack.users_lookupByEmail(email="ana@example.com"))["user"]["id"]
    assert (await slack.users_info(user=user))["user"]["profile"]["email"] == "ana@example.com"
    direct = (await slack.conversations_open(users=user))["channel"]["id"]
    await slack.chat_postMessage(channel=direct, text="Hello")
    metadata = {"event_type": "attempt", "event_payload": {"id": "a7"}}
    posted = await slack.chat_postMessage(channel=CHANNEL, text="REDUCE", metadata=metadata)
    history = await slack.conversations_history(channel=CHANNEL, include_all_metadata=True)
    assert history["messages"][0]["metadata"] == metadata
    await slack.chat_update(channel=CHANNEL, ts=posted["ts"], text="Accepted")
    await slack.chat_postEphemeral(channel=CHANNEL, user=user, text="Thank you")
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Answer"}, "blocks": []}
    assert (await slack.views_open(trigger_id="1.2.3", view=view))["view"]["id"]
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await slack.chat_postMessage(channel="C0NOTFOUND", text="x")


async def use_pagerduty(vendors: Vendors) -> None:
    key = await in_thread(vendors.pagerduty.trigger, "REDUCE 12.5 MW", "gridcall", severity="critical")
    await in_thread(vendors.pagerduty.acknowledge, key)
    await in_thread(vendors.pagerduty.resolve, key)
    assert [alert["status"] for alert in vendors.world.alerts.show()] == ["resolved"]


USES = {"twilio": use_twilio, "slack": use_slack, "pagerduty": use_pagerduty}


@pytest.mark.parametrize("vendor", USES)
async def test_the_vendors_library_works(vendors: Vendors, vendor: str) -> None:
    """What goes over the wire meanwhile is held against the vendor's description by the layer (layer.py)."""
    use: Callable[[Vendors], Awaitable[None]] = USES[vendor]
    await use(vendors)
    assert len(vendors.recorder.of(vendor)) >= 3


async def test_twilios_validator_accepts_our_signature(vendors: Vendors) -> None:
    await use_twilio(vendors)
    validator = RequestValidator(vendors.world.settings.twilio_auth_token)
    for exchange in vendors.callbacks:
        headers = {key.decode(): value.decode() for key, value in exchange.scope["headers"]}
        form = MultiDict(parse_qsl(exchange.body.decode(), keep_blank_values=True))
        assert validator.validate(f"{vendors.customer}/status?attempt=7", form, headers["x-twilio-signature"])


async def test_slacks_verifier_accepts_our_signature(vendors: Vendors) -> None:
    button = {"type": "button", "action_id": "ack", "text": {"type": "plain_text", "text": "Accept"}, "value": "v"}
    posted = await vendors.slack.chat_postMessage(
        channel=CHANNEL, text="REDUCE", blocks=[{"type": "actions", "elements": [button]}]
    )
    pressed = await vendors.world.slack_buttons.press(CHANNEL, posted["ts"], "ack", "U0ANA00001")
    assert pressed["status"] == 200
    (exchange,) = vendors.callbacks
    headers = {key.decode(): value.decode() for key, value in exchange.scope["headers"]}
    verifier = SignatureVerifier(vendors.world.settings.slack_signing_secret, WorldTime(vendors.world))
    assert verifier.is_valid(exchange.body, headers["x-slack-request-timestamp"], headers["x-slack-signature"])


async def test_slacks_socket_client_works(vendors: Vendors) -> None:
    """Slack's own client for Socket Mode opens a connection, takes what is done there, and follows to a new one."""
    client = SocketModeClient(app_token="xapp-sandbox", web_client=vendors.slack, ping_interval=1)
    taken: list[SocketModeRequest] = []

    async def take(client: Any, request: SocketModeRequest) -> None:
        taken.append(request)
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, {"text": "nobody"}))

    client.socket_mode_request_listeners.append(take)
    await client.connect()
    try:
        for _ in range(2):
            await until(lambda: vendors.world.slack_sockets.open == 1)
            answer = await vendors.world.slack_buttons.command("oncall", "U0ANA00001", CHANNEL)
            assert answer == {"status": 200, "body": '{"text": "nobody"}'}
            await vendors.world.slack_sockets.refresh()
        assert [(request.type, request.payload["text"]) for request in taken] == [("slash_commands", "oncall")] * 2
    finally:
        await client.close()


class WorldTime(SlackClock):
    """Lets Slack's verifier judge the age of a request by the time of the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        return self._world.clock.now().timestamp()


async def test_a_reset_is_a_dropped_connection(caplog: pytest.LogCaptureFixture) -> None:
    world = World(FastClock())
    async with serving(build(world)) as base, httpx2.AsyncClient(base_url=base) as client:
        await client.put("/faults/slack", json={"status": "reset", "count": 1})
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            await client.post("/slack/api/auth.test")
        assert (await client.post("/slack/api/auth.test")).json() == {"ok": False, "error": "not_authed"}
    assert caplog.records == []


async def test_a_client_that_gives_up_ends_the_hanging() -> None:
    world = World(FastClock())
    async with serving(build(world)) as base, httpx2.AsyncClient(base_url=base) as client:
        await client.put("/faults/slack", json={"status": "hang", "count": 1})
        with pytest.raises(httpx2.ReadTimeout):
            await client.post("/slack/api/auth.test", timeout=0.1)
        await until(lambda: world.hanging() == 0)
        await until(lambda: world.busy() == 0)
