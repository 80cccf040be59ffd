"""The traces of messages, kept with the revision each message brought: whoever works for it later finds them here."""

from collections.abc import Collection

from sqlalchemy import Connection, and_, bindparam, select

from store.tables import attempts, notifications, revisions

_SAID = and_(revisions.c.event_pk == notifications.c.event_pk, revisions.c.number == notifications.c.revision)
_OF_NOTIFICATIONS = (
    select(notifications.c.id, revisions.c.trace)
    .join(revisions, _SAID)
    .where(notifications.c.id.in_(bindparam("ids", expanding=True)), revisions.c.trace != "")
)
_OF_ATTEMPT = (
    select(revisions.c.trace)
    .join(notifications, _SAID)
    .join(attempts, attempts.c.notification_id == notifications.c.id)
    .where(attempts.c.id == bindparam("attempt_id"))
)


def of_notifications(conn: Connection, ids: Collection[str]) -> dict[str, str]:
    """The traceparent behind each of the rows, by its id; rows that nobody traces are left out."""
    found = conn.execute(_OF_NOTIFICATIONS, {"ids": list(ids)}) if ids else ()
    return {row.id: row.trace for row in found}


def of_attempt(conn: Connection, attempt_id: str) -> str:
    """The traceparent behind an attempt; empty when nobody traces it, or there is no such attempt."""
    return conn.scalar(_OF_ATTEMPT, {"attempt_id": attempt_id}) or ""
