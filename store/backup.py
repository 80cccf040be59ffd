"""A copy of the database as it is at one moment, taken while others write. It is whole or not there at all."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from model.errors import SettingsError
from store.address import Address

_DUMP = "pg_dump"
_CONNECT_SECONDS = "10"  # for each host: the next one is tried when one says nothing
# What asyncpg takes from the environment where the address leaves it out: a copy is made of what Gridcall runs with.
_INHERITED = (
    *("PATH", "HOME", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE"),
    *("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL"),
)


def copy_sqlite(source: Path, target: Path) -> None:
    """By SQLite's own backup, in one step: the writer is not held up. Raises SettingsError."""
    with (
        _new_file(target),
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)
        # One file, without a log beside it; whoever opens it for good turns the log on again.
        written.execute("PRAGMA journal_mode=DELETE")


def dump_postgres(address: Address, target: Path) -> None:
    """By pg_dump, in its custom format, for pg_restore. Raises SettingsError."""
    program = shutil.which(_DUMP)
    if program is None:
        raise SettingsError(
            f"there is no {_DUMP} here: install PostgreSQL's client (apt-get install postgresql-client), "
            "or run it where the server is"
        )
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    ours = {"PGAPPNAME": "gridcall backup", "PGCONNECT_TIMEOUT": _CONNECT_SECONDS}
    environment = {"PATH": os.defpath, **inherited, **address.for_libpq(), **ours}
    arguments = [program, "--format=custom", "--no-owner", "--no-privileges", "--no-password"]
    with _new_file(target) as file:
        ended = subprocess.run(arguments, env=environment, stdout=file, stderr=subprocess.PIPE, check=False)  # noqa: S603 - the program's own name, no shell
        if ended.returncode != 0:
            said = ended.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise SettingsError(f"{_DUMP} failed: {said[-1]}")


@contextmanager
def _new_file(target: Path) -> Iterator[int]:
    """A file only its owner reads, durable at the end; taken away again when the work fails."""
    try:
        file = os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    except FileExistsError:
        raise SettingsError(f"{target} exists already: a backup overwrites nothing") from None
    except OSError as error:
        raise SettingsError(f"{target} cannot be written: {error.strerror}") from None
    try:
        yield file
        os.fsync(file)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError | sqlite3.Error):
            raise SettingsError(f"{target} could not be written: {error}") from None
        raise
    finally:
        os.close(file)
