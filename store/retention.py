"""What is kept for how long. Each function does one small batch, so that nobody who sends waits behind it.

Whole events go: their chain goes with them. What is purged within an event (addresses, vendors' bodies) stands in the
chain as a salted hash only, so the chain still checks.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, func, or_, select, union, update

from model.event import EventStatus
from store.partitions import first_id
from store.portable import lock_event, lock_events, lockable, portions, try_alone
from store.tables import (
    agenda,
    attempts,
    bodies,
    deliveries,
    events,
    issuer_acks,
    notification_events,
    notifications,
    outcome_calls,
    placing_keys,
    receipts,
    replies,
    reply_codes,
    revisions,
    silence_holds,
    slack_threads,
    timeline,
    unreadables,
    verdicts,
    voice_in_flight,
)

EVENTS_AT_ONCE = 20
LOOSE_AT_ONCE = 200
EVENTS_TO_BLANK = 100
STILL_GOING_ON = timedelta(days=1)  # after its deadline somebody may still have to be told of an open event
PURGED = ""
_VENDOR_SENT = (
    "attempt_accepted",
    "receipt",
    "reply",
    "stranger",
)  # rows of the timeline whose private part is a vendor's body

# Everything that hangs on an event, what refers to others first.
_OF_EVENT = (
    timeline,
    verdicts,
    issuer_acks,
    outcome_calls,
    replies,
    reply_codes,
    silence_holds,
    slack_threads,
    agenda,
    notification_events,
)


class Keep(NamedTuple):
    """How long evidence is kept, and how long what vendors sent of it."""

    evidence: timedelta
    vendor_bodies: timedelta


# By when it came, which is in the key: few are as old and had something to say or to be answered since.
_SAID_SINCE = exists().where(revisions.c.event_pk == events.c.pk, revisions.c.received_at >= bindparam("then"))
# What cannot be read is counted with the first of its kind, and people are told by that count which one it is.
_CAME_SINCE = exists().where(unreadables.c.id == deliveries.c.id, unreadables.c.last_at >= bindparam("then"))
_COUNTED_SINCE = exists().where(deliveries.c.event_pk == events.c.pk, _CAME_SINCE)
_TOO_OLD = (
    select(events.c.pk)
    .where(
        events.c.pk < bindparam("first_kept"),
        events.c.deadline_at < bindparam("then"),
        ~_SAID_SINCE,
        ~_COUNTED_SINCE,
    )
    .order_by(events.c.pk)
)
_NEXT_TOO_OLD = _TOO_OLD.limit(EVENTS_AT_ONCE)
_STILL_TOO_OLD = _TOO_OLD.where(events.c.pk.in_(bindparam("pks", expanding=True)))


def delete_batch(conn: Connection, now: datetime, keep: Keep) -> int:
    """The next events that came, changed and had to be answered too long ago. Returns how many; 0: none is left."""
    if not try_alone(conn, "retention"):
        return 0  # another process is at it
    then = now - keep.evidence
    old = {"first_kept": first_id(then), "then": then}
    pks: list[str] = list(conn.scalars(_NEXT_TOO_OLD, old))
    if lockable(conn):  # something may be said of one until it is locked
        lock_events(conn, pks)
        pks = list(conn.scalars(_STILL_TOO_OLD, old | {"pks": pks}))
    for pk in pks:
        _delete_event(conn, pk)
    return len(pks)


def _delete_event(conn: Connection, pk: str) -> None:
    tried = select(attempts.c.id).where(attempts.c.event_pk == pk)
    conn.execute(delete(receipts).where(receipts.c.attempt_id.in_(tried)))
    conn.execute(delete(voice_in_flight).where(voice_in_flight.c.attempt_id.in_(tried)))
    conn.execute(delete(attempts).where(attempts.c.event_pk == pk))
    planned = select(notifications.c.id).where(notifications.c.event_pk == pk)
    conn.execute(delete(notification_events).where(notification_events.c.notification_id.in_(planned)))
    for table in _OF_EVENT:
        conn.execute(delete(table).where(table.c.event_pk == pk))
    conn.execute(delete(notifications).where(notifications.c.event_pk == pk))
    _delete_deliveries(conn, pk)
    conn.execute(delete(revisions).where(revisions.c.event_pk == pk))
    named = conn.execute(select(events.c.source, events.c.event_id).where(events.c.pk == pk)).one()
    conn.execute(
        delete(placing_keys).where(placing_keys.c.source == named.source, placing_keys.c.key == named.event_id)
    )
    conn.execute(delete(events).where(events.c.pk == pk))


# What came to nothing: of an event that was not known, with the key of one before, sent again and still not readable.
_LOOSE = (
    select(deliveries.c.id, deliveries.c.body_id)
    .where(deliveries.c.event_pk.is_(None), deliveries.c.id < bindparam("first_kept"), ~_CAME_SINCE)
    .order_by(deliveries.c.id)
    .limit(LOOSE_AT_ONCE)
)


def delete_loose(conn: Connection, now: datetime, keep: Keep) -> int:
    """The next messages of no event that came too long ago. Returns how many; 0: none is left."""
    if not try_alone(conn, "retention"):
        return 0  # another process is at it
    then = now - keep.evidence
    found = conn.execute(_LOOSE, {"first_kept": first_id(then), "then": then}).all()
    _delete_posted(conn, {row.id for row in found}, {row.body_id for row in found})
    return len(found)


def _delete_deliveries(conn: Connection, pk: str) -> None:
    found = conn.execute(select(deliveries.c.id, deliveries.c.body_id).where(deliveries.c.event_pk == pk)).all()
    _delete_posted(conn, {row.id for row in found}, {row.body_id for row in found})


def _delete_posted(conn: Connection, kept_as: Collection[str], posted: Collection[str]) -> None:
    """A body stays as long as another member of its list is kept."""
    for some in portions(kept_as):
        conn.execute(delete(unreadables).where(unreadables.c.id.in_(some)))
        conn.execute(delete(deliveries).where(deliveries.c.id.in_(some)))
    for some in portions(posted):
        conn.execute(
            delete(bodies).where(
                bodies.c.id.in_(some),
                ~exists().where(deliveries.c.body_id == bodies.c.id),
                ~exists().where(unreadables.c.body_id == bodies.c.id),
            )
        )


def blank_vendor_bodies(conn: Connection, now: datetime, keep: timedelta, after: str = "") -> str | None:
    """What vendors sent us longer ago, of the next events after that pk. Returns the last one's, None: none is left."""
    old = select(events.c.pk).where(events.c.pk > after, events.c.pk < first_id(now - keep))
    pks: list[str] = list(conn.scalars(old.order_by(events.c.pk).limit(EVENTS_TO_BLANK)))
    if not pks:
        return None
    tried = select(attempts.c.id).where(attempts.c.event_pk.in_(pks))
    # What is blank already is not written again: after each start it begins with the oldest.
    conn.execute(update(receipts).where(receipts.c.attempt_id.in_(tried), receipts.c.raw.is_not(None)).values(raw=None))
    answered = attempts.c.event_pk.in_(pks) & attempts.c.vendor_body.is_not(None)
    conn.execute(update(attempts).where(answered).values(vendor_body=None))
    sent = timeline.c.event_pk.in_(pks) & timeline.c.kind.in_(_VENDOR_SENT)
    conn.execute(update(timeline).where(sent, timeline.c.private.is_not(None)).values(private=None))
    return pks[-1]


_OVER = or_(events.c.status != EventStatus.OPEN, events.c.deadline_at < bindparam("over_before"))
# Where the roster has another address by now, only what was tried before has the old one.
_TOLD = select(events.c.pk).where(
    events.c.pk.in_(
        union(*(select(t.c.event_pk).where(t.c.address == bindparam("address")) for t in (notifications, attempts)))
    )
)
_TOLD_THERE = _TOLD.where(_OVER).limit(EVENTS_AT_ONCE)
_TRIED_THERE = select(attempts.c.id).where(attempts.c.address == bindparam("address"))


class Held(NamedTuple):
    """Where an address stands: in how many events that are over, in how many that go on, in how many tries."""

    over: int
    going_on: int
    tries: int


def held(conn: Connection, address: str, now: datetime) -> Held:
    """What `purge_address` would find, and what it would leave until it is over."""
    given = {"address": address, "over_before": now - STILL_GOING_ON}
    over, told, tries = (
        conn.scalar(select(func.count()).select_from(query.subquery()), given) or 0
        for query in (_TOLD.where(_OVER), _TOLD, _TRIED_THERE)
    )
    return Held(over, told - over, tries)


def purge_address(conn: Connection, address: str, now: datetime) -> int:
    """Take a phone number (or another address) out of events that are over. Returns in how many; 0: it is nowhere.

    That there was a call or a text, its words and its outcome stay.
    """
    over_before = now - STILL_GOING_ON
    pks = list(conn.scalars(_TOLD_THERE, {"address": address, "over_before": over_before}))
    for pk in sorted(pks):
        lock_event(conn, pk)
        tried = select(attempts.c.id).where(attempts.c.event_pk == pk, attempts.c.address == address)
        hidden = timeline.c.private.contains(address, autoescape=True)
        conn.execute(update(timeline).where(timeline.c.event_pk == pk, hidden).values(private=None))
        conn.execute(update(receipts).where(receipts.c.attempt_id.in_(tried)).values(raw=None))
        for table in (notifications, attempts):
            held = (table.c.event_pk == pk) & (table.c.address == address)
            blank = {"vendor_body": None} if table is attempts else {}
            conn.execute(update(table).where(held).values(address=PURGED, **blank))
        conn.execute(delete(reply_codes).where(reply_codes.c.event_pk == pk, reply_codes.c.number == address))
    return len(pks)
