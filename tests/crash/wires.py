"""Wires that can be cut, and a door before several api processes, in a thread of their own: tests may block."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from tests.tcp_proxy import Proxy

PATIENCE_SECONDS = 30


class Door(Proxy):
    """Gives each connection to the next of `ports` that takes it, as a TCP balancer does."""

    def __init__(self) -> None:
        super().__init__("http://nobody:@127.0.0.1")
        self.ports: list[int] = []
        self.favourite: int | None = None  # asked first

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for port in sorted(self.ports, key=lambda port: port != self.favourite):
            self.ports = [*self.ports[1:], self.ports[0]]
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
        raise ConnectionRefusedError("no api process takes it")


class Wires:
    """Proxies live in the thread's loop; `do` runs a coroutine there and waits for it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._proxies: list[Proxy] = []

    def do(self, work: Coroutine[Any, Any, Any], seconds: float = PATIENCE_SECONDS) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def proxy(self, url: str) -> Proxy:
        return self._begin(Proxy(url))

    def door(self) -> Door:
        return self._begin(Door())

    def _begin(self, proxy: Any) -> Any:
        self.do(proxy.start())
        self._proxies.append(proxy)
        return proxy

    def cut(self, proxy: Proxy, *, refuse: bool) -> None:
        async def work() -> None:
            proxy.cut(refuse=refuse)

        self.do(work())

    def mend(self, proxy: Proxy) -> None:
        async def work() -> None:
            proxy.mend()

        self.do(work())

    @contextmanager
    def running(self) -> Iterator["Wires"]:
        self._thread.start()
        try:
            yield self
        finally:
            for proxy in self._proxies:
                self.do(proxy.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_SECONDS)
            self._loop.close()
