"""Bring a database to the schema of this version. One Alembic history for SQLite and PostgreSQL."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from model.errors import SettingsError
from store.portable import lock_alone, lockable

TABLE_LOCK_SECONDS = 30  # while a step waits for a table, whoever comes after it waits too

_SCRIPTS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config


def current(conn: Connection) -> str | None:
    """The revision the database is at, None when it is empty."""
    return MigrationContext.configure(conn).get_current_revision()


@cache
def head() -> str | None:
    """The revision this version of the code needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def from_a_later_version(at: str | None) -> bool:
    """The database has a schema that this version of the code does not know."""
    return at is not None and all(
        at != script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()
    )


def _alone(conn: Connection) -> None:
    """Instead of the limits of transactions in which somebody waits to be told (store/postgres.py)."""
    if lockable(conn):
        conn.execute(text("SET LOCAL statement_timeout = 0"))
        conn.execute(text("SET LOCAL lock_timeout = 0"))  # who has the lock does what we want to do
        lock_alone(conn, "migrate")
        conn.execute(text(f"SET LOCAL lock_timeout = '{TABLE_LOCK_SECONDS}s'"))


def upgrade(conn: Connection) -> bool:
    """Bring the database to `head`, whole or not at all. True when there was something to do.

    Raises SettingsError when a later version has brought it further already.

    Two processes may do it at once: the second waits and finds it done. On PostgreSQL a step takes as long as it
    takes, and only its wait for those who use the table has an end.
    """
    _alone(conn)
    at = current(conn)
    if at == head():
        return False
    if from_a_later_version(at):
        raise SettingsError(f"the database is at {at}, made by a later version; this one knows {head()}")
    config = _config()
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    return True
