"""The first Slack message of an event in each channel; later ones go into its thread."""

from sqlalchemy import Connection, select

from store.portable import upsert
from store.tables import slack_threads


def remember(conn: Connection, event_pk: str, address: str, vendor_id: str) -> None:
    conn.execute(
        upsert(slack_threads)
        .values(event_pk=event_pk, address=address, vendor_id=vendor_id)
        .on_conflict_do_update(index_elements=["event_pk", "address"], set_={"vendor_id": vendor_id})
    )


def find(conn: Connection, event_pk: str, address: str) -> str | None:
    return conn.scalar(
        select(slack_threads.c.vendor_id).where(
            slack_threads.c.event_pk == event_pk, slack_threads.c.address == address
        )
    )
