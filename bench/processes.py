"""Start and end the measured servers."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

START_SECONDS = 60.0  # on a machine that does much else
STOP_SECONDS = 10.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Running(NamedTuple):
    port: int
    pid: int


@asynccontextmanager
async def server(kind: str, standins: str | None = None, **settings: str) -> AsyncIterator[Running]:
    """A server of `kind` in a process of its own, with `settings` of Gridcall; yields when it listens."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gridcall-bench-") as directory:
        arguments = [kind, str(port), directory, *([standins] if standins else [])]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GRIDCALL_")}
        environment |= {f"GRIDCALL_{name.upper()}": value for name, value in settings.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.servers", *arguments, env=environment
        )
        try:
            await _listening(port, process)
            yield Running(port, process.pid)
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Politely, so that it gives its leases back: what a dead notifier had as its share waits a quarter of a second."""
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _listening(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the server ended at once with {process.returncode}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def cpu_seconds(*roots: int) -> float:
    """What these processes and all below them have used of the processors so far (those that live)."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        parents[int(pid)] = int(fields[1])
        used[int(pid)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return sum(seconds for pid, seconds in used.items() if _below(pid, roots, parents))


def _below(pid: int, roots: tuple[int, ...], parents: dict[int, int]) -> bool:
    while pid in parents and pid not in roots:
        pid = parents[pid]
    return pid in roots


class Idle:
    """The machine's idle share since this was made, all cores."""

    def __init__(self) -> None:
        self._before = self._times()

    def share(self) -> float:
        idle, total = (b - a for a, b in zip(self._before, self._times(), strict=True))
        return idle / total

    def _times(self) -> tuple[int, int]:
        with open("/proc/stat") as stat:
            numbers = [int(n) for n in stat.readline().split()[1:]]
        return numbers[3] + numbers[4], sum(numbers)
