"""Load a roster file: the new version, its keys, and the audit of what that changed, in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from app import undoing
from app.links import revoke_orphans
from app.out_of_sight import without_long_past
from app.roster_diff import differences, key_differences
from app.roster_effect import Effect
from config.roster_file import RosterFile
from model.errors import SettingsError
from model.ids import SystemIds
from model.roster import Roster
from store import audit, readdress, rosters
from store.audit import Changed, Who
from store.database import Connection
from store.rosters import KeyRow

log = structlog.get_logger(__name__)

FILE = Who(actor="roster file")  # the host's own way
LOADED = "file"  # of the audit: one row for each file that was loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What whoever saves says of it; kept in the audit. `accept_gaps`: what it leaves is what they want."""

    reason: str = ""
    accept_gaps: bool = False


NO_REASON = Why()


def accepted(effect: Effect) -> Iterator[Changed]:
    """What is left wrong knowingly: the reason beside it is the reason for that too."""
    if effect.findings:
        left = effect.shown()["findings"]
        yield Changed(what="coverage", change="accepted", text=f"accept {effect.in_short()}", before=None, after=left)


def load(
    conn: Connection,
    file: RosterFile,
    keys: Sequence[KeyRow],
    now: datetime,
    *,
    again: bool,
    reason: str = "",
    left: Iterable[Changed] = (),
) -> Roster:
    """Bring a file's roster and `keys` in force, whoever changed others meanwhile. Returns the roster with its version.

    Without `keys` those in force stay, but those of a demo: they belong to its roster.

    `again` False: nothing happens where it is the very file that was loaded last. What was changed since by other ways,
    such as a cover at night, must not be undone by a process that starts again. Its text tells which file it is: what
    is made of the text may be another thing in the next release. `left`: what of it was accepted, for the audit.
    """
    rosters.alone(conn)
    before, keys_before = rosters.latest(conn), rosters.all_keys(conn)
    if before and not again and loaded_last(conn, file):
        return before
    keys = keys or [key for key in keys_before if not key.demo]
    if sentence := orphan(file.roster, keys):
        raise SettingsError(sentence)
    before = before and without_long_past(before, now)
    saved = rosters.save(conn, without_long_past(file.roster, now), FILE.actor, now, keys=keys)
    links = revoke_orphans(conn, before, saved) if before else ()
    if before:
        readdress.follow(conn, SystemIds(), before, saved, now)
    # Of the first one its version says everything.
    changes = (*differences(before, saved), *key_differences(keys_before, keys)) if before else ()
    if before and file.from_version is not None and (lost := undoing.undone(conn, file.from_version, changes)):
        # At a start alone: who loads a file by hand is refused (app/keeping.py), a service must come up.
        log.warning("the roster file undoes what was changed since it was exported", undoes=undoing.shown(lost))
    told = [Changed(**difference.shown()) for difference in changes]
    audit.record(conn, [*left, _loaded(file), *told, *links], FILE, reason, saved.version, now)
    return saved


def loaded_last(conn: Connection, file: RosterFile) -> bool:
    """No other file was loaded since."""
    return bool(file.sha256) and audit.last_after(conn, LOADED) == file.sha256


def orphan(roster: Roster, keys: Iterable[KeyRow]) -> str | None:
    """A key of somebody who is not there would still open: a sentence about the first one."""
    for key in keys:
        for what, name, there in (("source", key.source, roster.sources), ("person", key.person, roster.people)):
            if name is not None and name not in there:
                return f"key {key.id} belongs to {what} {name}: revoke the key first"
    return None


def _loaded(file: RosterFile) -> Changed:
    said = f"load a file: {len(file.roster.people)} people, {len(file.roster.rotations)} rotations"
    return Changed(what=LOADED, change="loaded", text=said, before=None, after=file.sha256)
