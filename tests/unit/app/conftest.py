"""The house that most tests of the API ask."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.app_fixture import House, opened


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found
