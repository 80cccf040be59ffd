"""Load a roster file: the new version, its keys, and the audit of what that changed, in one transaction."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from app.roster_diff import Difference, differences, key_differences
from model.roster import Roster
from store import audit, rosters
from store.audit import Changed, Who
from store.codec import ROSTER, canonical, sha256
from store.database import Connection
from store.rosters import KeyRow

FILE = Who(actor="roster file")  # the host's own way
LOADED = "file"  # of the audit: one row for each file that was loaded


def load(conn: Connection, roster: Roster, keys: Sequence[KeyRow], now: datetime, *, again: bool) -> Roster:
    """Bring a file's roster and keys in force, whoever changed others meanwhile. Returns the roster with its version.

    `again` False: nothing happens where it is the very file that was loaded last. What was changed since by other ways,
    such as a cover at night, must not be undone by a process that starts again.
    """
    rosters.alone(conn)
    before, keys_before = rosters.latest(conn), rosters.all_keys(conn)
    digest = _digest(roster, keys)
    if before and not again and audit.last_after(conn, LOADED) == digest:
        return before
    saved = rosters.save(conn, roster, FILE.actor, now, keys=keys)
    # Of the first one its version says everything.
    changes = (*differences(before, saved), *key_differences(keys_before, keys)) if before else ()
    audit.record(conn, [_loaded(roster, digest), *map(changed, changes)], FILE, "", saved.version, now)
    return saved


def changed(difference: Difference) -> Changed:
    return Changed(**difference.shown())


def _loaded(roster: Roster, digest: str) -> Changed:
    said = f"load a file: {len(roster.people)} people, {len(roster.rotations)} rotations"
    return Changed(what=LOADED, change="loaded", text=said, before=None, after=digest)


def _digest(roster: Roster, keys: Sequence[KeyRow]) -> str:
    return sha256(ROSTER.dump_json(roster) + canonical([asdict(key) for key in keys]).encode())
