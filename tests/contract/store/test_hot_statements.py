"""What the loops ask again and again finds its rows by an index. For PostgreSQL `python -m bench plans` looks at it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from bench import hot
from model.plan import ChannelName, Kind, Notification
from store.database import sqlite_engine
from store.tables import metadata
from tests.databases import in_memory

NOW = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
SMALL = {"keys", "leases", "monitors", "paces", "pick_ups", "rosters", "voice_in_flight"}
INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
LARGE = set(metadata.tables) - SMALL
SAMPLE = hot.Sample(
    now=NOW,
    call=Notification(
        id="n",
        event_pk="e",
        revision=1,
        kind=Kind.ALERT,
        channel=ChannelName.VOICE,
        address="+13125550101",
        due_at=NOW,
        until=NOW + timedelta(minutes=5),
        lane=0,
    ),
    attempt_id="a",
    event_pk="e",
    source="miso",
    event_id="E-1",
    delivery_id="d",
    agenda_id="g",
    timeline_n=0,
)


@pytest.mark.parametrize("name", sorted(hot.operations(SAMPLE).keys() - {"timeline's end"}))  # the last of its key
def test_sqlite_scans_no_large_table(name):
    engine = in_memory().engine
    engine.raw_connection().execute("PRAGMA foreign_keys=OFF")  # the sample is not there
    with engine.begin() as conn:
        partial = set(conn.scalars(text(f"SELECT name FROM ({INDEXES}) WHERE sql LIKE '% WHERE %'")))
        found = list(hot.statements(conn, hot.operations(SAMPLE)[name]))
        assert found or "take in hand, lock a timetable".count(name)  # SQLite has nothing to lock
        for statement in found:
            plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters)
            for step in (row[3] for row in plan):
                scan = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
                assert not scan or scan[1] not in LARGE or scan[2] in partial, f"{step}: {statement.text}"


def test_migrated_indexes_have_the_conditions_of_the_tables():
    """Alembic's comparison does not look at them."""
    made = sqlite_engine(":memory:")
    with made.begin() as conn, in_memory().engine.begin() as migrated:
        metadata.create_all(conn)
        assert indexes(migrated) == indexes(conn)
    made.dispose()


def indexes(conn):
    found = conn.execute(text(INDEXES))
    return {name: " ".join(sql.split()) for name, sql in found}
