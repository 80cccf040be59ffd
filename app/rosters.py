"""The roster and the keys in force: read at the start, looked at each second.

Kept on disk, where the database is a server, so that a process can start while that is away.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from app import roster_saving, whole_file
from app.problems import Problem
from app.security import Entry, Keys, Refusal, Unauthorized, hashed
from config.roster_file import RosterFile
from model.errors import SettingsError, Unavailable
from model.roster import Roster
from store import ping_links, rosters
from store.database import Connection, Database
from store.rosters import KeyRow

log = structlog.get_logger(__name__)

SNAPSHOT = "snapshot.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What an API process must know to accept events."""

    roster: Roster
    keys: tuple[KeyRow, ...]
    pings: Mapping[str, str] = field(default_factory=dict)  # whose each secret address is, by the hash of its secret


_SNAPSHOT = TypeAdapter(Snapshot)


class Rosters:
    """The roster in force and the keys, `known` together.

    `stale`: the database could not be asked when it was last looked at.
    """

    def __init__(self, known: Snapshot, *, stale: bool = False, keep: Path | None = None) -> None:
        self.roster = known.roster
        self.keys = Keys(known.keys)
        self.known = known
        self.stale = stale
        self._keep = keep
        self._looking = asyncio.Lock()
        if not stale:
            self._write()

    def current(self) -> Roster:
        return self.roster

    def key(self, authorization: str | None, now: datetime) -> Entry:
        """Whose key it is. Raises Unauthorized; Problem 503 for an unknown key while nobody can say that it is none."""
        try:
            return self.keys.find(authorization, now)
        except Unauthorized as refused:
            if self.stale and refused.refusal is Refusal.UNKNOWN_KEY:
                detail = "the key is not known here, and the database cannot be asked now: try again soon"
                raise Problem(503, "The key cannot be checked now", detail, headers={"Retry-After": "2"}) from None
            raise

    def pinged(self, secret: str) -> str | None:
        """Whose secret address it is. None: nobody's. Raises Problem 503 for an unknown one while nobody can say so."""
        source = self.known.pings.get(hashed(secret))
        if source is None and self.stale:
            detail = "the address is not known here, and the database cannot be asked now: try again soon"
            raise Problem(503, "The address cannot be checked now", detail, headers={"Retry-After": "2"})
        return source if source in self.roster.sources else None

    async def refresh(self, database: Database) -> None:
        """Take what others changed. While the database is away, what is known stays in force.

        One looks at a time: what an earlier look found must not replace what a later one did.
        """
        async with self._looking:
            await self._look(database)

    async def _look(self, database: Database) -> None:
        version = self.roster.version

        def look(conn: Connection) -> tuple[Roster | None, tuple[KeyRow, ...], Mapping[str, str]]:
            changed = rosters.latest_version(conn) != version
            roster = rosters.latest(conn) if changed else None
            return roster, tuple(rosters.all_keys(conn)), ping_links.hashes(conn)

        try:
            roster, keys, pings = await database.read(look)
        except Unavailable:
            self.stale = True
            return
        self.stale = False
        found = Snapshot(roster=roster or self.roster, keys=keys, pings=pings)
        if found.roster.version != version or (keys, pings) != (self.known.keys, self.known.pings):
            self.known, self.roster, self.keys = found, found.roster, Keys(keys)
            self._write()
            log.info("the roster, the keys or the ping links were changed", version=found.roster.version)

    def _write(self) -> None:
        """Whole or not at all; the processes that share the folder all do it. Who cannot, works on."""
        if self._keep is None:
            return
        try:
            whole_file.write(self._keep, _SNAPSHOT.dump_json(self.known))
        except OSError as error:
            log.error("the roster cannot be kept for a start without a database", error=str(error))


async def load_rosters(
    database: Database, file: RosterFile | None, now: datetime, *, demo: bool, keep: Path | None = None
) -> Rosters:
    """Take the file's roster into the database, or read the latest from there, or while it is away from `keep`.

    Raises SettingsError when there is none, or when a demo's key would be let in outside the demo.
    """
    try:
        return Rosters(await _from_database(database, file, now, demo=demo), keep=keep)
    except Unavailable as away:
        kept = _kept(keep, away)
        log.warning("the database is away: started with the roster of the last time", error=str(away))
        return Rosters(kept, stale=True, keep=keep)


def _kept(keep: Path | None, away: Unavailable) -> Snapshot:
    if keep is None or not keep.exists():
        raise SettingsError(f"the database is away, and no earlier start left its roster here: {away}")
    try:
        return _SNAPSHOT.validate_json(keep.read_bytes())
    except ValidationError:
        raise SettingsError(f"the database is away, and {keep} is of another version or broken: {away}") from None


async def _from_database(database: Database, file: RosterFile | None, now: datetime, *, demo: bool) -> Snapshot:
    if file is not None:
        rows = key_rows(file)
        refuse_demo_keys(rows, demo=demo)

        def save(conn: Connection) -> Roster:
            _refuse_anothers(rows, rosters.all_keys(conn))
            return roster_saving.load(conn, file, rows, now, again=False)

        roster: Roster | None = await database.transact(save)
    else:
        roster = await database.read(rosters.latest)
    if roster is None:
        raise SettingsError("there is no roster yet: give one with --roster FILE (docs/roster.md), or try --demo")
    keys = await database.read(rosters.all_keys)
    refuse_demo_keys(keys, demo=demo)
    return Snapshot(roster=roster, keys=tuple(keys), pings=await database.read(ping_links.hashes))


def key_rows(file: RosterFile) -> list[KeyRow]:
    """The file's keys as they are kept: by their hashes."""
    return [
        KeyRow(id=key.id, sha256=hashed(key.secret), role=key.role, source=key.source, person=key.person, demo=key.demo)
        for key in file.keys
    ]


def _refuse_anothers(ours: Sequence[KeyRow], there: Sequence[KeyRow]) -> None:
    """A demo would open it with keys that everybody knows, and tell stand-ins what waits there for people."""
    if any(key.demo for key in ours) and there and not any(key.demo for key in there):
        raise SettingsError(
            "this database is no demo's: give the demo a GRIDCALL_DATA_DIR of its own, without GRIDCALL_DATABASE_URL"
        )


def refuse_demo_keys(keys: Sequence[KeyRow], *, demo: bool) -> None:
    """Everybody knows them, so a data folder in which a demo ran opens with a roster of one's own only."""
    if not demo and (known := [key.id for key in keys if key.demo]):
        names = ", ".join(known)
        raise SettingsError(f"keys {names}: secrets that begin with demo- are for the demo only: gridcall keys revoke")
