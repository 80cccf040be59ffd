"""`world`: a world of the demo's roster at noon in Chicago, where Ana and Ben are awake and Chie sleeps."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from app import live
from notifiers import dispatcher, reconciler
from routing import reviser
from tests.databases import POSTGRESQL
from tests.scenario.world import World, open_world

# A Monday in winter: no clock changes anywhere near.
NOON_IN_CHICAGO = datetime(2026, 1, 12, 18, 0, tzinfo=UTC)

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a story says again over PostgreSQL is left to `make test-long`."""
    for item in items:
        if "scenario" in item.path.parts and "postgresql" in item.name:
            item.add_marker(pytest.mark.long)


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[None]:
    """What the service logs, shown only when a story fails, without the cost of colours."""
    before = structlog.get_config()
    logger = logging.getLogger("story")

    def keep(_logger: Any, method: str, line: dict[str, Any]) -> str:
        logger.info("%s", line)
        raise structlog.DropEvent

    structlog.configure(processors=[keep], cache_logger_on_first_use=False)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(level)
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def hardly_any_polling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake-ups must carry every story: the loops' polling is a backstop only, and makes a second of story cost more.

    A test marked `backstops` keeps it as in production.
    """
    if not any(request.node.iter_markers("backstops")):
        for module in (live, dispatcher, reconciler, reviser):
            monkeypatch.setattr(module, "BACKSTOP", timedelta(minutes=5))


@pytest.fixture(scope="session", autouse=True)
def vendors_libraries() -> None:
    """Loaded once, so that no story waits for them."""
    import pagerduty  # noqa: F401
    import slack_sdk.web.async_client  # noqa: F401
    import twilio.rest
    import twilio.twiml.voice_response  # noqa: F401


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings that choose the database: SQLite, or what `over_both` says."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return {}
    return {"database_url": request.getfixturevalue("postgres_url")}


# A story marked with this is told over each database.
over_both = pytest.mark.parametrize("engine", ["sqlite", POSTGRESQL], indirect=True)


@pytest.fixture
def opens(tmp_path: Path, engine: dict[str, Any]) -> OpenWorld:
    """`async with opens(start=..., roster=..., twilio_lines=...) as world`: see `open_world`."""

    def open_(start: datetime = NOON_IN_CHICAGO, **more: Any) -> AbstractAsyncContextManager[World]:
        return open_world(tmp_path, start, **engine, **more)

    return open_


@pytest.fixture
async def world(opens: OpenWorld) -> AsyncIterator[World]:
    async with opens() as world:
        yield world
