"""The product's server for tests, which ends when it is told to: uvicorn looks ten times a second whether it is to end,
and then waits for a tenth of a second more, which is a good part of a small story.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from copy import copy
from functools import cache
from threading import Event, Thread
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from app import serve


@cache
def _config() -> uvicorn.Config:
    """The product's, which sets up the logging anew each time it is made."""
    return serve.server(lifespan).config  # type: ignore[arg-type]


class Server(serve._Server):
    """Serve until `end` is called, in the loop in which it was made."""

    def __init__(self, app: ASGIApp) -> None:
        config = copy(_config())
        config.app = app
        super().__init__(config)
        self._told_to_end = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._told_to_end.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._told_to_end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(3):  # turns in which those at rest are gone
            await asyncio.sleep(0)
        await asyncio.wait_for(self._wait_tasks_to_complete(), self.config.timeout_graceful_shutdown)
        await self.lifespan.shutdown()


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve `app` on a free port of this machine. Yield its base URL."""
    at = serve.listen("127.0.0.1", 0, next_free=False)
    server = Server(app)
    task = asyncio.create_task(server.serve(sockets=[at.socket]))
    try:
        while not server.started:
            await asyncio.sleep(0)
        yield at.url
    finally:
        server.end()
        await task


@contextmanager
def served_in_thread(opened: Callable[[], AbstractAsyncContextManager[ASGIApp]]) -> Iterator[str]:
    """Serve what `opened` makes, in a thread with a loop of its own. Yield its base URL."""
    ready, found = Event(), list[tuple[str, Callable[[], object]]]()

    async def run() -> None:
        async with opened() as app, serving(app) as url:
            loop, over = asyncio.get_running_loop(), asyncio.Event()
            found.append((url, lambda: loop.call_soon_threadsafe(over.set)))
            ready.set()
            await over.wait()

    thread = Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(20)
    [(url, end)] = found
    try:
        yield url
    finally:
        end()
        thread.join(20)


async def lifespan(receive: Any, send: Any) -> None:
    """Of an application that has nothing to start."""
    for kind in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{kind}.complete"})
