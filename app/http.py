"""The FastAPI application over a service."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from fastapi import FastAPI

from app import problems
from app.api import callbacks, events_in, events_out, health, oncall, plans, roster
from app.service import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_REQUEST_ID = 64


class RequestIds:
    """Gives every request an id, or takes the caller's: in the answer, in the scope, in every log line."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or self._service.ids.new()
        scope["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            structlog.contextvars.unbind_contextvars("request_id")


def _given_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    text: str = given.decode("latin-1")
    return text if 0 < len(text) <= MAX_REQUEST_ID and text.isascii() and text.isprintable() else ""


def build(service: Service) -> FastAPI:
    """The ASGI application. The service's loops are run by the caller."""
    app = FastAPI(
        title="Gridcall",
        version="0.1.0",
        summary="On-call alerting for time-sensitive grid events",
        docs_url="/docs",
        redoc_url=None,
    )
    app.state.service = service
    problems.install(app)
    for part in (events_in, events_out, plans, oncall, roster, callbacks, health):
        app.include_router(part.router)
    app.add_middleware(RequestIds, service=service)
    return app
