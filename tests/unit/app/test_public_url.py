"""What doctor proves of the public URL: this installation, now, and Twilio's signature as it was made."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app import http
from app.live_look import _reached, _twilio_calls_back, round_trip
from app.security import Proof
from app.stores import INSTALLATION_KEY
from config.settings import load_settings
from model.clock import SystemClock
from notifiers.channels.live_look import Look
from notifiers.channels.twilio_account import TwilioSignature
from tests.app_fixture import House

PUBLIC = "http://gridcall.test"
TOKEN = TwilioSignature("a token")
Proxy = Callable[[httpx2.Request], httpx2.Request]


class Between(httpx2.AsyncBaseTransport):
    """A proxy before the house, which hands on what `changes` makes of a request."""

    def __init__(self, house: House, changes: Proxy) -> None:
        self._inner = httpx2.ASGITransport(http.build(house.service), raise_app_exceptions=False)
        self._changes = changes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._inner.handle_async_request(self._changes(request))


def as_it_is(request: httpx2.Request) -> httpx2.Request:
    return request


def with_a_parameter_more(request: httpx2.Request) -> httpx2.Request:
    url = request.url.copy_set_param("added", "1")
    return httpx2.Request(request.method, url, headers=request.headers, content=request.content)


async def asks(house: House, changes: Proxy = as_it_is, *, key: bytes | None = None, **more: Any) -> Look:
    house.service.vendors = replace(house.service.vendors, twilio=more.get("theirs", TOKEN))
    folder = house.service.settings.data_dir
    proof = Proof(key or (folder / INSTALLATION_KEY).read_bytes())
    async with httpx2.AsyncClient(transport=Between(house, changes)) as client:
        return await round_trip(client, PUBLIC, proof, more.get("ours", TOKEN))


async def test_this_installation_is_known_and_the_signature_holds(house: House) -> None:
    look = await asks(house)
    assert (look.wrong, look.then) == (
        "",
        "this installation answers there, and Twilio's signature holds, asked from here",
    )
    without = await asks(house, ours=None, theirs=None)
    assert without.wrong == ""
    assert "Twilio's signature" not in without.then


async def test_another_installation_is_not_taken_for_this_one(house: House) -> None:
    assert (await asks(house, key=b"of another")).wrong.startswith("another installation, or an answer of earlier")


async def test_an_answer_of_earlier_is_not_taken_for_one_of_now(house: House) -> None:
    kept: list[httpx2.Response] = []

    class Stale(Between):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if not kept:
                answer = await super().handle_async_request(request)
                kept.append(httpx2.Response(answer.status_code, json={"installation": Proof(b"k").of("0" * 32)}))
            return kept[0]

    async with httpx2.AsyncClient(transport=Stale(house, as_it_is)) as client:
        look = await round_trip(client, PUBLIC, Proof(b"k"), None)
    assert "an answer of earlier" in look.wrong


async def test_a_proxy_that_changes_what_was_signed_is_found(house: House) -> None:
    assert (await asks(house, with_a_parameter_more)).wrong == "what Twilio signs does not hold when it arrives"
    other = await asks(house, theirs=TwilioSignature("another token"))
    assert other.wrong == "what Twilio signs does not hold when it arrives"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx2.Response(404), "/callbacks/here answers 404"),
        (httpx2.Response(200, text="<html>Welcome to nginx"), "something else than Gridcall"),
        (httpx2.Response(200, json={"status": "alive"}), "something else than Gridcall"),
    ],
)
async def test_who_is_not_gridcall_is_named(answer: httpx2.Response, said: str) -> None:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer)) as client:
        assert said in (await round_trip(client, PUBLIC, Proof(b"k"), TOKEN)).wrong


async def test_before_the_first_start_nothing_is_made_up(tmp_path: Any) -> None:
    settings = load_settings(data_dir=tmp_path / "none", public_url="https://gridcall.test")
    assert (await _reached(settings, None)).wrong == "Gridcall was not started here yet"
    assert not (tmp_path / "none").exists()


async def test_the_door_takes_numbers_only(house: House) -> None:
    for nonce in ("x" * 32, "0" * 33, "0" * 10_000):
        answer = await house.post(f"/callbacks/here?nonce={nonce}")
        assert answer.status_code == 422


def test_without_the_database_nobody_is_called_for_nothing(tmp_path: Path) -> None:
    """As on a host that has the installation's key, and nothing else of it."""
    settings = load_settings(data_dir=tmp_path, installation_key="k" * 40)
    look = asyncio.run(_twilio_calls_back(settings, SystemClock()))
    assert look.wrong == "the database in which a callback is found cannot be used from here"
    assert not list(tmp_path.iterdir())
