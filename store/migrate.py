"""Bring a database to the schema of this version. One Alembic history for SQLite and PostgreSQL."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from model.errors import SettingsError
from store.portable import lock_alone

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


def upgrade(conn: Connection) -> bool:
    """Bring the database to `head`, whole or not at all. True when there was something to do.

    Raises SettingsError when a later version has brought it further already.

    Two processes may do it at once: the second waits and finds it done.
    """
    lock_alone(conn, "migrate")
    at = current(conn)
    if at == head():
        return False
    if from_a_later_version(at):
        raise SettingsError(f"the database is at {at}, made by a later version; this one knows {head()}")
    config = _config()
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    return True
