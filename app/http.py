"""The application: the hot route, and FastAPI for everything else."""

from collections.abc import MutableMapping
from functools import cache
from typing import Any

import structlog
from fastapi import Depends, FastAPI

from app import access, problems
from app.api import (
    audit,
    calendar_links,
    calendars,
    callbacks,
    caller_cards,
    contact_codes,
    coverage,
    entries,
    events_in_docs,
    events_out,
    health,
    issuer_acks,
    keys,
    listed_edits,
    live,
    maintenance,
    oncall,
    operating,
    pagerduty_webhooks,
    pages,
    ping_links,
    pings,
    plans,
    reports,
    rings,
    roster,
    roster_file,
    rota_edits,
    rotas,
    sending,
    silences,
    slack_callbacks,
    trying,
    unreadable,
)
from app.api.deps import admit, known_query
from app.api.events_in import EventsIn, Scope, Send, takes
from app.api.let_in import Receive
from app.roles import Role
from app.service import Service
from app.timing import Timing, timing
from model.clock import stopwatch

MAX_REQUEST_ID = 64
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
EVENTS_IN = "events in"  # both paths of the hot route


class Application:
    """Every request gets an id, or keeps the caller's: in the answer, in the scope, in every log line.

    What FastAPI answers finds the service in `request.state`.
    """

    def __init__(self, service: Service, events_in: EventsIn | None, pinged: pings.Pings | None, rest: FastAPI) -> None:
        self._service = service
        self._events_in, self._pings = events_in, pinged  # only where events come in
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = scope.get("state", {}) | {"service": self._service}
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        request_id = _given_id(scope["headers"]) or self._service.ids.new()
        scope["request_id"] = request_id
        header = (b"x-request-id", request_id.encode())
        status = 500

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        begun = stopwatch()
        bare, route = self._bare(scope)
        known = oncall.known(self._service, scope) if self._events_in and bare is None else None
        try:
            if bare is not None:
                await bare(scope, receive, send_with_id)
            elif known is not None:
                await _answer(send_with_id, known, begun)
            else:
                with structlog.contextvars.bound_contextvars(request_id=request_id):
                    await self._rest(scope, receive, _timed(send_with_id))
        finally:
            self._service.metrics.requests.count(
                _method(scope), route or (oncall.PATH if known else _route(scope)), status
            )

    def _bare(self, scope: Scope) -> tuple[EventsIn | pings.Pings | None, str]:
        """What answers without the framework, and its name in the figures."""
        if takes(scope):
            return self._events_in, EVENTS_IN if self._events_in else ""
        if pings.takes(scope):
            return self._pings, pings.PING if self._pings else ""
        return None, ""


async def _answer(send: Send, body: bytes, begun: float) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"server-timing", b"total;dur=%.2f" % ((stopwatch() - begun) * 1000)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _timed(send: Send) -> Send:
    """Each answer says how long it took."""
    taken = Timing()
    timing.set(taken)

    async def send_with_timing(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            header = (b"server-timing", taken.header().encode())
            message["headers"] = [*message.get("headers", ()), header]
        await send(message)

    return send_with_timing


def _method(scope: Scope) -> str:
    """As a label: what clients make up must not make new ones."""
    return scope["method"] if scope["method"] in METHODS else "other"


def _route(scope: Scope) -> str:
    """The route's template, which has no ids in it."""
    if (route := scope.get("route")) is not None:
        return str(getattr(route, "path", "other"))
    return "other"


def _given_id(headers: list[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and 0 < len(value) <= MAX_REQUEST_ID and value.isascii():
            text = value.decode()
            return text if text.isprintable() else ""
    return ""


class _Described(FastAPI):
    """FastAPI's description with the hot route's paths."""

    takes_events = False

    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        for path, methods in events_in_docs.PATHS.items() if self.takes_events else ():
            described["paths"][path] = methods | described["paths"].get(path, {})  # GET of the same path stays
        return described


def build(service: Service) -> Application:
    """The ASGI application. The service's loops are run by the caller."""
    api = Role.API in service.roles
    # Bodies that hold a whole message as JSON text are longer than it; the hot route has a limit of its own.
    rest = _rest(api, 2 * service.settings.max_body_bytes + 65_536)
    return Application(service, EventsIn(service) if api else None, pings.Pings(service) if api else None, rest)


@cache
def _rest(api: bool, max_body_bytes: int) -> FastAPI:
    """What FastAPI answers: made once in a process, since it takes long and is the same for every service."""
    app = _Described(
        title="Gridcall",
        version="0.1.0",
        summary="On-call alerting for time-sensitive grid events",
        docs_url="/docs",
        redoc_url=None,
        dependencies=[Depends(admit), Depends(known_query)],
        max_body_size=max_body_bytes,
    )
    access.check(route for route in app.routes if hasattr(route, "path"))
    problems.install(app)
    for part in (health, operating):
        access.check(part.router.routes)
        app.include_router(part.router)
    if api:
        app.takes_events = True
        for links in (calendar_links.links, pages.router):
            access.check(links.routes)
            app.include_router(links)
        edits = (roster_file, entries, rota_edits, listed_edits)
        known = (
            oncall,
            roster,
            rotas,
            coverage,
            calendars,
            calendar_links,
            caller_cards,
            contact_codes,
            maintenance,
            ping_links,
            audit,
            keys,
            *edits,
        )
        # Routes are tried in this order, and vendors call back more often than anybody asks.
        vendors = (callbacks, slack_callbacks, pagerduty_webhooks, rings)
        of_events = (sending, events_out, issuer_acks, plans, reports, silences)
        for part in (*vendors, *of_events, *known, trying, unreadable, live):
            access.check(part.router.routes)
            app.include_router(part.router, responses={} if part in vendors else access.DENIED)
    return app
