"""The house that most tests of the API ask, and one behind a socket for those of the command line."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from app import http
from app.cli import main
from tests.app_fixture import House, opened
from tests.serving import served_in_thread


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole service behind a real socket, in a thread of its own."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # its log is not what commands print
    folder = tmp_path_factory.mktemp("house")

    @asynccontextmanager
    async def application() -> AsyncIterator[http.Application]:
        async with opened(folder) as house:
            yield http.build(house.service)

    with served_in_thread(application) as url:
        yield url
    structlog.configure(**before)


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
