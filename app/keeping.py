"""What is done to the database of an installation from outside, also while it runs: copy, purge, another roster."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from app import roster_saving
from app.rosters import key_rows, refuse_demo_keys
from app.stores import database_place
from config.roster_file import RosterFile
from config.settings import Settings
from model.errors import SettingsError, Unavailable
from store import contacts, migrate, retention, rosters
from store.database import Connection
from store.places import Place
from store.retention import Held


class Loaded(NamedTuple):
    """The version in force, and the one before it; the same when the file says nothing new."""

    version: int
    before: int


def back_up(settings: Settings, target: Path) -> Place:
    """Copy the database to a new file. Returns what was copied. Raises SettingsError."""
    with ready(settings) as place:
        place.back_up(target)
        return place


def held(settings: Settings, address: str, now: datetime) -> Held:
    with ready(settings) as place:
        return place.look(partial(retention.held, address=address, now=now))


def purge(settings: Settings, address: str, now: datetime) -> int:
    """Take the address out of everything that is over, some events at a time. Returns of how many events."""
    done = 0
    with ready(settings) as place:
        while batch := place.change(partial(retention.purge_address, address=address, now=now)):
            done += batch
    return done


def forget_contact(settings: Settings, address: str) -> None:
    """Whether it was verified is known no more."""
    with ready(settings) as place:
        place.change(partial(contacts.forget, address=address))


def load(settings: Settings, file: RosterFile, now: datetime, *, again: bool = True) -> Loaded:
    """Bring the file's roster and keys in force. Processes that run take them within a second or two.

    `again` False: unless it is the very file that was loaded last.
    """
    keys = key_rows(file)
    refuse_demo_keys(keys, demo=False)

    def work(conn: Connection) -> Loaded:
        before = rosters.latest_version(conn)
        return Loaded(roster_saving.load(conn, file, keys, now, again=again).version, before)

    with ready(settings) as place:
        return place.change(work)


@contextmanager
def ready(settings: Settings) -> Iterator[Place]:
    """The database, of this version. What goes wrong with it is one sentence."""
    place = database_place(settings)
    try:
        at = place.look(migrate.current) if place.exists() else None
        if at != migrate.head():
            if migrate.from_a_later_version(at):
                raise SettingsError(f"{place} is at {at}, made by a later version than this")
            what = f"{place} is at {at}" if at else f"there is no database of Gridcall at {place}"
            raise SettingsError(f"{what}: gridcall migrate")
        yield place
    except Unavailable as away:
        raise SettingsError(f"the database {place} cannot be used: {away}") from None
