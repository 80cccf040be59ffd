"""Reading for tests: a canonical source, and a body from any JSON data."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from intake.read import read
from model.reading import Feed, Reading, Unreadable

NOW = datetime(2026, 7, 14, 17, 58, 41, tzinfo=UTC)
Result = Reading | Unreadable


@pytest.fixture
def post() -> Callable[..., Any]:
    """`post(data)` -> the one result; a list in -> all results; bytes are sent as they are."""

    def _post(data: Any, headers: dict[str, str] | None = None, format: str = "canonical") -> Any:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        results = read(body, headers or {"content-type": "application/json"}, Feed(source="miso", format=format), NOW)
        return results if isinstance(data, list) else results[0]

    return _post
