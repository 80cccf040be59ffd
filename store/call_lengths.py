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
RECEIPTS = 5_000  # looked through, of texts as well: so this takes milliseconds, however much there is
CALLS = 500  # of all policies

_ENDED = ReceiptKind.COMPLETED
_BEGUN = (ReceiptKind.ANSWERED, ReceiptKind.MACHINE)
_NEWEST = (
    select(receipts.c.attempt_id, receipts.c.kind, receipts.c.received_at, receipts.c.vendor_at)
    .where(receipts.c.attempt_id >= bindparam("since"))
    .order_by(receipts.c.attempt_id.desc())
    .limit(RECEIPTS)
    .subquery()
)
_TOLD = select(_NEWEST).where(_NEWEST.c.kind.in_((_ENDED, *_BEGUN))).order_by(_NEWEST.c.attempt_id.desc())
# What we cut short would have lasted longer, and words that ask nothing are shorter: both teach nothing.
_ABOUT = (
    select(attempts.c.id, events.c.policy)
    .join(notifications, notifications.c.id == attempts.c.notification_id)
    .join(events, events.c.pk == notifications.c.event_pk)
    .where(
        attempts.c.id.in_(bindparam("ids", expanding=True)),
        attempts.c.id >= bindparam("oldest"),  # said again: of what is kept by months, the last ones only
        notifications.c.kind == said(Kind.ALERT),
        notifications.c.cut_requested_at.is_(None),
    )
)


class _Told(NamedTuple):
    """One thing the vendor told of a call: when we heard it, and when it was by the vendor's clock."""

    attempt_id: str
    kind: str
    received_at: datetime
    vendor_at: datetime | None


def of_late(conn: Connection, now: datetime) -> Mapping[str, Learned]:
    """What the last calls that asked for an answer teach, by the policy of their event."""
    told = (_Told(*row) for row in conn.execute(_TOLD, {"since": first_id(now - WITHIN)}))
    by_call = [(call, _length(list(rows))) for call, rows in groupby(told, key=lambda row: row.attempt_id)]
    lengths = dict([(call, length) for call, length in by_call if length is not None][:CALLS])
    if not lengths:
        return {}
    rows = conn.execute(_ABOUT, {"ids": list(lengths), "oldest": min(lengths)})
    about = {call: policy for call, policy in rows}
    of_policy: dict[str, list[timedelta]] = {}
    for call, length in lengths.items():
        if call in about:
            of_policy.setdefault(about[call], []).append(length)
    learned = {policy: learn(found) for policy, found in of_policy.items()}
    return {policy: what for policy, what in learned.items() if what is not None}


def _length(told: Collection[_Told]) -> timedelta | None:
    """By the vendor's clock where it told both instants, else by ours: the two may differ. None: never picked up."""
    begins = [row for row in told if row.kind in _BEGUN]
    ends = [row for row in told if row.kind == _ENDED]
    since, until = ([row.vendor_at for row in rows if row.vendor_at] for rows in (begins, ends))
    if not (since and until):
        since, until = ([row.received_at for row in rows] for rows in (begins, ends))
    return max(until) - min(since) if since and until else None
