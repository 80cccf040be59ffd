"""`database`: every store test runs over each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.database import Database
from store.postgres import PostgresDatabase
from tests.databases import POSTGRESQL, open_database


@pytest.fixture(params=["file", POSTGRESQL])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    database = open_database(request, request.param, tmp_path)
    if isinstance(database, PostgresDatabase):
        await database.listening()
    yield database
    await database.close()
