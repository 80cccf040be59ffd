"""The keys of an installation from its own host, also before the first start: `gridcall keys`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from app import key_edits, security
from app.keeping import ready
from app.roster_diff import key_differences
from app.rosters import Snapshot
from app.security import hashed, new_secret
from app.stores import database_place
from config.settings import Settings
from model.errors import SettingsError
from model.roster import Roster
from store import audit, key_uses, migrate, rosters
from store.audit import Changed, Who
from store.database import Connection
from store.rosters import KeyRow

HOST = Who(actor="host")


class Known(NamedTuple):
    """The keys by id, when each was made, and when a secret of that hash was last used."""

    keys: Sequence[KeyRow]
    made: dict[str, datetime]
    used: dict[str, datetime]


def known(settings: Settings) -> Known:
    def look(conn: Connection) -> Known:
        return Known(sorted(rosters.all_keys(conn), key=_id), rosters.keys_made(conn), key_uses.every(conn))

    with ready(settings) as place:
        return place.look(look)


def _id(key: KeyRow) -> str:
    return key.id


def create(settings: Settings, key: KeyRow, now: datetime) -> str:
    """Make it, and the database too where there is none yet and the settings say where. Returns the secret.

    `key` has no hash yet.
    """
    place = database_place(settings)
    if settings.database_placed and (not place.exists() or place.look(migrate.current) is None):
        place.upgrade()
    secret = new_secret(security.KEY)

    def decide(before: Snapshot) -> Snapshot:
        return key_edits.create(before, replace(key, sha256=hashed(secret)), now)

    _edit(settings, decide, now)
    return secret


def renew(
    settings: Settings, name: str, former_until: datetime | None, expires_at: datetime | None, now: datetime
) -> str:
    """Returns the new secret. `expires_at` None: the key ends as before. Raises Refused when that is past."""
    secret = new_secret(security.KEY)
    new = key_edits.Renewal(hashed(secret), former_until, expires_at)
    _edit(settings, lambda before: key_edits.renew(before, _there(before, name), new, now), now)
    return secret


def revoke(settings: Settings, name: str, now: datetime) -> None:
    _edit(settings, lambda before: key_edits.revoke(before, _there(before, name).id), now)


def _there(before: Snapshot, name: str) -> KeyRow:
    found = key_edits.find(before, name)
    if found is None:
        names = ", ".join(sorted(key.id for key in before.keys)) or "none yet"
        raise SettingsError(f"there is no key {name}; there are: {names}")
    return found


def _edit(settings: Settings, decide: Callable[[Snapshot], Snapshot], now: datetime) -> None:
    """In one transaction, with its audit. Before there is a roster, keys have no version."""

    def work(conn: Connection) -> None:
        rosters.alone(conn)
        roster = rosters.latest(conn)
        before = Snapshot(roster=roster or Roster(), keys=tuple(rosters.all_keys(conn)))
        after = decide(before)
        version = 0
        if roster is None:
            rosters.replace_keys(conn, after.keys, now)
        else:
            version = rosters.save(conn, roster, HOST.actor, now, keys=after.keys).version
        told = [Changed(**found.shown()) for found in key_differences(before.keys, after.keys)]
        audit.record(conn, told, HOST, "", version, now)

    with ready(settings) as place:
        place.change(work)
