"""Start and end the measured servers."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

START_SECONDS = 20.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def server(kind: str, standins: str | None = None) -> AsyncIterator[int]:
    """A server of `kind` in a process of its own; yields its port when it listens."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gridcall-bench-") as directory:
        arguments = [kind, str(port), directory, *([standins] if standins else [])]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GRIDCALL_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.servers", *arguments, env=environment
        )
        try:
            await _listening(port, process)
            yield port
        finally:
            if process.returncode is None:
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
