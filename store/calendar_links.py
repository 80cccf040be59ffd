"""Secret addresses of calendars: of a rotation or a person there is one, known by the hash of its secret."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from store.tables import calendar_links

_EVERY = select(calendar_links).order_by(calendar_links.c.kind, calendar_links.c.name)


class Of(StrEnum):
    ROTATION = "rotation"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    kind: Of
    name: str
    sha256: str
    made_at: datetime
    made_by: str


def put(conn: Connection, link: Link) -> bool:
    """It takes the place of the one there was, which leads nowhere from now on. True: there was one."""
    there = remove(conn, link.kind, link.name)
    conn.execute(
        insert(calendar_links).values(
            kind=str(link.kind), name=link.name, sha256=link.sha256, made_at=link.made_at, made_by=link.made_by
        )
    )
    return there


def remove(conn: Connection, kind: Of, name: str) -> bool:
    """False: there was none."""
    gone = delete(calendar_links).where(calendar_links.c.kind == str(kind), calendar_links.c.name == name)
    return conn.execute(gone).rowcount > 0


def one(conn: Connection, kind: Of, name: str) -> Link | None:
    query = select(calendar_links).where(calendar_links.c.kind == str(kind), calendar_links.c.name == name)
    row = conn.execute(query).mappings().first()
    return _link(dict(row)) if row else None


def every(conn: Connection) -> list[Link]:
    return [_link(dict(row)) for row in conn.execute(_EVERY).mappings()]


def find(conn: Connection, sha256: str) -> Link | None:
    """What the secret of this hash leads to."""
    row = conn.execute(select(calendar_links).where(calendar_links.c.sha256 == sha256)).mappings().first()
    if row is None or not hmac.compare_digest(row["sha256"], sha256):
        return None
    return _link(dict(row))


def _link(row: dict[str, Any]) -> Link:
    return Link(**row | {"kind": Of(row["kind"])})
