"""What waits for people follows the roster: to their new number, or to nobody where they are not in it any more."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from model.ids import Ids
from model.plan import PERSONAL, Kind, Notification, State
from model.roster import Roster
from store import plans, timeline
from store.tables import notifications, said

_ASKS = [Kind.ALERT, Kind.UPDATE, Kind.CONFIRM]  # who was told that there is something hears its end all the same
_WAITING = (
    select(notifications)
    .where(
        notifications.c.state == said(State.PENDING),
        notifications.c.kind.in_(_ASKS),
        notifications.c.channel.in_(PERSONAL),
        notifications.c.sent_at.is_(None),
        notifications.c.person.in_(bindparam("people", expanding=True)),
    )
    .order_by(notifications.c.event_pk, notifications.c.id)
)
_MOVE_TO = (
    update(notifications)
    .where(notifications.c.id == bindparam("row_id"), notifications.c.state == said(State.PENDING))
    .values(address=bindparam("to"), hold=None)
)


def follow(conn: Connection, ids: Ids, before: Roster, after: Roster, now: datetime) -> None:
    """For a roster that is being saved: `after` comes into force with the caller's transaction."""
    people = sorted(name for name, person in before.people.items() if after.people.get(name) != person)
    if not people:
        return
    for row in [plans.notification(found) for found in conn.execute(_WAITING, {"people": people})]:
        for what in _follow(conn, row, after, now):
            body = {"notification": row.id, "channel": row.channel, "person": row.person, "reason": what}
            timeline.append(conn, ids, row.event_pk, now, "readdressed", body)
            plans.ask_revise(conn, ids, row.event_pk, row.lane, f"{row.person}: {what}", now, urgent=False)


def _follow(conn: Connection, row: Notification, roster: Roster, now: datetime) -> Iterator[str]:
    """What was done, nothing where its address is right or somebody has it in hand."""
    person = roster.people.get(row.person or "")
    if person and row.address in person.addresses(row.channel):
        return
    to = person.address(row.channel) if person else None
    if to is not None:
        if conn.execute(_MOVE_TO, {"row_id": row.id, "to": to}).rowcount:
            yield f"the roster has another {row.channel} address"
        return
    why = f"no {row.channel} address in the roster any more" if person else "not in the roster any more"
    if plans.move(conn, row.id, State.FAILED, now, reason=why, hold=None):
        yield why
