"""What people told the issuer of an event. Appended, never changed."""

from collections.abc import Collection

from sqlalchemy import BindParameter, Connection, bindparam, insert, select

from model.issuer import How, IssuerAck
from store.tables import issuer_acks

_PKS: BindParameter[str] = bindparam("pks", expanding=True)
_OF_EVENTS = select(issuer_acks).where(issuer_acks.c.event_pk.in_(_PKS)).order_by(issuer_acks.c.id)


def add(conn: Connection, ack: IssuerAck) -> None:
    conn.execute(
        insert(issuer_acks).values(
            id=ack.id,
            event_pk=ack.event_pk,
            revision=ack.revision,
            person=ack.person,
            at=ack.at,
            how=ack.how,
            evidence=ack.evidence,
            received_at=ack.received_at,
            acted_by=ack.by,
        )
    )


def of_event(conn: Connection, event_pk: str) -> list[IssuerAck]:
    """In the order they were written down."""
    return of_events(conn, [event_pk])


def of_events(conn: Connection, event_pks: Collection[str]) -> list[IssuerAck]:
    """Of them all, in the order they were written down."""
    found = []
    for row in conn.execute(_OF_EVENTS, {"pks": list(event_pks)}):
        fields = dict(row._mapping)
        fields["by"] = fields.pop("acted_by")
        found.append(IssuerAck(**fields | {"how": How(row.how)}))
    return found
