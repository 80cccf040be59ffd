"""Events that go together: who may lead, who goes with whom, and how many."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from model.event import EventStatus, Severity
from store.portable import lock_alone
from store.tables import LEADING, events, said

MOST_LOOKED_AT = 10  # of those that may lead; there is more than one only after a while, or where some ask for more

_c = events.c
_OPEN = _c.status == said(EventStatus.OPEN)
_MAY_LEAD = (
    select(_c.pk)
    .where(
        _c.source == bindparam("source"),
        _c.merge_key == bindparam("key"),
        LEADING,  # as the index says it
        _c.received_at.between(bindparam("since"), bindparam("until")),
        _c.pk != bindparam("but"),
    )
    .order_by(_c.received_at.desc(), _c.pk.desc())
    .limit(MOST_LOOKED_AT)
)
_MEMBERS = select(_c.pk, _c.severity, _c.deadline_at).where(_c.leader_pk == bindparam("pk"), _OPEN).order_by(_c.pk)
_LEADER = select(_c.leader_pk).where(_c.pk == bindparam("pk"), _OPEN)
_LED = _c.leader_pk.in_(bindparam("pks", expanding=True))
_COUNT = select(_c.leader_pk, func.count()).where(_LED).group_by(_c.leader_pk)
_COUNT_OPEN = _COUNT.where(_OPEN)


def lock(conn: Connection, source: str, key: str) -> None:
    """Nobody else decides which events of that key go together until the transaction ends.

    Taken before any event that others may know is locked.
    """
    lock_alone(conn, f"merge {source} {key}")


def may_lead(conn: Connection, source: str, key: str, at: datetime, within: timedelta, but: str) -> list[str]:
    """Open events of that key that ring for themselves, received within so much of `at`, the newest first."""
    given = {"source": source, "key": key, "since": at - within, "until": at + within, "but": but}
    return list(conn.scalars(_MAY_LEAD, given))


def leader_of(conn: Connection, event_pk: str) -> str | None:
    """What rings for the event, None where it is over or rings for itself."""
    found: str | None = conn.scalar(_LEADER, {"pk": event_pk})
    return found


def members(conn: Connection, leader_pk: str) -> list[tuple[str, Severity, datetime]]:
    """The open events that go with it: key, severity, deadline."""
    rows = conn.execute(_MEMBERS, {"pk": leader_pk})
    return [(row.pk, Severity(row.severity), row.deadline_at) for row in rows]


def counts(conn: Connection, leader_pks: Collection[str], *, open_only: bool) -> dict[str, int]:
    """How many go, or (not only open ones) went, with each of these to the end; of none: not named."""
    if not leader_pks:
        return {}
    found = conn.execute(_COUNT_OPEN if open_only else _COUNT, {"pks": sorted(leader_pks)})
    return {leader_pk: count for leader_pk, count in found}
