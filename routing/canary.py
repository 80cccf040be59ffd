"""A message of our own is decided about as any other, up to the plan; nobody is called by it."""

from dataclasses import replace
from datetime import datetime

from model.event import Mode
from model.ids import Ids
from model.phones import Phones
from model.reading import Reading
from model.roster import Roster
from routing import cases, fitting
from routing.event_after import event_after
from routing.placing import place
from store import canaries
from store.database import Connection

EVENT_ID = "canary/"  # before the canary's own id


def decide(
    conn: Connection,
    reading: Reading,
    source: str,
    received_at: datetime,
    roster: Roster,
    ids: Ids,
    now: datetime,
    phones: Phones,
) -> None:
    """Plan it as if it were meant, keep nothing of the plan, and leave it to a notifier and the null channel.

    It says of itself that it is a test: whoever took it for an event would call nobody.
    """
    meant = replace(reading, content=replace(reading.content, mode=Mode.ACTUAL))
    event = event_after(place(meant, None, "", received_at), None, source, roster, ids)
    fitting.plan(cases.with_lines(conn, cases.case(event, roster, ids, now), phones))
    canaries.decide(conn, id_of(reading), received_at, now)


def id_of(reading: Reading) -> str:
    return (reading.event_id or "").removeprefix(EVENT_ID)
