"""What happens, as it happens: `/v1/live` by server-sent events, `/v1/live/ws` by WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Header, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, format_sse_event

from app import access
from app.api.deps import CallerDep, ServiceDep, address_of
from app.api.event_shapes import entry_shape
from app.live import Gap, follow
from app.problems import Problem
from app.security import Caller
from app.service import Service
from config.keys import Role
from store.codec import canonical
from store.timeline import Entry

router = APIRouter(tags=["live"])

MAX_WATCHERS = 500
RETRY_MILLISECONDS = 2000
KEY_SECONDS = 5
_POLICY_VIOLATION, _GOING_AWAY, _TRY_AGAIN = 1008, 1001, 1013


class _Watcher(NamedTuple):
    """`authorization`: what let the caller in."""

    authorization: str
    caller: Caller


After = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="Begin after this entry; default: with the next")]
LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=2**63 - 1)]


# Not `response_class=EventSourceResponse`: the framework would beat by the loop's time, and we beat by the Clock.
@router.get(
    "/v1/live",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, 503: {"description": "Too many watch"}},
)
async def live(
    request: Request, service: ServiceDep, caller: CallerDep, after: After = None, last_event_id: LastEventId = None
) -> StreamingResponse:
    """Server-sent events: `id` is the entry's `n`, `data` is `{"n", "source", "event_id", "at", "kind", "body"}`.

    `Last-Event-ID` (or `after`) brings what was missed first. Who reads too slowly gets an event `gap` with
    `{"read_from": n}`: what came after entry n was dropped; connect again with it to have it. A comment comes every 15
    seconds in which nothing happens. An upstream hears of its own source only. It ends when the key opens nothing more.
    """
    if len(service.pubsub) >= MAX_WATCHERS:
        raise Problem(503, "Too many watch", f"{MAX_WATCHERS} already do", headers={"Retry-After": "5"})
    begin = last_event_id if last_event_id is not None else after
    watcher = _Watcher(request.headers.get("authorization", ""), caller)
    return EventSourceResponse(
        _sse(_follow(service, watcher, begin)), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


async def _follow(service: Service, watcher: _Watcher, after: int | None) -> AsyncIterator[Entry | Gap | None]:
    """Until the key opens nothing more: asked before each entry, and at each beat."""
    caller = watcher.caller
    source = caller.source if caller.role is Role.UPSTREAM else None
    async with aclosing(follow(service.pubsub, service.database, service.clock, after=after, source=source)) as found:
        async for item in found:
            if not service.doorkeeper.still_opens(*watcher):
                return
            yield item


async def _sse(found: AsyncIterator[Entry | Gap | None]) -> AsyncIterator[bytes]:
    yield format_sse_event(retry=RETRY_MILLISECONDS)
    async for item in found:
        match item:
            case None:
                yield format_sse_event(comment="nothing new")
            case Gap():
                yield format_sse_event(event="gap", data_str=canonical({"read_from": item.n}), id=str(item.n))
            case _:
                yield format_sse_event(data_str=canonical(entry_shape(item)), id=str(item.n))


@router.websocket("/v1/live/ws")
async def live_ws(socket: WebSocket, after: After = None) -> None:
    """The same entries as JSON messages, a gap as `{"gap": {"read_from": n}}`.

    The key comes as `Authorization: Bearer KEY`, or as the first message `{"key": "KEY"}` within five seconds;
    without a right one the socket is closed with 1008, and when it opens nothing more. 1001: Gridcall stops; 1013: too
    many watch.
    """
    service: Service = socket.state.service
    watcher = await _let_in(socket, service)
    if watcher is None:
        return
    if len(service.pubsub) >= MAX_WATCHERS:
        await socket.close(_TRY_AGAIN, "too many watch")
        return
    sending = asyncio.create_task(_send(socket, _follow(service, watcher, after)))
    leaving = asyncio.create_task(_until_gone(socket))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not leaving.done():
            with suppress(WebSocketDisconnect, RuntimeError):  # who left at this moment needs no goodbye
                if service.doorkeeper.still_opens(*watcher):
                    await socket.close(_GOING_AWAY, "Gridcall stops")
                else:
                    await socket.close(_POLICY_VIOLATION, "the key opens nothing more")
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _let_in(socket: WebSocket, service: Service) -> _Watcher | None:
    """Accept the socket and say who it is; None when it was closed instead."""
    given = socket.headers.get("authorization")
    try:
        if given is not None:
            caller = service.doorkeeper.admit(given, address_of(socket), access.ANYBODY)
            await socket.accept()
            return _Watcher(given, caller)
        await socket.accept()
        key = f"Bearer {await _first_key(socket, service)}"
        return _Watcher(key, service.doorkeeper.admit(key, address_of(socket), access.ANYBODY))
    except (Problem, TimeoutError):
        await socket.close(_POLICY_VIOLATION, "no right key was given")
    except WebSocketDisconnect:
        return None  # gone before it said who it was
    return None


async def _first_key(socket: WebSocket, service: Service) -> str:
    async with service.clock.timeout(KEY_SECONDS):
        message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", _GOING_AWAY))
    try:
        said: Any = json.loads(message.get("text") or "")
    except ValueError:
        return ""
    return str(said.get("key", "")) if isinstance(said, dict) else ""


async def _send(socket: WebSocket, found: AsyncIterator[Entry | Gap | None]) -> None:
    async for item in found:
        if isinstance(item, Gap):
            await socket.send_text(canonical({"gap": {"read_from": item.n}}))
        elif item is not None:
            await socket.send_text(canonical(entry_shape(item)))


async def _until_gone(socket: WebSocket) -> None:
    """Whatever a watcher says is not listened to."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
