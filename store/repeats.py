"""Which message had a sender's key first."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, tuple_

from broker.base import Message
from store.codec import sha256
from store.portable import upsert
from store.tables import idempotency_keys

FORGET_AT_ONCE = 5_000


class Bound(NamedTuple):
    """`body_id`: of the message that has the key."""

    body_id: str
    sha256: str
    received_at: datetime

    def same(self, message: Message) -> bool:
        return self.sha256 == sha256(message.body)


_BIND = upsert(idempotency_keys).on_conflict_do_nothing()
_BOUND = select(*(idempotency_keys.c[name] for name in Bound._fields)).where(
    idempotency_keys.c.source == bindparam("source"), idempotency_keys.c.key == bindparam("key")
)
_NAMES = idempotency_keys.c.source, idempotency_keys.c.key
_OLD = select(*_NAMES).where(idempotency_keys.c.received_at < bindparam("before")).limit(FORGET_AT_ONCE)
_FORGET = delete(idempotency_keys).where(tuple_(*_NAMES).in_(_OLD))


def bind(conn: Connection, message: Message, key: str) -> Bound:
    """The message's own, when nobody of its source had the key before. Waits for who is at the same key."""
    own = Bound(message.id, sha256(message.body), message.received_at)
    conn.execute(_BIND, {"source": message.source, "key": key} | own._asdict())
    return Bound(*conn.execute(_BOUND, {"source": message.source, "key": key}).one())


def forget(conn: Connection, before: datetime) -> int:
    """The next keys of messages that came before then. Returns how many; 0: none is left."""
    return conn.execute(_FORGET, {"before": before}).rowcount
