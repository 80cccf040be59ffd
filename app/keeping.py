"""What is done to the database of an installation from outside, also while it runs: copy, purge, another roster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from app import out_of_sight, roster_saving, undoing
from app.roster_diff import Difference, differences, key_differences
from app.roster_effect import Effect, effect
from app.roster_saving import NO_REASON, Why
from app.rosters import key_rows, refuse_demo_keys
from app.stores import database_place
from config.roster_file import RosterFile
from config.settings import Settings
from model.errors import SettingsError, Unavailable
from model.roster import Roster
from store import contacts, migrate, retention, rosters
from store.database import Connection
from store.places import Place
from store.retention import Held
from store.rosters import KeyRow


class Loaded(NamedTuple):
    """The version in force, and the one before it; the same when the file says nothing new.

    `effect`: what it does to who is on call, and what it leaves. None: nothing was loaded. `remarks`: sentences about
    what is new and does nothing that anybody would see.
    """

    version: int
    before: int
    effect: Effect | None = None
    remarks: tuple[str, ...] = ()


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


def load(settings: Settings, file: RosterFile, now: datetime, *, again: bool = True, why: Why = NO_REASON) -> Loaded:
    """Bring the file's roster and keys in force. Processes that run take them within a second or two.

    `again` False: unless it is the very file that was loaded last. Raises SettingsError for what leaves somebody
    missing, or in two places, where it was not so before, unless that is accepted; and for a file that was exported and
    undoes what was changed since. The first roster is no change.
    """
    keys = key_rows(file)
    refuse_demo_keys(keys, demo=False)
    with ready(settings) as place:
        while (loaded := _load(place, file, keys, now, again, why)) is None:
            pass  # somebody saved another roster meanwhile
        return loaded


def _load(
    place: Place, file: RosterFile, keys: Sequence[KeyRow], now: datetime, again: bool, why: Why
) -> Loaded | None:
    """None: what is in force is no longer what it was compared with."""
    before, keys_before, same = place.look(
        lambda conn: (rosters.latest(conn), rosters.all_keys(conn), roster_saving.loaded_last(conn, file))
    )
    version = before.version if before else 0
    file = replace(file, roster=out_of_sight.without_long_past(file.roster, now))
    before = before and out_of_sight.without_long_past(before, now)
    if before and same and not again:
        return Loaded(version, version)
    changed = (*differences(before or Roster(), file.roster), *key_differences(keys_before, keys or keys_before))
    if before:
        _check_undoes(place, file.from_version, version, changed)
    done = effect(before or Roster(), file.roster, now)
    if before and done.findings and not why.accept_gaps:
        every = "".join(f"\n  {found['text']}" for found in done.shown()["findings"])
        raise SettingsError(f"not loaded. It leaves, as it was not before:{every}\nCover it first, or accept gaps")
    left = list(roster_saving.accepted(done)) if before else []

    def save(conn: Connection) -> Loaded | None:
        rosters.alone(conn)
        if rosters.latest_version(conn) != version:
            return None
        saved = roster_saving.load(conn, file, keys, now, again=True, reason=why.reason, left=left)
        return Loaded(saved.version, version, done, tuple(out_of_sight.remarks(changed, now)))

    return place.change(save)


def _check_undoes(place: Place, seen: int | None, newest: int, changed: Sequence[Difference]) -> None:
    if seen is None or not changed:
        return
    if sentence := undoing.of_another(seen, newest):
        raise SettingsError(f"not loaded: {sentence}")
    if undone := place.look(lambda conn: undoing.undone(conn, seen, changed)):
        raise SettingsError(f"not loaded. {undoing.TITLE}: {undoing.refusal(seen, undone)}")


@contextmanager
def ready(settings: Settings) -> Iterator[Place]:
    """The database, of this version. What goes wrong with it is one sentence."""
    place = database_place(settings)
    try:
        at = place.look(migrate.current) if place.exists() else None
        if at != migrate.head():
            if migrate.from_a_later_version(at):
                raise SettingsError(f"{place} is at {at}, made by a later version than this")
            raise SettingsError(f"{place} is at {at}: gridcall migrate" if at else _none(settings, place))
        yield place
    except Unavailable as away:
        raise SettingsError(f"the database {place} cannot be used: {away}") from None


def _none(settings: Settings, place: Place) -> str:
    none = f"there is no database of Gridcall at {place}"
    if settings.database_placed:
        return f"{none}: gridcall migrate"
    named = "GRIDCALL_DATABASE_URL, GRIDCALL_DATA_DIR or GRIDCALL_CONFIG"
    return f"{none}, and none of {named} is set: give what Gridcall runs with, or make one there: gridcall migrate"
