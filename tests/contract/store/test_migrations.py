"""A step of the schema that changes rows loses none that is needed. On every database."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, select, text

from model.errors import Unavailable
from store import migrate
from store import postgres as postgres_place
from store.database import sqlite_engine
from store.places import Postgres
from store.portable import lock_alone
from store.postgres import at_once
from store.tables import unreadables
from tests import postgres

START = datetime(2026, 7, 14, 2, 0, tzinfo=UTC)
SECOND = 1_000_000
Ask = Callable[[Callable[[Connection], Any]], Any]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Does something in a transaction of an empty database."""
    if request.param == "postgresql":
        with postgres.server() as server, postgres.database(server) as url:
            yield lambda work: at_once(url, work)
        return
    engine = sqlite_engine(":memory:")

    def in_memory(work: Callable[[Connection], Any]) -> Any:
        with engine.begin() as conn:
            return work(conn)

    yield in_memory
    engine.dispose()


def at(conn: Connection, revision: str) -> None:
    config = migrate._config()
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def test_the_same_unreadable_message_becomes_one_row(ask: Ask) -> None:
    """The one that waits for a person stays, with how often it came and when last."""
    ask(lambda conn: at(conn, "0018"))
    kept = [
        ("1", "x", 0, "replayed"),
        ("2", "x", 0, "new"),
        ("3", "y", 0, "new"),
        ("4", "x", 1, "new"),
        ("5", "x", 0, "new"),
    ]

    def fill(conn: Connection) -> None:
        for n, (id_, sha256, member, state) in enumerate(kept):
            common = {"id": id_, "source": "miso", "received_at": _microseconds(n)}
            body = {"body": b"", "sha256": sha256, "truncated": False} | dict.fromkeys(
                ("headers", "sender", "signature", "request_id"), ""
            )
            _insert(conn, "bodies", common | body)
            row = {"body_id": id_, "member": member, "problems": "[]", "state": state, "told_as": id_, "acted_by": ""}
            _insert(conn, "unreadables", common | row)

    ask(fill)
    assert ask(migrate.upgrade)
    rows = ask(lambda conn: conn.execute(select(unreadables).order_by(unreadables.c.id)).all())
    found = [(row.id, row.sha256, row.member, row.state, row.count, (row.last_at - START).seconds) for row in rows]
    assert found == [("2", "x", 0, "new", 3, 4), ("3", "y", 0, "new", 1, 2), ("4", "x", 1, "new", 1, 3)]
    assert rows[0].told_at == START + timedelta(seconds=1)


# --- how long it may take ---------------------------------------------------------------------------------------------


@pytest.fixture
def empty_url(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where nobody waits for longer than a tenth of a second, unless he says so."""
    limits = {"statement_timeout": "100", "lock_timeout": "100"}
    monkeypatch.setattr(postgres_place, "SERVER_SETTINGS", postgres_place.SERVER_SETTINGS | limits)
    with postgres.server() as server, postgres.database(server) as url:
        yield url


def test_a_step_takes_as_long_as_it_takes(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One over millions of rows takes minutes; what people wait for gives up long before."""
    with pytest.raises(Unavailable):
        at_once(empty_url, lambda conn: conn.execute(text("SELECT pg_sleep(0.3)")))
    monkeypatch.setattr(postgres_place, "ANSWER_SECONDS", 0.2)
    upgrade, limits = command.upgrade, []

    def slowly(config: Config, revision: str) -> None:
        conn = config.attributes["connection"]
        conn.execute(text("SELECT pg_sleep(0.3)"))
        limits.extend(conn.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout"))
        upgrade(config, revision)

    monkeypatch.setattr(command, "upgrade", slowly)
    assert Postgres(empty_url).upgrade()
    assert limits == ["0", "30s"]


def test_the_second_waits_for_the_first_however_long_that_takes(empty_url: str) -> None:
    def first(conn: Connection) -> bool:
        """Has the lock, and the other one waits for it, for longer than anybody waits for a lock."""
        conn.execute(text("SET LOCAL statement_timeout = 0"))
        lock_alone(conn, "migrate")
        second = threads.submit(Postgres(empty_url).upgrade)
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
        waits += "(SELECT oid FROM pg_database WHERE datname = current_database())"
        while not conn.scalar(text(waits)):
            assert not second.done()
        conn.execute(text("SELECT pg_sleep(0.3)"))
        seconds.append(second)
        return migrate.upgrade(conn)

    seconds: list[Future[bool]] = []
    with ThreadPoolExecutor(1) as threads:
        assert at_once(empty_url, first)
        assert seconds[0].result() is False


def _microseconds(seconds: int) -> int:
    return int(START.timestamp() + seconds) * SECOND


def _insert(conn: Connection, table: str, values: dict[str, Any]) -> None:
    """Into a table as it was then."""
    names = ", ".join(values)
    conn.execute(text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in values)})"), values)
