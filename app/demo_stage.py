"""The stage of `make demo`: real processes, the stand-ins' phones, and checks that fail with what was seen."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx2

T = TypeVar("T")

START_SECONDS = 30.0
STOP_SECONDS = 5.0
TAIL_LINES = 40


class Failed(Exception):
    """A check did not hold: what was expected."""


def require(held: object, expected: str) -> None:
    """Raises Failed unless it holds."""
    if not held:
        raise Failed(expected)


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the stand-ins' feed (`GET /messages`): what a person would notice."""

    n: int
    at: datetime
    channel: str
    to: str
    text: str
    event: str
    raw: dict[str, Any]

    @property
    def call(self) -> str:
        """Which call a voice line is about."""
        return str(self.raw.get("sid", ""))

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S.%f}  {self.channel:9} {self.to:>14}  {self.event:15} {self.text[:90]}"


class Process:
    """A child process with its output in a file. `kill` and `stop` are both safe to repeat."""

    def __init__(self, log: Path, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self.log = log
        with log.open("ab") as output:
            # -m and not a script: the same interpreter and the same checkout as this one.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                [sys.executable, "-m", "app.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_without_settings() | environment,
                cwd=Path(__file__).parent.parent,
            )

    @property
    def ended(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """As Ctrl-C would; killed when it takes too long. Returns its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def tail(self) -> str:
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        return ""

    def wait_for(self, url: str) -> float:
        """Return after how many seconds `url` answered 200."""
        began, pause = time.monotonic(), threading.Event()
        while time.monotonic() - began < START_SECONDS:
            if self.ended is not None:
                raise Failed(f"{url} to answer; the process ended with {self.ended}:\n{self.tail()}")
            with suppress(httpx2.HTTPError):
                if httpx2.get(url, timeout=2, trust_env=False).status_code == 200:
                    return time.monotonic() - began
            pause.wait(0.05)
        raise Failed(f"{url} to answer within {START_SECONDS:g} seconds:\n{self.tail()}")


def _without_settings() -> dict[str, str]:
    """The environment without Gridcall's own settings: the demo is the same whatever is set up here."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GRIDCALL_")}


def free_port(setting: str) -> int:
    """The first free port from the one that `setting` gives in the environment; any free one without it."""
    first = int(os.environ.get(setting) or 0)
    for port in range(first, first + 100):
        with socket.socket() as sock, suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            found: int = sock.getsockname()[1]
            return found
    raise Failed(f"a free port from {first} on ({setting})")


class Http:
    """One server of the stage."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx2.Client(base_url=url, headers=headers, timeout=40, trust_env=False)

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return self._client.request(method, path, **more)

    def json(self, method: str, path: str, **more: Any) -> Any:
        """The body of a 2xx answer."""
        response = self(method, path, **more)
        if not response.is_success:
            raise Failed(f"{method} {path} to succeed; it answered {response.status_code}: {response.text[:300]}")
        return response.json() if response.content else None

    def close(self) -> None:
        self._client.close()


class Feed:
    """What the phones, Slack and PagerDuty noticed, followed by long polls."""

    def __init__(self, standins: Http) -> None:
        self._standins = standins
        self._next = 0
        self.seen: list[Message] = []

    def read(self, wait_seconds: float = 0) -> None:
        page = self._standins.json("GET", "/messages", params={"after": self._next, "wait": wait_seconds})
        self._next = page["next"]
        for found in page["messages"]:
            self.seen.append(Message(**found | {"at": datetime.fromisoformat(found["at"])}))

    def start(self) -> None:
        """A new story: what came before is history."""
        self.read()
        self.seen.clear()

    def until(self, expected: str, look: Callable[[list[Message]], T | None], seconds: float) -> T:
        """Return what `look` found in this story's messages, as soon as it finds something true."""
        ends = time.monotonic() + seconds
        while True:
            if found := look(self.seen):
                return found
            left = ends - time.monotonic()
            if left <= 0:
                raise Failed(f"{expected} within {seconds:g} seconds")
            self.read(min(left, 0.5))  # what is looked for may not be in the feed


class Beats:
    """Beats for a source every few seconds, until told to stop."""

    def __init__(self, api: Http, source: str, every_seconds: float = 5) -> None:
        self._api = api
        self._source = source
        self._every = every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(httpx2.HTTPError, Failed):
                self.beat()
            self._stop.wait(self._every)

    def beat(self) -> datetime:
        heard = self._api.json("POST", f"/v1/sources/{self._source}/heartbeat")
        return datetime.fromisoformat(heard["heard_at"])

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
