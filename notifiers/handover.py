"""What the router of this very process has just granted, claimed without a look at the table.

Only first messages that need nothing more from the database: a text's code and an event's thread are read by a look.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from model.plan import ChannelName, Kind, Notification
from notifiers.jobs import Batch
from notifiers.order import Told
from store.outbox import Due, Share
from store.signals import Handover

_WITHOUT_A_LOOK = frozenset(ChannelName) - {ChannelName.SMS}


def batch(
    handovers: Iterable[Handover],
    room: Mapping[ChannelName, int],
    at_most: int,
    told: Told,
    share: Share,
    now: datetime,
) -> Batch:
    """At most `room` of a channel, and `at_most` in all; the rest is for the look that must follow (`more`)."""
    mine = {row.id: (row, one) for one in handovers for row in one.rows if _fit(row, share, now)}
    due = list(_within(room, told.first_messages_first([Due(row, 0) for row, _ in mine.values()])))[:at_most]
    chosen = [mine[one.notification.id][1] for one in due]
    return Batch(
        due=due,
        events={one.event.pk: one.event for one in chosen},
        traces={one.notification.id: from_.trace for one, from_ in zip(due, chosen, strict=True) if from_.trace},
        more=True,
    )


def _fit(row: Notification, share: Share, now: datetime) -> bool:
    return (
        row.due_at <= now <= row.until
        and row.kind is Kind.ALERT
        and row.channel in _WITHOUT_A_LOOK
        and row.follows is None
        and share.has(row.id)
    )


def _within(room: Mapping[ChannelName, int], due: Iterable[Due]) -> Iterator[Due]:
    taken: Counter[ChannelName] = Counter()
    for one in due:
        channel = one.notification.channel
        if taken[channel] < room.get(channel, 0):
            taken[channel] += 1
            yield one
