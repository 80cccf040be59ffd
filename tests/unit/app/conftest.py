"""The house that most tests of the API ask, and one behind a socket for those of the command line."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
import structlog
import uvicorn

from app import http
from app.cli import main
from app.serve import listen, server
from tests.app_fixture import House, opened


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole service behind a real socket, in a thread of its own."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # its log is not what commands print
    listening = listen("127.0.0.1", 0, next_free=False)
    ready, running = Event(), list[uvicorn.Server]()

    async def run() -> None:
        async with opened(tmp_path_factory.mktemp("house")) as house:
            running.append(server(http.build(house.service)))
            ready.set()
            await running[0].serve(sockets=[listening.socket])

    thread = Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(20)
    yield listening.url
    running[0].should_exit = True
    thread.join(20)
    structlog.reset_defaults()


@pytest.fixture
def at(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GRIDCALL_URL", url)
    monkeypatch.delenv("GRIDCALL_KEY", raising=False)
    return url


@pytest.fixture
def gridcall(at: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Types a command; its exit code, output and errors."""

    def typed(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return typed
