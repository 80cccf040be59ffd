"""Tests of many small databases compile each statement once."""

from store.database import sqlite_engine
from store.tables import metadata


def test_another_database_finds_what_was_compiled():
    statement = metadata.tables["events"].select()
    compiled = []
    for _ in range(2):
        engine = sqlite_engine(":memory:")
        with engine.begin() as conn:
            metadata.tables["events"].create(conn)
            compiled.append(conn.execute(statement).context.compiled)
        engine.dispose()
    assert compiled[0] is compiled[1]
