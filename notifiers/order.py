"""Whose turn it is when there is more to send than can be sent: everybody's first message before anybody's second.

And what is told together: what a limit has held back, the ends of several events, and all that one call can tell.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from model.plan import WAYS, ChannelName, Hold, Kind, Notification
from store.outbox import Due, urgency

REMEMBERED = 10_000
HELD = frozenset({Hold.BUNDLE, Hold.PERSON_LIMIT})
# The events of a call that reached nobody are looked at one by one: so long the first re-dial waits for the others.
AGAIN_TOGETHER = timedelta(seconds=2)
ENDS_AT_ONCE = 3  # more ends of events than so many, due at the same moment, are one message


class Told:
    """Remembers who was told something of which event, as far as this process did it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], None] = {}

    def note(self, row: Notification) -> None:
        self._known[_whom(row)] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]  # the oldest

    def first_messages_first(self, due: Sequence[Due]) -> list[Due]:
        """By lane; in a lane calls and first messages before what tells somebody the same again; then by urgency."""
        ranks: dict[str, tuple[int, bool]] = {}
        seen: set[tuple[str, str]] = set()
        in_order = sorted(due, key=urgency)
        for row in (one.notification for one in in_order):
            whom = _whom(row)
            again = (whom in seen or whom in self._known) and row.channel is not ChannelName.VOICE
            seen.add(whom)
            ranks[row.id] = (row.lane, again)
        return sorted(in_order, key=lambda one: ranks[one.notification.id])


def by_reader(due: Sequence[Due]) -> Iterable[list[Due]]:
    """Rows of the same kind for the same reader in the same way, in the order of the first of them.

    What is told in part already stands alone.
    """
    found: dict[tuple[ChannelName, str, Kind, str], list[Due]] = {}
    for one in due:
        row = one.notification
        alone = row.id if row.sent_at else ""
        found.setdefault((row.channel, row.address, row.kind, alone), []).append(one)
    return found.values()


def gathers(rows: Sequence[Due]) -> bool:
    """Of one reader: they are told together, with whatever else waits."""
    first = rows[0].notification
    if WAYS[first.channel].together == 1 or first.sent_at:
        return False
    if first.channel is ChannelName.VOICE:
        return first.kind is Kind.ALERT  # a call that can tell what waits anyway spares another one
    if first.kind is Kind.STAND_DOWN:
        return len(rows) > ENDS_AT_ONCE
    return any(one.notification.hold in HELD for one in rows)


def along(leader: Notification, others: Sequence[Notification]) -> Sequence[Notification]:
    """Those of `others` that its message may tell: a call is for one person, whose key speaks once for each event."""
    if leader.channel is not ChannelName.VOICE:
        return others
    found: dict[str, Notification] = {}
    for row in others:
        if row.person == leader.person and row.event_pk != leader.event_pk:
            found.setdefault(row.event_pk, row)
    return list(found.values())


def waits_for_others(due: Due, now: datetime) -> datetime | None:
    """Until when a re-dial waits for others, should the call before it have told several; None: it goes now."""
    row, at = due.notification, due.notification.due_at + AGAIN_TOGETHER
    fresh = row.redial and row.kind is Kind.ALERT and row.hold is None and due.tries == 0
    return at if fresh and now < at <= row.until else None


def _whom(row: Notification) -> tuple[str, str]:
    return row.event_pk, row.person or ""
