"""The chain of an event's evidence: each sealed row carries the hash of the row before it.

Rows are sealed after they have committed, in the order of their numbers; a late commit simply comes later. One
process seals at a time.
Hash = SHA-256 over canonical JSON of (seal_no, prev_hash, id, event, at, kind, body, private_sha256).
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, select, update

from store.codec import canonical, sha256
from store.compared import differences
from store.partitions import first_id, made_at
from store.portable import try_alone
from store.tables import timeline

GENESIS = "0" * 64
BATCH = 50
# Rows are sealed in the order of their numbers, but for those whose transaction took longer than its neighbours'.
OVERTAKEN = timedelta(minutes=5)

_ROW = (
    timeline.c.n,
    timeline.c.id,
    timeline.c.event_pk,
    timeline.c.at,
    timeline.c.kind,
    timeline.c.body,
    timeline.c.private,
    timeline.c.private_sha256,
    timeline.c.salt,
    timeline.c.seal_no,
    timeline.c.prev_hash,
    timeline.c.hash,
)


class State(NamedTuple):
    """How many rows of an event are in its chain, and how many wait for the sealer."""

    sealed: int
    unsealed: int


class Head(NamedTuple):
    """The last sealed row of a chain: its number and its hash, which covers all rows before it."""

    seal_no: int
    hash: str


class Break(NamedTuple):
    """Where an event's chain does not hold, and why. `seal_no` None: at no row that is sealed."""

    event_pk: str
    seal_no: int | None
    why: str


def _hash(row: Any, seal_no: int, prev_hash: str) -> str:
    return sha256(
        canonical(
            {
                "seal_no": seal_no,
                "prev_hash": prev_hash,
                "id": row.id,
                "event": row.event_pk,
                "at": row.at.isoformat(),
                "kind": row.kind,
                "body": row.body,
                "private_sha256": row.private_sha256,
            }
        )
    )


_OF_EVENT = select(*_ROW).where(timeline.c.event_pk == bindparam("event_pk")).order_by(timeline.c.n)
_UNSEALED = select(*_ROW).where(timeline.c.seal_no.is_(None)).order_by(timeline.c.n).limit(BATCH)
_SEAL = (
    update(timeline)
    .where(timeline.c.id == bindparam("row_id"), timeline.c.n == bindparam("row_n"))  # the id tells the month
    .values(seal_no=bindparam("new_seal_no"), prev_hash=bindparam("new_prev_hash"), hash=bindparam("new_hash"))
)
_ENDS = (
    select(timeline.c.event_pk, func.max(timeline.c.seal_no).label("seal_no"))
    .where(timeline.c.event_pk.in_(bindparam("event_pks", expanding=True)))
    .group_by(timeline.c.event_pk)
    .subquery()
)
_HEADS = select(timeline.c.event_pk, timeline.c.seal_no, timeline.c.hash).join(
    _ENDS, and_(timeline.c.event_pk == _ENDS.c.event_pk, timeline.c.seal_no == _ENDS.c.seal_no)
)


def seal(conn: Connection) -> int:
    """Seal up to BATCH committed rows. Returns how many. Small batches: calls and answers wait for the same writer."""
    if not try_alone(conn, "seal"):
        return 0  # another process is at it
    rows = conn.execute(_UNSEALED).all()
    ends = heads(conn, {row.event_pk for row in rows})
    sealed = []
    for row in rows:
        seal_no, prev_hash = ends.get(row.event_pk, Head(0, GENESIS))
        digest = _hash(row, seal_no + 1, prev_hash)
        link = {"new_seal_no": seal_no + 1, "new_prev_hash": prev_hash, "new_hash": digest}
        sealed.append({"row_id": row.id, "row_n": row.n, **link})
        ends[row.event_pk] = Head(seal_no + 1, digest)
    if sealed:
        conn.execute(_SEAL, sealed)
    return len(sealed)


def heads(conn: Connection, event_pks: Collection[str]) -> dict[str, Head]:
    """Of each event that has a sealed row."""
    found = conn.execute(_HEADS, {"event_pks": sorted(event_pks)}) if event_pks else ()
    return {row.event_pk: Head(row.seal_no, row.hash) for row in found}


_NUMBERS = select(timeline.c.seal_no).where(timeline.c.event_pk == bindparam("event_pk"))


def state(conn: Connection, event_pk: str) -> State:
    numbers = conn.scalars(_NUMBERS, {"event_pk": event_pk}).all()
    sealed = sum(number is not None for number in numbers)
    return State(sealed, len(numbers) - sealed)


def check(conn: Connection, event_pk: str, kept: Iterable[Head] = ()) -> list[Break]:
    """Every place where the event's chain, its private parts, or what other tables hold of it were changed.

    `kept`: ends that the chain had and that were written down elsewhere.
    """
    rows = conn.execute(_OF_EVENT, {"event_pk": event_pk}).all()
    chain = sorted((row for row in rows if row.seal_no is not None), key=lambda row: row.seal_no)
    compared = (Break(event_pk, *found) for found in differences(conn, event_pk, rows))
    return [*_chain_breaks(event_pk, chain), *_unlike(event_pk, chain, kept), *compared]


_NEWEST = select(timeline.c.n, timeline.c.id).where(timeline.c.seal_no.is_not(None)).order_by(timeline.c.n.desc())
_LEFT = select(timeline.c.event_pk, timeline.c.kind).where(
    timeline.c.seal_no.is_(None), timeline.c.n < bindparam("n"), timeline.c.id < bindparam("id")
)


def left(conn: Connection) -> list[Break]:
    """Rows of any event that are not sealed, though what was written minutes later is: somebody has taken their seal.

    A sealer that is away, or a copy of the database, leaves the newest rows unsealed and none before them.
    """
    newest = conn.execute(_NEWEST.limit(1)).first()
    if newest is None:
        return []
    before = {"n": newest.n, "id": first_id(made_at(newest.id) - OVERTAKEN)}
    return [
        Break(row.event_pk, None, f"the row {row.kind!r} is not sealed, and later ones are")
        for row in conn.execute(_LEFT.order_by(timeline.c.n), before)
    ]


def _chain_breaks(event_pk: str, rows: Iterable[Any]) -> Iterable[Break]:
    prev_hash = GENESIS
    for expected_no, row in enumerate(rows, start=1):
        if row.seal_no != expected_no:
            yield Break(event_pk, row.seal_no, f"row {expected_no} is missing")
        elif row.prev_hash != prev_hash or row.hash != _hash(row, row.seal_no, row.prev_hash):
            yield Break(event_pk, row.seal_no, f"the row {row.kind!r} was changed")
        if row.private is not None and row.private_sha256 != sha256(row.salt + row.private):
            yield Break(event_pk, row.seal_no, f"the private part of {row.kind!r} was changed")
        prev_hash = row.hash


def _unlike(event_pk: str, rows: Iterable[Any], kept: Iterable[Head]) -> Iterable[Break]:
    hashes = {row.seal_no: row.hash for row in rows}
    for head in sorted(kept):
        if head.seal_no not in hashes:
            yield Break(event_pk, head.seal_no, "the row is gone: it was there when the heads were kept")
        elif hashes[head.seal_no] != head.hash:
            yield Break(event_pk, head.seal_no, "the row is another one than when the heads were kept")
