"""Versions of the roster, whole, never overwritten; and the API keys that came with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, func, insert, select

from model.roster import Roster, Source
from store.codec import ROSTER, sha256
from store.portable import lock_alone
from store.tables import keys, rosters


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """An API key: only its hash is kept. `role`: upstream, operator or admin; `source` binds an upstream key.

    `demo`: its secret is known to everybody. From `expires_at` on the key opens nothing. A secret that was renewed
    still opens until `former_until`.
    """

    id: str
    sha256: str
    role: str
    source: str | None = None
    person: str | None = None
    demo: bool = False
    expires_at: datetime | None = None
    former_sha256: str | None = None
    former_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Sources:
    """What of a roster's document is read where there are many of them."""

    sources: Mapping[str, Source]


_SOURCES = TypeAdapter(_Sources)
_LOOKS_BACK = 200  # versions: a start must not read the edits of years

# Asked each second by every process.
_LATEST = select(rosters.c.version, rosters.c.document).order_by(rosters.c.version.desc()).limit(1)
_LATEST_VERSION = select(func.max(rosters.c.version))
_ALL_KEYS = select(*(keys.c[f.name] for f in fields(KeyRow)))


def latest_version(conn: Connection) -> int:
    """0 when there is none."""
    return conn.scalar(_LATEST_VERSION) or 0


def latest(conn: Connection) -> Roster | None:
    row = conn.execute(_LATEST).first()
    return replace(ROSTER.validate_json(row.document), version=row.version) if row else None


def expected_since(conn: Connection, version: int, unknown: Mapping[str, datetime]) -> dict[str, datetime]:
    """When the roster of that version began to expect to hear these sources, of those where that was after the instant.

    One of which the last versions do not say it is left out.
    """
    began: dict[str, datetime] = {}
    asked, next_at = dict(unknown), None
    for made_at, sources in _back_from(conn, version):
        for id_ in [id_ for id_ in asked if (source := sources.get(id_)) is None or source.heartbeat is None]:
            del asked[id_]
            if next_at is not None:
                began[id_] = next_at
        asked = {id_: at for id_, at in asked.items() if at < made_at}
        if not asked:
            break
        next_at = made_at
    return began


def _back_from(conn: Connection, version: int) -> Iterator[tuple[datetime, Mapping[str, Source]]]:
    for number in range(version, max(version - _LOOKS_BACK, 0), -1):
        row = conn.execute(select(rosters.c.created_at, rosters.c.document).where(rosters.c.version == number)).first()
        if row is None:
            return
        yield row.created_at, _SOURCES.validate_json(row.document).sources


def alone(conn: Connection) -> None:
    """Until this transaction ends nobody else changes the roster or the keys."""
    lock_alone(conn, "rosters")


def save(
    conn: Connection, roster: Roster, actor: str, now: datetime, *, keys: Sequence[KeyRow] | None = None
) -> Roster:
    """Keep the roster as a new version, unless it and `keys` equal the latest. Returns it with its version.

    `keys` None: they stay. Other keys make a new version too: who decided on the earlier ones must be able to see it.
    """
    document = ROSTER.dump_json(replace(roster, version=0)).decode()
    digest = sha256(document)
    alone(conn)
    other_keys = keys is not None and replace_keys(conn, keys, now)
    last = conn.execute(select(rosters.c.version, rosters.c.sha256).order_by(rosters.c.version.desc()).limit(1)).first()
    if last and last.sha256 == digest and not other_keys:
        return replace(roster, version=last.version)
    version = (last.version if last else 0) + 1
    conn.execute(insert(rosters).values(version=version, created_at=now, actor=actor, sha256=digest, document=document))
    return replace(roster, version=version)


def all_keys(conn: Connection) -> list[KeyRow]:
    return [KeyRow(**row) for row in conn.execute(_ALL_KEYS).mappings()]


def keys_made(conn: Connection) -> dict[str, datetime]:
    """When each key was made, by its id."""
    return {row.id: row.created_at for row in conn.execute(select(keys.c.id, keys.c.created_at))}


def replace_keys(conn: Connection, rows: Sequence[KeyRow], now: datetime) -> bool:
    """These keys and no others: one that is not among them opens nothing from now on. False: it was so already."""
    there, wanted = {row.id: row for row in all_keys(conn)}, {row.id: row for row in rows}
    if there == wanted:
        return False
    made = keys_made(conn)
    # All that go before any that come: secrets may have changed their keys.
    conn.execute(delete(keys).where(keys.c.id.in_(name for name, row in there.items() if wanted.get(name) != row)))
    new = [asdict(row) | {"created_at": made.get(name, now)} for name, row in wanted.items() if there.get(name) != row]
    if new:
        conn.execute(insert(keys), new)
    return True
