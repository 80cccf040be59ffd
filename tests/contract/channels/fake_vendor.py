"""A vendor of one URL space: records requests, answers what the test says. Nothing is clever here."""

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.contract.wire import UNCHECKED, Exchange

T0 = datetime(2026, 7, 14, 17, 59, tzinfo=UTC)


@dataclass
class Seen:
    method: str
    path: str
    query: dict
    form: dict
    json: dict
    headers: dict


@dataclass
class FakeVendor:
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[Seen], tuple] = lambda seen: (200, {})
    fault: str = ""  # "hang" | "reset" | "cut_body"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        is_json = request.content_type == "application/json"
        seen = Seen(
            request.method,
            request.path,
            dict(request.query),
            {} if is_json else parse_qs(body.decode(), keep_blank_values=True),
            json.loads(body or b"{}") if is_json else {},
            dict(request.headers),
        )
        self.seen.append(seen)
        UNCHECKED.append(asked(request, body))
        if self.fault == "reset":
            request.transport.abort()
            return web.Response()
        if self.fault == "hang":
            await asyncio.sleep(30)
        status, data, *rest = self.answer(seen)
        headers = rest[0] if rest else {}
        if isinstance(data, bytes):
            return web.Response(status=status, body=data, headers={"Content-Type": "application/json"} | headers)
        if isinstance(data, str):
            return web.Response(status=status, text=data, headers={"Content-Type": "text/html"} | headers)
        return web.json_response(data, status=status, headers=headers)


# What an answer of JSON may be that no SDK counts with: another encoding, an unknown compression, nested without end.
ODD_ANSWERS = [
    (200, b'{"ok": true, "x": "\xff"}'),
    (503, b"\xff\xfe"),
    (200, b"[" * 5000 + b"]" * 5000),
    (200, b"no gzip", {"Content-Encoding": "gzip"}),
    (200, b'{"ok": true}x', {"Content-Type": "application/json; charset=utf-16"}),
    (429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "\u00b2"}),
    (429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "9" * 400}),
]


def asked(request: web.Request, body: bytes) -> Exchange:
    """The request as the contract layer takes it. The answer is the test's, often a bad one: it is not checked."""
    path = f"/twilio{request.path}" if request.path.startswith("/2010-04-01") else request.path
    headers = [(key.lower().encode(), value.encode()) for key, value in request.headers.items()]
    query = request.query_string.encode()
    return Exchange({"method": request.method, "path": path, "query_string": query, "headers": headers}, body)


@asynccontextmanager
async def running(vendor: FakeVendor):
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", vendor.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    vendor.url = str(server.make_url("")).rstrip("/")
    try:
        yield vendor
    finally:
        await server.close()
