"""The durable things a process opens: the database, the queue, its keys."""

import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

import structlog

from app import whole_file
from app.queues import SPOOL, open_embedded, open_queue
from app.rosters import SNAPSHOT
from broker.base import Broker
from broker.spool import in_memory
from config.settings import KEY_CHARS, Settings
from model.clock import Clock
from model.errors import SettingsError, Unavailable
from store import migrate
from store.database import Database
from store.places import Place, Postgres, SqliteFile

log = structlog.get_logger(__name__)

INSTALLATION_KEY = "installation.key"


@dataclass(frozen=True, slots=True)
class Stores:
    """The durable things one process opens."""

    database: Database
    broker: Broker
    installation_key: bytes
    process_id: str


def open_stores(settings: Settings, clock: Clock) -> Stores:
    """Open and migrate. Raises SettingsError when another process has the files.

    A database that is a server may be away: events are accepted all the same, by the roster of the last time. Should
    it come back with an older schema, the process ends over it, and is started again by its supervisor.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    queue = open_embedded(settings)
    database = _open_database(settings)
    broker = open_queue(settings, queue, database, clock)
    return Stores(database, broker, _installation_key(settings), _process_id(settings))


def open_shared(settings: Settings, clock: Clock) -> Stores:
    """For one of several processes: what all of them share, and a spool of its own.

    Raises SettingsError for stores that belong to one process, and for a database of another version. The database may
    be away.
    """
    if missing := _not_shared(settings):
        raise SettingsError(f"one role alone needs {missing}; or run everything in one process: gridcall serve")
    spool = settings.data_dir / SPOOL
    spool.mkdir(parents=True, exist_ok=True)
    if in_memory(spool):
        raise SettingsError(f"{spool} is in memory and would be lost with the machine: give GRIDCALL_DATA_DIR a disk")
    place = database_place(settings)
    try:
        at = place.look(migrate.current)
    except Unavailable as away:
        log.warning("the database is away at the start", error=str(away))
    else:
        if migrate.from_a_later_version(at):
            raise SettingsError(f"the database {place} is at {at}, made by a later version than this")
        if at != migrate.head():
            raise SettingsError(
                f"the database {place} is at {at}, this version needs {migrate.head()}: gridcall migrate"
            )
    database = place.open()
    return Stores(database, open_queue(settings, None, database, clock), _installation_key(settings), str(uuid.uuid4()))


def _not_shared(settings: Settings) -> str:
    needed = {
        "PostgreSQL (GRIDCALL_DATABASE_URL), since a SQLite file belongs to one process": not isinstance(
            database_place(settings), Postgres
        ),
        "RabbitMQ (GRIDCALL_AMQP_URL), since the embedded queue belongs to one process": settings.amqp_url is None,
        "GRIDCALL_INSTALLATION_KEY, the same long random text for all": settings.installation_key is None,
    }
    return ", and ".join(what for what, lacks in needed.items() if lacks)


def _open_database(settings: Settings) -> Database:
    place = database_place(settings)
    try:
        place.upgrade()
    except Unavailable as away:
        if not isinstance(place, Postgres):
            raise SettingsError(f"the database {place} cannot be used: {away}") from None
        log.warning("the database is away at the start", error=str(away))
    return place.open()


def database_place(settings: Settings) -> Place:
    """Where the database is: a SQLite file, or a PostgreSQL server."""
    if settings.database_url is None:
        return SqliteFile(settings.data_dir / "gridcall.db")
    url = settings.database_url.get_secret_value()
    path = url.removeprefix("sqlite:///")
    return Postgres(url) if path == url else SqliteFile(Path(path))


def anew(settings: Settings) -> str:
    """To be said where a file is made for the database: which, and why. "" where there is one, or a server."""
    place = database_place(settings)
    if place.exists():
        return ""
    return f"{place} is made" + (", since GRIDCALL_DATABASE_URL is not set" if settings.database_url is None else "")


def snapshot_path(settings: Settings) -> Path | None:
    """Where the roster in force is kept for a start while the database is away; a file of ours is never away."""
    return settings.data_dir / SNAPSHOT if isinstance(database_place(settings), Postgres) else None


def known_installation_key(settings: Settings) -> bytes | None:
    """None before the first start."""
    if settings.installation_key is not None:
        return settings.installation_key.get_secret_value().encode()
    path = settings.data_dir / INSTALLATION_KEY
    if not path.exists():
        return None
    if len(known := path.read_text().strip().encode()) < KEY_CHARS:
        raise SettingsError(f"{path} holds no key: put back a copy of it, or delete it if this installation never ran")
    return known


def _installation_key(settings: Settings) -> bytes:
    """Given, or made at the first start and kept."""
    known = known_installation_key(settings)
    if known is None:
        known = secrets.token_hex(KEY_CHARS).encode()
        whole_file.write(settings.data_dir / INSTALLATION_KEY, known)
    return known


def _process_id(settings: Settings) -> str:
    """One process at a time has the folder: its name stays, so that a restart knows what its predecessor was at."""
    path = settings.data_dir / "process.id"
    known = path.read_text().strip() if path.exists() else ""
    if not known:
        known = str(uuid.uuid4())
        whole_file.write(path, known.encode())
    return known
