"""Tries at a vendor: intent before effect, then the result, then what the vendor told us about it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from model.attempt import Attempt, AttemptState, Receipt, Sent, Words
from model.limits import Message, Ring
from model.plan import ChannelName, Kind
from store import bundles
from store.codec import canonical, mapping
from store.portable import lockable, portions, upsert
from store.tables import attempts, notifications, receipts, said

_ADD = insert(attempts)
_OPEN_STATES = [said(state) for state in (AttemptState.SENDING, AttemptState.UNKNOWN)]
_RECORD = (
    update(attempts)
    .where(attempts.c.id == bindparam("attempt_id"), attempts.c.state.in_(_OPEN_STATES))
    .values(
        state=bindparam("new_state"),
        ended_at=bindparam("now"),
        vendor_id=bindparam("vendor_id"),
        vendor_at=bindparam("vendor_at"),
        vendor_body=bindparam("vendor_body"),
        error=bindparam("error"),
    )
)


def add(conn: Connection, rows: Sequence[Attempt]) -> None:
    if not rows:
        return
    conn.execute(
        _ADD,
        [
            {
                "id": row.id,
                "notification_id": row.notification_id,
                "event_pk": row.event_pk,
                "channel": row.channel,
                "address": row.address,
                "part": row.part,
                "parts": row.parts,
                "words": row.words.text,
                "template": row.words.template,
                "payload": canonical(dict(row.words.payload)),
                "started_at": row.started_at,
                "state": row.state,
                "error": "",
                "bundle": row.bundle,
            }
            for row in rows
        ],
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        id=row.id,
        notification_id=row.notification_id,
        event_pk=row.event_pk,
        channel=ChannelName(row.channel),
        address=row.address,
        words=Words(text=row.words, template=row.template, payload=mapping(row.payload)),
        started_at=row.started_at,
        ended_at=row.ended_at,
        part=row.part,
        parts=row.parts,
        state=AttemptState(row.state),
        vendor_id=row.vendor_id,
        vendor_at=row.vendor_at,
        error=row.error,
        bundle=row.bundle,
    )


_ONE = select(attempts).where(attempts.c.id == bindparam("id"))
_IN_ORDER = select(attempts).order_by(attempts.c.started_at, attempts.c.part, attempts.c.id)
_OF_NOTIFICATION = _IN_ORDER.where(attempts.c.notification_id == bindparam("id"))
_CARRIERS = select(notifications.c.carried_by).where(
    notifications.c.event_pk == bindparam("id"), notifications.c.carried_by.is_not(None)
)
_OF_EVENT = _IN_ORDER.where(attempts.c.event_pk == bindparam("id"))
# Asked with "or" in one statement, the months of many years would be read whole.
_CARRYING = _IN_ORDER.where(
    attempts.c.notification_id.in_(bindparam("ids", expanding=True)), attempts.c.event_pk != bindparam("id")
)


def one(conn: Connection, attempt_id: str) -> Attempt | None:
    row = conn.execute(_ONE, {"id": attempt_id}).first()
    return _attempt(row) if row else None


def one_to_change(conn: Connection, attempt_id: str) -> Attempt | None:
    """As `one`, and nobody else changes the plan of what it tells until the transaction ends."""
    attempt = one(conn, attempt_id)
    if attempt is None or not lockable(conn):
        return attempt
    bundles.lock(conn, attempt.event_pk, attempt.notification_id, bundle=attempt.bundle, named=attempt.named)
    return one(conn, attempt_id)


def of_notification(conn: Connection, notification_id: str) -> list[Attempt]:
    return [_attempt(row) for row in conn.execute(_OF_NOTIFICATION, {"id": notification_id})]


_ACCEPTED = _IN_ORDER.where(
    attempts.c.notification_id.in_(bindparam("ids", expanding=True)), attempts.c.state == AttemptState.ACCEPTED
)


def accepted(conn: Connection, notification_ids: Collection[str]) -> list[Attempt]:
    """Those that the vendor has."""
    return [_attempt(row) for row in conn.execute(_ACCEPTED, {"ids": list(notification_ids)})]


def of_event(conn: Connection, event_pk: str) -> list[Attempt]:
    """Those of its own rows, and those whose message told it along with others."""
    rows = conn.execute(_OF_EVENT, {"id": event_pk}).all()
    if carriers := list(set(conn.scalars(_CARRIERS, {"id": event_pk}))):
        found = [*rows, *conn.execute(_CARRYING, {"id": event_pk, "ids": carriers})]
        rows = sorted(found, key=lambda row: (row.started_at, row.part, row.id))
    return [_attempt(row) for row in rows]


_NEVER_RANG = (AttemptState.FAILED, AttemptState.ABSENT)
_along = notifications.alias("along")
_RINGS = (
    select(attempts.c.id, attempts.c.started_at, attempts.c.event_pk, _along.c.event_pk.label("other"))
    .join(notifications, notifications.c.id == attempts.c.notification_id)
    .outerjoin(_along, _along.c.carried_by == attempts.c.notification_id)
    .where(
        attempts.c.address.in_(bindparam("numbers", expanding=True)),
        attempts.c.started_at > bindparam("since"),
        attempts.c.channel == ChannelName.VOICE,
        attempts.c.state.not_in(_NEVER_RANG),
        notifications.c.kind == Kind.ALERT,
    )
)


def rings(conn: Connection, numbers: Collection[str], since: datetime) -> list[Ring]:
    """The calls that asked for an answer at any of those numbers since then, those being made among them."""
    found: dict[str, Ring] = {}
    for attempt_id, at, event_pk, other in conn.execute(_RINGS, {"numbers": list(numbers), "since": since}):
        ring = found.get(attempt_id, Ring(at, event_pk))
        found[attempt_id] = ring._replace(others=(*ring.others, other)) if other else ring
    return list(found.values())


_WRITTEN = (
    select(attempts.c.channel, attempts.c.address, attempts.c.started_at, notifications.c.kind, notifications.c.lane)
    .join(notifications, notifications.c.id == attempts.c.notification_id)
    .where(
        attempts.c.address.in_(bindparam("addresses", expanding=True)),
        attempts.c.started_at > bindparam("since"),
        attempts.c.part == 1,
        attempts.c.state.not_in(_NEVER_RANG),
    )
)


def written(
    conn: Connection, addresses: Collection[str], since: datetime
) -> dict[tuple[ChannelName, str], list[Message]]:
    """What was sent to each of them since then, or is being sent, by channel and address."""
    found: dict[tuple[ChannelName, str], list[Message]] = {}
    for channel, address, at, kind, lane in conn.execute(_WRITTEN, {"addresses": list(addresses), "since": since}):
        found.setdefault((ChannelName(channel), address), []).append(Message(at, Kind(kind), lane == 0))
    return found


def record(
    conn: Connection,
    attempt_id: str,
    state: AttemptState,
    now: datetime,
    *,
    vendor_id: str | None = None,
    vendor_at: datetime | None = None,
    vendor_body: Mapping[str, Any] | None = None,
    error: str = "",
) -> bool:
    """Write the outcome of a try. False when it was settled already (a callback came first)."""
    changed = conn.execute(
        _RECORD,
        {
            "attempt_id": attempt_id,
            "new_state": state,
            "now": now,
            "vendor_id": vendor_id,
            "vendor_at": vendor_at,
            "vendor_body": canonical(dict(vendor_body)) if vendor_body else None,
            "error": error,
        },
    )
    return changed.rowcount == 1


def record_accepted(conn: Connection, accepted: Iterable[tuple[str, Sent, datetime]]) -> None:
    """As `record`, those that vendors have accepted: the attempts' ids, what was answered, and when."""
    conn.execute(
        _RECORD,
        [
            {
                "attempt_id": attempt_id,
                "new_state": AttemptState.ACCEPTED,
                "now": at,
                "vendor_id": result.vendor_id,
                "vendor_at": result.vendor_at,
                "vendor_body": canonical(dict(result.raw)) if result.raw else None,
                "error": "",
            }
            for attempt_id, result, at in accepted
        ],
    )


def known_vendor_ids(conn: Connection, channel: ChannelName, address: str, since: datetime) -> frozenset[str]:
    """The vendor's names of everything we know we sent to that address since then."""
    return frozenset(conn.scalars(_KNOWN, {"channel": channel, "address": address, "since": since}))


_OF_VENDOR = select(attempts.c.vendor_id, attempts.c.id).where(
    attempts.c.address.in_(bindparam("numbers", expanding=True)),
    attempts.c.started_at > bindparam("since"),
    attempts.c.vendor_id.in_(bindparam("vendor_ids", expanding=True)),
)


def of_vendor(conn: Connection, numbers: Mapping[str, str], since: datetime) -> dict[str, str]:
    """Which attempt each of the vendor's ids belongs to; ids are given with their numbers."""
    wanted = {"numbers": sorted(set(numbers.values())), "since": since, "vendor_ids": sorted(numbers)}
    return {row.vendor_id: row.id for row in conn.execute(_OF_VENDOR, wanted)}


_KNOWN = select(attempts.c.vendor_id).where(
    attempts.c.channel == bindparam("channel"),
    attempts.c.address == bindparam("address"),
    attempts.c.started_at >= bindparam("since"),
    attempts.c.vendor_id.is_not(None),
)
_ADD_RECEIPT = upsert(receipts).on_conflict_do_nothing()


def add_receipt(conn: Connection, attempt_id: str, receipt: Receipt, now: datetime) -> bool:
    """Keep what the vendor told us. False when the same was told before."""
    row = {
        "attempt_id": attempt_id,
        "kind": receipt.kind,
        "sequence": receipt.sequence,
        "received_at": now,
        "vendor_at": receipt.vendor_at,
        "code": receipt.code,
        "raw": canonical(dict(receipt.raw)),
        "by_machine": receipt.by_machine,
    }
    return bool(conn.execute(_ADD_RECEIPT, row).rowcount)


_WHO_PICKED_UP = select(receipts.c.kind).where(
    receipts.c.attempt_id == bindparam("attempt"), receipts.c.by_machine.is_not(None)
)


def told_who_picked_up(conn: Connection, attempt_id: str) -> bool:
    """Whether a receipt has said if it was a machine."""
    return conn.execute(_WHO_PICKED_UP, {"attempt": attempt_id}).first() is not None


class ReceiptRow(NamedTuple):
    attempt_id: str
    kind: str
    received_at: datetime
    vendor_at: datetime | None
    code: str | None


_RECEIPTS = select(
    receipts.c.attempt_id,
    receipts.c.kind,
    receipts.c.received_at,
    receipts.c.vendor_at,
    receipts.c.code,
    receipts.c.sequence,
).where(receipts.c.attempt_id.in_(bindparam("ids", expanding=True)))


def receipts_of(conn: Connection, attempt_ids: Collection[str]) -> list[ReceiptRow]:
    """What vendors said of them, in the order in which it came."""
    found = [row for some in portions(attempt_ids) for row in conn.execute(_RECEIPTS, {"ids": some})]
    found.sort(key=lambda row: (row.received_at, row.sequence))
    return [ReceiptRow(*row[:-1]) for row in found]
