"""The watch hears of a pressed key from Twilio alone, at an address of its own."""

import socket
from collections.abc import AsyncIterator
from urllib.parse import urldefrag

import httpx2
import pytest

from app import watching
from app.duty_alarm import DutyAlarm
from app.watch_listener import Listener
from config.settings import load_settings
from model.clock import SystemClock
from notifiers.channels.twilio_account import TwilioSignature
from notifiers.channels.voice import callback_url
from sandbox.signing import twilio_signature
from tests.demo_process import free_port

URL, TOKEN, CALL = "https://watch.example/behind", "t" * 32, "0190-a"


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found = Listener(None, TwilioSignature(TOKEN), f"{URL}/", "127.0.0.1", free_port())
    found.pressed = lambda attempt_id: attempt_id == CALL
    await found.open()
    await found.open()  # once is enough
    yield found
    await found.close()


async def post(listener: Listener, form: dict[str, str], *, token: str = TOKEN, call: str = CALL) -> httpx2.Response:
    """As Twilio does, through a proxy that takes the beginning of the path away."""
    url = urldefrag(callback_url(URL, call, "key", "watch")).url
    path = url.removeprefix(URL)
    signature = twilio_signature(token, url, list(form.items()))
    async with httpx2.AsyncClient() as http:
        return await http.post(
            f"http://127.0.0.1:{listener._port}{path}", data=form, headers={"X-Twilio-Signature": signature}
        )


@pytest.mark.parametrize(
    ("form", "call", "said"),
    [
        ({"Digits": "1", "CallSid": "CA1"}, CALL, "You look after it"),
        ({"Digits": "1", "CallSid": "CA1"}, "0190-b", "This is over"),
        ({"Digits": "2", "CallSid": "CA1"}, CALL, "That was not the 1"),
        ({"CallSid": "CA1"}, CALL, "That was not the 1"),
    ],
)
async def test_what_a_key_leads_to(listener: Listener, form: dict[str, str], call: str, said: str) -> None:
    answer = await post(listener, form, call=call)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/xml")
    assert said in answer.text


async def test_nobody_but_twilio_is_believed(listener: Listener) -> None:
    heard: list[str] = []
    listener.pressed = lambda attempt_id: bool(heard.append(attempt_id))
    assert (await post(listener, {"Digits": "1"}, token="x" * 32)).status_code == 403
    async with httpx2.AsyncClient() as http:
        assert (await http.get(f"http://127.0.0.1:{listener._port}/")).status_code == 404
        large = {"Digits": "1" * 100_000}
        url = f"http://127.0.0.1:{listener._port}/callbacks/twilio/watch/{CALL}/key"
        assert (await http.post(url, data=large)).status_code == 413
    assert heard == []


async def test_where_it_cannot_listen_calls_ask_for_no_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listener = Listener(None, TwilioSignature(TOKEN), URL, "127.0.0.1", port)
        await listener.open()
        assert not listener.is_open
        await listener.close()
    await listener.open()
    assert listener.is_open, "as soon as it can"
    await listener.close()


@pytest.mark.parametrize("url", [None, URL])
async def test_it_is_there_where_twilio_reaches_it(url: str | None) -> None:
    settings = load_settings(
        watch_duty="Ana=+13125550101",
        watch_public_url=url,
        watch_port=free_port(),
        twilio_account_sid="AC" + "1" * 32,
        twilio_auth_token=TOKEN,
        twilio_from="+13125550190",
    )
    async with watching.watch(settings, "https://gridcall.example", _nothing, SystemClock()) as watch:
        assert (watch._listener is not None) is (url is not None)
        assert isinstance(watch._alarm, DutyAlarm)
        if watch._listener is not None:
            key_url, others = watch._listener.voice._callbacks(CALL)
            assert (key_url, others) == (f"{URL}/callbacks/twilio/watch/{CALL}/key#rc=5&rp=5xx,ct,rt", {})


async def _nothing() -> tuple[()]:
    return ()
