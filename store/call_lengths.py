"""How long the calls of late were, from what the vendor told of each: that it was answered, and that it is over."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from model.attempt import ReceiptKind
from model.call_lengths import Learned, learn
from model.plan import Kind
from store.partitions import first_id
from store.tables import attempts, events, notifications, receipts, said

WITHIN = timedelta(days=90)  # what was longer ago says little of tonight
RECEIPTS = 20_000  # looked through, of texts as well: so this takes milliseconds, however much there is
CALLS = 1_000  # read, of all policies

_ENDED = ReceiptKind.COMPLETED
_BEGUN = (ReceiptKind.ANSWERED, ReceiptKind.MACHINE)
_c = receipts.c
_NEWEST = (
    select(_c.attempt_id, _c.kind)
    .where(_c.attempt_id >= bindparam("since"))
    .order_by(_c.attempt_id.desc())
    .limit(RECEIPTS)
    .subquery()
)
_OVER = (
    select(_NEWEST.c.attempt_id)
    .where(_NEWEST.c.kind == said(_ENDED))
    .order_by(_NEWEST.c.attempt_id.desc())
    .limit(CALLS)
    .subquery()
)
# What we cut short would have lasted longer, and words that ask nothing are shorter: both teach nothing.
_OF_LATE = (
    select(events.c.policy, _c.attempt_id, _c.kind, _c.received_at, _c.vendor_at)
    .join(attempts, attempts.c.id == _c.attempt_id)
    .join(notifications, notifications.c.id == attempts.c.notification_id)
    .join(events, events.c.pk == notifications.c.event_pk)
    .where(
        _c.attempt_id.in_(select(_OVER.c.attempt_id)),
        _c.kind.in_((_ENDED, *_BEGUN)),
        notifications.c.kind == said(Kind.ALERT),
        notifications.c.cut_requested_at.is_(None),
    )
    .order_by(_c.attempt_id.desc())
)


class _Told(NamedTuple):
    """One thing the vendor told of a call: when we heard it, and when it was by the vendor's clock."""

    policy: str
    attempt_id: str
    kind: str
    received_at: datetime
    vendor_at: datetime | None


def of_late(conn: Connection, now: datetime) -> Mapping[str, Learned]:
    """What the last calls that asked for an answer teach, by the policy of their event."""
    found: dict[str, list[timedelta]] = {}
    rows = (_Told(*row) for row in conn.execute(_OF_LATE, {"since": first_id(now - WITHIN)}).all())
    for (policy, _), told in groupby(rows, key=lambda row: (row.policy, row.attempt_id)):
        length = _length(list(told))
        if length is not None:
            found.setdefault(policy, []).append(length)
    learned = {policy: learn(lengths) for policy, lengths in found.items()}
    return {policy: what for policy, what in learned.items() if what is not None}


def _length(told: Collection[_Told]) -> timedelta | None:
    """By the vendor's clock where it told both instants, else by ours: the two may differ. None: never picked up."""
    begins = [row for row in told if row.kind in _BEGUN]
    ends = [row for row in told if row.kind == _ENDED]
    since, until = ([row.vendor_at for row in rows if row.vendor_at] for rows in (begins, ends))
    if not (since and until):
        since, until = ([row.received_at for row in rows] for rows in (begins, ends))
    return max(until) - min(since) if since and until else None
