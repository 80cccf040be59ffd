"""Who listened when, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from model.monitor import Listening
from store import listening
from tests.databases import ENGINES, POSTGRESQL, open_database

START = datetime(2026, 7, 14, 2, 0, tzinfo=UTC)


def at(seconds):
    return START + timedelta(seconds=seconds)


@pytest.fixture
async def database(request, tmp_path):
    database = open_database(request, request.param, tmp_path)
    yield database
    await database.close()


async def written(database):
    return sorted(await database.read(listening.every), key=lambda record: record.process)


@pytest.mark.parametrize("database", ENGINES, indirect=True)
async def test_a_run_grows_ends_and_is_forgotten(database):
    await database.transact(lambda conn: listening.note(conn, "a", at(0), at(1)))
    await database.transact(lambda conn: listening.note(conn, "a", at(0), at(2)))
    assert await written(database) == [Listening(process="a", since=at(0), until=at(2))]
    await database.transact(lambda conn: listening.end(conn, "a"))
    assert [record.ended for record in await written(database)] == [True]
    await database.transact(lambda conn: listening.forget(conn, at(2)))
    assert len(await written(database)) == 1
    await database.transact(lambda conn: listening.forget(conn, at(3)))
    assert await written(database) == []


@pytest.mark.parametrize(
    ("database", "ended"),
    [("inline", True), pytest.param("postgresql", False, marks=POSTGRESQL.marks)],
    indirect=["database"],
)
async def test_in_the_database_of_one_process_its_successor_ends_it(database, ended):
    await database.transact(lambda conn: listening.note(conn, "a", at(0), at(1)))
    await database.transact(lambda conn: listening.note(conn, "b", at(5), at(6)))
    assert [(record.process, record.ended) for record in await written(database)] == [("a", ended), ("b", False)]
