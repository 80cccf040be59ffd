"""Outcomes per event and person. Appended; the latest counts."""

from sqlalchemy import Connection, insert, select

from model.ids import Ids
from model.verdict import Outcome, Verdict
from store.tables import verdicts


def add(conn: Connection, ids: Ids, verdict: Verdict) -> None:
    conn.execute(
        insert(verdicts).values(
            id=ids.new(),
            event_pk=verdict.event_pk,
            revision=verdict.revision,
            person=verdict.person,
            outcome=verdict.outcome,
            reason=verdict.reason,
            at=verdict.at,
        )
    )


def of_event(conn: Connection, event_pk: str) -> list[Verdict]:
    """In the order they were written."""
    query = select(verdicts).where(verdicts.c.event_pk == event_pk).order_by(verdicts.c.id)
    return [
        Verdict(
            event_pk=row.event_pk,
            revision=row.revision,
            outcome=Outcome(row.outcome),
            reason=row.reason,
            at=row.at,
            person=row.person,
        )
        for row in conn.execute(query)
    ]
