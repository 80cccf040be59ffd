"""Outcomes per event and person. Appended; the latest counts."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from model.ids import Ids
from model.verdict import Outcome, Verdict
from store.tables import verdicts

_ADD = insert(verdicts)


def add(conn: Connection, ids: Ids, verdict: Verdict) -> None:
    row = {
        "id": ids.new(),
        "event_pk": verdict.event_pk,
        "revision": verdict.revision,
        "person": verdict.person,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "at": verdict.at,
    }
    conn.execute(_ADD, row)


_OF_EVENT = select(verdicts).where(verdicts.c.event_pk == bindparam("event_pk")).order_by(verdicts.c.id)


def of_event(conn: Connection, event_pk: str) -> list[Verdict]:
    """In the order they were written."""
    return [_verdict(row) for row in conn.execute(_OF_EVENT, {"event_pk": event_pk})]


def latest(conn: Connection, event_pks: Collection[str]) -> dict[tuple[str, int], Verdict]:
    """The events' own latest outcomes, by event and revision."""
    query = select(verdicts).where(verdicts.c.event_pk.in_(event_pks), verdicts.c.person.is_(None))
    return {(row.event_pk, row.revision): _verdict(row) for row in conn.execute(query.order_by(verdicts.c.id))}


def _verdict(row: Row[Any]) -> Verdict:
    return Verdict(
        event_pk=row.event_pk,
        revision=row.revision,
        outcome=Outcome(row.outcome),
        reason=row.reason,
        at=row.at,
        person=row.person,
    )
