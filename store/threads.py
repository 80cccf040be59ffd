"""The first Slack message of an event in each channel; later ones go into its thread."""

from sqlalchemy import Connection, bindparam, select

from store.portable import upsert
from store.tables import slack_threads

_ADD = upsert(slack_threads)
_REMEMBER = _ADD.on_conflict_do_update(
    index_elements=["event_pk", "address"], set_={"vendor_id": _ADD.excluded.vendor_id}
)
_FIND = select(slack_threads.c.vendor_id).where(
    slack_threads.c.event_pk == bindparam("event_pk"), slack_threads.c.address == bindparam("address")
)


def remember(conn: Connection, event_pk: str, address: str, vendor_id: str) -> None:
    conn.execute(_REMEMBER, {"event_pk": event_pk, "address": address, "vendor_id": vendor_id})


def find(conn: Connection, event_pk: str, address: str) -> str | None:
    return conn.scalar(_FIND, {"event_pk": event_pk, "address": address})
