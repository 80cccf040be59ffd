"""The door every request passes first: it counts the request as work and applies faults, below any framework.

It stands outside the framework because a dropped connection needs the server's own `send`: uvicorn's is a method of the
object that holds the transport. Without one (in-process transports) a reset is a ConnectionResetError.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import timedelta
from typing import Any

from sandbox.activity import Activity
from sandbox.faults import Fault, Faults, Vendor, error_body, slack_token_fault, vendor_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HANG = timedelta(seconds=120)
MAX_BODY_BYTES = 1_000_000


class Gate:
    """Lets a request through to `app`, late, broken, or as it came."""

    def __init__(self, app: App, activity: Activity, faults: Faults, is_down: Callable[[Vendor], bool]) -> None:
        self._app = app
        self._activity = activity
        self._faults = faults
        self._is_down = is_down

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._activity.working():
            vendor = vendor_of(scope["path"])
            fault = None if vendor is None else self._fault(vendor, scope)
            if vendor is None or fault is None:
                await self._app(scope, receive, send)
            else:
                await self._break(vendor, fault, scope, receive, send)

    def _fault(self, vendor: Vendor, scope: Scope) -> Fault | None:
        if vendor == "slack" and (named := slack_token_fault(_header(scope, b"authorization"))) is not None:
            return named
        if self._is_down(vendor):
            return Fault(status=503)
        return self._faults.take(vendor, scope["method"], scope["path"])

    async def _break(self, vendor: Vendor, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        gone = asyncio.Event()
        watch = asyncio.create_task(_watch(receive, gone))
        try:
            if fault.delay_seconds:
                await self._hang(timedelta(seconds=fault.delay_seconds), gone)
            await self._act(vendor, fault, scope, _replay(body, gone), send, gone=gone)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _act(
        self, vendor: Vendor, fault: Fault, scope: Scope, receive: Receive, send: Send, *, gone: asyncio.Event
    ) -> None:
        if fault.status is None:
            await self._app(scope, receive, send)
        elif isinstance(fault.status, int):
            await _answer(vendor, fault.status, send)
        elif fault.status == "reset":
            await _drop(send, gone)
        else:
            if fault.status == "accept_then_hang":
                await self._app(scope, receive, _nowhere)
            await self._hang(HANG, gone)
            await _drop(send, gone)

    async def _hang(self, length: timedelta, gone: asyncio.Event) -> None:
        """Wait, until the client has gone at the latest. Leaves `gone` as it is."""
        stop = asyncio.Event()
        follow = asyncio.create_task(_follow(gone, stop))
        try:
            await self._activity.wait(self._activity.clock.now() + length, stop, hanging=True)
        finally:
            follow.cancel()
            await asyncio.gather(follow, return_exceptions=True)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    more = True
    while more and sum(map(len, parts)) <= MAX_BODY_BYTES:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, gone: asyncio.Event) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    return receive


async def _watch(receive: Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _follow(gone: asyncio.Event, stop: asyncio.Event) -> None:
    await gone.wait()
    stop.set()


async def _nowhere(message: Message) -> None:
    """An answer that is never sent."""


async def _answer(vendor: Vendor, status: int, send: Send) -> None:
    headers = [(b"content-type", b"application/json")]
    if status == 429 and vendor == "slack":  # the others do not say when
        headers.append((b"retry-after", b"1"))
    body = error_body(vendor, status)
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _drop(send: Send, gone: asyncio.Event) -> None:
    """Drop the connection without an answer, so that the client sees a reset."""
    if gone.is_set():
        return
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("dropped by the stand-in")
    _linger_not(transport)
    transport.abort()
    await gone.wait()


def _linger_not(transport: asyncio.Transport) -> None:
    """Make closing send RST instead of FIN. On a duplicate: not every event loop's socket object takes options."""
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
