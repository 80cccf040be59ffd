"""systemd hears that a process is ready, that its loops turn, and that it stops; of a stuck loop it hears nothing."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.supervision import Supervision, from_environment
from tests.demo_process import running


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(10)
        yield heard


def test_a_process_says_that_it_is_ready_lives_and_stops(listening: socket.socket, tmp_path: Path) -> None:
    with running(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="600000"):
        assert listening.recv(100) == b"READY=1"
        assert [listening.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    listening.settimeout(1)
    heard = [b"WATCHDOG=1"]
    while heard[-1] == b"WATCHDOG=1":
        heard.append(listening.recv(100))
    assert heard[-1] == b"STOPPING=1"


def test_a_supervisor_that_does_not_listen_ends_nothing(listening: socket.socket, tmp_path: Path) -> None:
    """It is gone, or reads so slowly that its queue is full: a write that waited would stop all loops."""
    Supervision(str(tmp_path / "nobody"), 15).tell("WATCHDOG=1")
    for _ in range(5000):
        Supervision(str(tmp_path / "notify"), 15).tell("WATCHDOG=1")
    assert listening.recv(100) == b"WATCHDOG=1"


async def test_nothing_is_said_while_a_loop_is_stuck(listening: socket.socket, tmp_path: Path) -> None:
    stuck: list[str] = ["dispatcher"]
    (tick,) = Supervision(str(tmp_path / "notify"), 15).ticks(lambda: stuck)
    assert tick.every_seconds == 5
    listening.setblocking(False)
    await tick.tick()
    with pytest.raises(BlockingIOError):
        listening.recv(100)
    stuck.clear()
    await tick.tick()
    assert listening.recv(100) == b"WATCHDOG=1"


def test_the_environment_is_the_supervisors(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    nobody = from_environment()
    assert nobody == Supervision(None, None)
    nobody.tell("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "@abstract")
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert from_environment() == Supervision("\0abstract", 30)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert from_environment() == Supervision("\0abstract", None)
