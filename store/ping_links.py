"""Secret addresses at which a source says that it is alive: one for each source, known by the hash of its secret."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from store.tables import ping_links

_HASHES = select(ping_links.c.sha256, ping_links.c.source)  # asked each second by every process


@dataclass(frozen=True, slots=True, kw_only=True)
class PingLink:
    source: str
    sha256: str
    made_at: datetime
    made_by: str


def put(conn: Connection, link: PingLink) -> bool:
    """It takes the place of the one there was, which leads nowhere from now on. True: there was one."""
    there = remove(conn, link.source)
    conn.execute(insert(ping_links).values(asdict(link)))
    return there


def remove(conn: Connection, source: str) -> bool:
    """False: there was none."""
    return conn.execute(delete(ping_links).where(ping_links.c.source == source)).rowcount > 0


def one(conn: Connection, source: str) -> PingLink | None:
    row = conn.execute(select(ping_links).where(ping_links.c.source == source)).mappings().first()
    return PingLink(**row) if row else None


def hashes(conn: Connection) -> dict[str, str]:
    """Whose each secret is, by its hash."""
    return {row.sha256: row.source for row in conn.execute(_HASHES)}
