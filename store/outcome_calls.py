"""What sources are to be told of their events, and until when each was asked for what we missed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from model.ids import Ids
from model.upstream import CallState, OutcomeCall
from store import timeline
from store.codec import canonical, mapping
from store.portable import upsert
from store.tables import histories, outcome_calls, said


def add(conn: Connection, call: OutcomeCall) -> None:
    """Whatever was still to be said of the same revision is not said any more: the last word must be the last one."""
    for old in of_event(conn, call.event_pk):
        if old.state is CallState.WAITING and _revision(old) == _revision(call):
            waits = (outcome_calls.c.id == old.id) & (outcome_calls.c.state == said(CallState.WAITING))
            conn.execute(update(outcome_calls).where(waits).values(state=CallState.SUPERSEDED, over_at=call.made_at))
    conn.execute(
        insert(outcome_calls).values(
            id=call.id,
            event_pk=call.event_pk,
            source=call.source,
            body=canonical(call.body),
            made_at=call.made_at,
            due_at=call.due_at,
            state=call.state,
            tries=call.tries,
            error=call.error,
            over_at=call.over_at,
        )
    )


def _revision(call: OutcomeCall) -> object:
    return call.body.get("data", {}).get("revision")


def due(conn: Connection, now: datetime, limit: int) -> list[OutcomeCall]:
    """The longest due first."""
    columns = outcome_calls.c
    query = select(outcome_calls).where(columns.state == said(CallState.WAITING), columns.due_at <= now)
    return [_call(row) for row in conn.execute(query.order_by(columns.due_at).limit(limit))]


def of_event(conn: Connection, event_pk: str) -> list[OutcomeCall]:
    query = select(outcome_calls).where(outcome_calls.c.event_pk == event_pk).order_by(outcome_calls.c.id)
    return [_call(row) for row in conn.execute(query)]


def tried(conn: Connection, ids: Ids, call: OutcomeCall, now: datetime) -> None:
    """What a try has come to; its end is in the event's timeline. Another process may have been quicker."""
    open_ = (outcome_calls.c.id == call.id) & (outcome_calls.c.state == said(CallState.WAITING))
    values = {"state": call.state, "tries": call.tries, "error": call.error, "due_at": call.due_at}
    changed = conn.execute(update(outcome_calls).where(open_).values(**values, over_at=call.over_at)).rowcount
    if changed and call.state is not CallState.WAITING:
        body = {"call": call.id, "type": call.body["type"], "state": call.state, "tries": call.tries}
        timeline.append(conn, ids, call.event_pk, now, "source_told", body | {"error": call.error})


def asked_until(conn: Connection, source: str) -> datetime | None:
    return conn.scalar(select(histories.c.asked_until).where(histories.c.source == source))


def asked(conn: Connection, source: str, until: datetime) -> None:
    """All that the source had for us until then is in."""
    adding = upsert(histories)
    new = {"asked_until": adding.excluded.asked_until}
    statement = adding.on_conflict_do_update(index_elements=["source"], set_=new)
    conn.execute(statement, {"source": source, "asked_until": until})


def _call(row: Row[Any]) -> OutcomeCall:
    return OutcomeCall(**dict(row._mapping) | {"body": mapping(row.body), "state": CallState(row.state)})
