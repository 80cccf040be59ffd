"""Bring a roster in force: the new version, its keys, and the audit of what that changed, in one transaction."""

from collections.abc import Sequence
from datetime import datetime

from app.roster_diff import Difference, differences, key_differences
from model.roster import Roster
from store import audit, rosters
from store.audit import Changed, Who
from store.database import Connection
from store.rosters import KeyRow

FILE = Who(actor="roster file")  # the host's own way


def save(conn: Connection, roster: Roster, keys: Sequence[KeyRow], who: Who, now: datetime, reason: str = "") -> Roster:
    """This roster and these keys, whoever changed others meanwhile. Returns the roster with its version."""
    rosters.alone(conn)
    before, keys_before = rosters.latest(conn), rosters.all_keys(conn)
    rosters.replace_keys(conn, keys, now)
    saved = rosters.save(conn, roster, who.actor, now)
    changes = (*differences(before, saved), *key_differences(keys_before, keys)) if before else _first(saved)
    audit.record(conn, [changed(d) for d in changes], who, reason, saved.version, now)
    return saved


def changed(difference: Difference) -> Changed:
    return Changed(**difference.shown())


def _first(roster: Roster) -> Sequence[Difference]:
    """The first roster is one row: its version says the rest."""
    said = f"{len(roster.people)} people, {len(roster.rotations)} rotations"
    return [Difference(what="roster", before=None, after=said)]
