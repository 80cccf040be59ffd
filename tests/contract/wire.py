"""What goes over the wire between us and the stand-ins, kept and held against the vendors' own API descriptions."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jsonschema.exceptions import best_match
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from werkzeug.datastructures import MultiDict

HOSTS = {
    "twilio": ("/twilio", "https://api.twilio.com"),
    "slack": ("/slack", "https://slack.com"),
    "pagerduty": ("/pagerduty", "https://events.pagerduty.com"),
}
PRESS = "/slack/press"  # not Slack's: how a test presses a button
FILES = {
    "twilio": "twilio_api_v2010.patched.json",
    "slack": "slack_web_api.patched.json",
    "pagerduty": "pagerduty_events_v2.patched.json",
}


@dataclass
class Exchange:
    """One request and its answer, as they went over the wire."""

    scope: dict[str, Any]
    body: bytes = b""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""


@dataclass
class Recorder:
    """Stands before an application and keeps every exchange."""

    app: Any
    exchanges: list[Exchange] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(scope)
        self.exchanges.append(exchange)

        async def hear() -> Any:
            message = await receive()
            exchange.body += message.get("body", b"")
            return message

        async def say(message: Any) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                exchange.headers = {key.decode(): value.decode() for key, value in message["headers"]}
            exchange.answer += message.get("body", b"")
            await send(message)

        await self.app(scope, hear, say)

    def of(self, vendor: str) -> list[Exchange]:
        """The vendor's, in order."""
        mount, _ = HOSTS[vendor]
        found = [exchange for exchange in self.exchanges if exchange.scope["path"].startswith(mount)]
        return [exchange for exchange in found if exchange.scope["path"] != PRESS]


def described(folder: Path, vendor: str) -> OpenAPI:
    """The vendor's own description of its interface."""
    return OpenAPI.from_dict(json.loads((folder / FILES[vendor]).read_text(encoding="utf-8")))


def check(description: OpenAPI, vendor: str, exchange: Exchange) -> None:
    """Request and answer, where there was one, are as the vendor describes them."""
    mount, host = HOSTS[vendor]
    headers = {key.decode(): value.decode() for key, value in exchange.scope["headers"]}
    request = MockRequest(
        host,
        exchange.scope["method"].lower(),
        exchange.scope["path"].removeprefix(mount),
        args=MultiDict(parse_qsl(exchange.scope["query_string"].decode())),
        headers=headers,
        data=exchange.body,
        content_type=headers.get("content-type", "").split(";")[0],
    )
    answer = MockResponse(exchange.answer, exchange.status, exchange.headers, "application/json")
    try:
        description.validate_request(request)
        if exchange.status:
            description.validate_response(request, answer)
    except Exception as error:
        faults = [best_match([fault]).message for fault in getattr(error.__cause__, "schema_errors", [])]
        pytest.fail(f"{exchange.scope['method']} {exchange.scope['path']}: {error!r} {faults} {exchange.answer!r}")
