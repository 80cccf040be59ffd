"""A wire between a client and a server that can be cut, made to hang, and slowed down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


class Proxy:
    """`url` leads through it. `taken` counts the connections made so far."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._flows = self._flowing()
        self._hanging: list[asyncio.Event] = []
        self._refusing = False
        self.delay_seconds = 0.0
        self.taken = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        there = self._there
        self.url = there._replace(netloc=f"{there.username}:{there.password}@127.0.0.1:{self.port}").geturl()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        self.taken += 1
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._there.hostname, self._there.port or 5672)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        flows = self._flows
        with suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                await flows.wait()
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                sink.write(data)
                await sink.drain()
        sink.close()

    def cut(self, *, refuse: bool = False) -> None:
        """Every connection is reset; `refuse`: new ones as well, until `mend`."""
        self._refusing = refuse
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    @staticmethod
    def _flowing() -> asyncio.Event:
        flows = asyncio.Event()
        flows.set()
        return flows

    def hang(self, *, new: bool) -> None:
        """Connections stay, and nothing comes through any more; `new`: nor through those made from now on."""
        self._flows.clear()
        self._hanging.append(self._flows)
        if not new:
            self._flows = self._flowing()

    def mend(self) -> None:
        self._refusing = False
        for flows in self._hanging:
            flows.set()

    async def close(self) -> None:
        self.mend()
        self.cut()
        self._server.close()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await self._server.wait_closed()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(url)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
