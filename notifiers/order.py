"""Whose turn it is when there is more to send than can be sent: everybody's first message before anybody's second."""

from collections.abc import Sequence

from model.plan import ChannelName, Notification
from store.outbox import Due, urgency

REMEMBERED = 10_000


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


def _whom(row: Notification) -> tuple[str, str]:
    return row.event_pk, row.person or ""
