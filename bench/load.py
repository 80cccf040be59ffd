"""A load generator: raw HTTP/1.1 over asyncio, so that the client costs as little as it can."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Measured:
    """Seconds of each request, and how long the whole took. `failed` counts answers that were not 2xx."""

    seconds: list[float] = field(default_factory=list)
    took_seconds: float = 0.0
    failed: int = 0

    def add(self, other: "Measured") -> None:
        self.seconds += other.seconds
        self.took_seconds += other.took_seconds
        self.failed += other.failed

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.took_seconds if self.took_seconds else 0.0

    def percentile(self, share: float) -> float:
        """In milliseconds; nan when nothing was measured."""
        if not self.seconds:
            return float("nan")
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def request(path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def got(path: str, headers: dict[str, str]) -> bytes:
    """A GET of it."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Connection:
    """One keep-alive connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, raw: bytes) -> int:
        """Send and read the whole answer. Returns its status."""
        self._writer.write(raw)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.index(b"content-length:") + 15
        length = int(lower[at : lower.index(b"\r\n", at)])
        if length:
            await self._reader.readexactly(length)
        return int(head[9:12])

    def close(self) -> None:
        self._writer.close()


def always(raw: bytes) -> Callable[[], bytes]:
    """The same request each time."""
    return lambda: raw


async def closed_loop(port: int, connections: int, seconds: float, next_request: Callable[[], bytes]) -> Measured:
    """`connections` clients, each sending its next request when the last is answered."""
    measured = Measured()
    started = time.perf_counter()
    end = started + seconds

    async def client() -> None:
        connection = await Connection.open(port)
        while time.perf_counter() < end:
            raw = next_request()
            begun = time.perf_counter()
            status = await connection.ask(raw)
            measured.seconds.append(time.perf_counter() - begun)
            measured.failed += status // 100 != 2
        connection.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    measured.took_seconds = time.perf_counter() - started
    return measured
