"""Who changed what of the roster, and why: one row for each entry that a save changed, never changed again."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from store.codec import canonical
from store.tables import audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """`actor` as people read it; the key and its person where it was one."""

    actor: str
    key_id: str | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One entry. `before` and `after` are JSON without phone numbers and secrets, None where it is not there."""

    what: str
    change: str
    text: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`n` grows with each row: rosters are saved one at a time."""

    n: int
    at: datetime
    who: Who
    changed: Changed
    reason: str
    roster_version: int


def record(
    conn: Connection, changes: Iterable[Changed], who: Who, reason: str, roster_version: int, now: datetime
) -> None:
    common = {
        "at": now,
        "actor": who.actor,
        "key_id": who.key_id,
        "person": who.person,
        "reason": reason,
        "roster_version": roster_version,
    }
    rows = [
        common
        | {
            "what": c.what,
            "change": c.change,
            "text": c.text,
            "before": _text(c.before),
            "after": _text(c.after),
        }
        for c in changes
    ]
    if rows:
        conn.execute(insert(audit), rows)


def last_after(conn: Connection, what: str) -> Any:
    """What the newest row about `what` says of it, None where there is no row."""
    query = select(audit.c.after).where(audit.c.what == what).order_by(audit.c.n.desc()).limit(1)
    return _data(conn.scalar(query))


def after_version(conn: Connection, version: int) -> list[Entry]:
    """What was changed since that version of the roster was made, in the order in which it was."""
    query = select(audit).where(audit.c.roster_version > version).order_by(audit.c.n)
    return [_entry(row) for row in conn.execute(query)]


def newest(conn: Connection, limit: int, before: int | None = None) -> list[Entry]:
    """The newest first; only those with a number below `before`."""
    query = select(audit).order_by(audit.c.n.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.n < before)
    return [_entry(row) for row in conn.execute(query)]


def _entry(row: Any) -> Entry:
    return Entry(
        n=row.n,
        at=row.at,
        who=Who(actor=row.actor, key_id=row.key_id, person=row.person),
        changed=Changed(
            what=row.what, change=row.change, text=row.text, before=_data(row.before), after=_data(row.after)
        ),
        reason=row.reason,
        roster_version=row.roster_version,
    )


def _text(data: Any) -> str | None:
    return None if data is None else canonical(data)


def _data(text: str | None) -> Any:
    return None if text is None else json.loads(text)
