"""What stands in Slack of a row that was told there: the message, all that it tells, and what of it is over."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from model.attempt import AttemptState
from model.plan import Kind, Notification, State
from store import attempts, bundles, plans
from store.tables import notifications, said

_EDITS = select(notifications).where(
    notifications.c.event_pk.in_(bindparam("event_pks", expanding=True)),
    notifications.c.kind == said(Kind.EDIT),
    notifications.c.follows.in_(bindparam("told", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class Post:
    """`vendor_id` is Slack's name of it, `attempt_id` stands in its buttons.

    `told`: the rows that it tells, several where it is a bundle. `edits`: of those whose event is over the row that
    says so there, by the id of the row that told it.
    """

    vendor_id: str
    attempt_id: str
    told: tuple[Notification, ...]
    edits: Mapping[str, Notification]

    @property
    def bundle(self) -> bool:
        return len(self.told) > 1

    def besides(self, edit_id: str) -> tuple[Notification, ...]:
        """What is still to be marked in it as well: it is one change of one message."""
        mine = any(row.id == edit_id for row in self.edits.values())
        return tuple(r for r in self.edits.values() if mine and r.state is State.PENDING and r.id != edit_id)


def standing(conn: Connection, told_id: str) -> Post | None:
    """The message that told that row; None where the vendor has taken none."""
    told = plans.one(conn, told_id)
    leader = told.carried_by or told.id
    taken = [a for a in attempts.of_notification(conn, leader) if a.state is AttemptState.ACCEPTED and a.vendor_id]
    if not taken:
        return None
    message = taken[-1]
    rows = [plans.one(conn, leader), *(bundles.carried(conn, leader) if message.bundle else ())]
    about = {"event_pks": sorted({row.event_pk for row in rows}), "told": [row.id for row in rows]}
    edits = [plans.notification(row) for row in conn.execute(_EDITS, about)]
    there = {edit.follows or "": edit for edit in edits if not edit.details.get("anew")}
    return Post(message.vendor_id or "", message.id, tuple(rows), there)
