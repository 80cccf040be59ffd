"""The demo as a process of its own, as `make run` starts it; what it writes stays in the test's folder."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parents[1]
ROSTER = ROOT / "config" / "demo_roster.yaml"
START_SECONDS = 20
STOP_SECONDS = 10
READY = "Ctrl-C ends it."


@dataclass(frozen=True)
class Demo:
    """Where a running demo listens, and what it printed at the start."""

    api: str
    standins: str
    greeting: str

    def messages(self) -> list[dict[str, Any]]:
        """Everything that reached the stand-ins so far."""
        answer = httpx2.get(f"{self.standins}/messages")
        return list(answer.json()["messages"])


def environment(**settings: str) -> dict[str, str]:
    """The machine's, without settings of its own, plus these."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GRIDCALL_")}
    return plain | {"PYTHONPATH": str(ROOT)} | settings


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(folder: Path, **more: str) -> Iterator[Demo]:
    """Start the demo on free ports, end it with Ctrl-C's signal. Fails when it does not end well.

    Nobody minds the silence of its sources: no phone rings that the test did not make ring.
    """
    roster = folder / "roster.yaml"
    roster.write_text(re.sub(r"heartbeat: \{.*\}", "heartbeat: none", ROSTER.read_text()))
    settings = environment(
        GRIDCALL_ROSTER=str(roster),
        GRIDCALL_DATA_DIR=str(folder / "var"),
        GRIDCALL_HTTP_PORT=str(free_port()),
        GRIDCALL_SANDBOX_PORT=str(free_port()),
        **more,
    )
    printed, log = folder / "printed", folder / "log"
    with printed.open("wb") as out, log.open("wb") as err:
        command = [sys.executable, "-m", "app.cli", "serve", "--demo"]
        process = subprocess.Popen(command, env=settings, cwd=folder, stdout=out, stderr=err)
    try:
        yield _greeted(process, printed, log)
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0, log.read_text()
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


def _greeted(process: "subprocess.Popen[bytes]", printed: Path, log: Path) -> Demo:
    until = time.monotonic() + START_SECONDS
    while READY not in (text := printed.read_text()):
        assert process.poll() is None, f"the demo ended while it started: {log.read_text()}"
        assert time.monotonic() < until, f"the demo did not start within {START_SECONDS} s: {log.read_text()}"
        time.sleep(0.05)
    return Demo(_address(text, "listens at "), _address(text, "phones, Slack, pager"), text)


def _address(text: str, before: str) -> str:
    return text.split(before, maxsplit=1)[1].split(maxsplit=1)[0]


def until(what: str, seconds: float, look: Any) -> Any:
    """The first true answer of `look`, asked again and again. Fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found
