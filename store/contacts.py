"""What is known of each number and Slack user by itself: the code that was sent there, and whether it was said back."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from store.portable import lock_alone, portions
from store.tables import contacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Of one address, exactly as the roster has it; whatever is written otherwise is another one.

    `code_sha256` None: no code is open. `day_codes` were sent since `day_since`.
    """

    address: str
    code_sha256: str | None = None
    sent_at: datetime | None = None
    tries_left: int = 0
    day_since: datetime | None = None
    day_codes: int = 0
    verified_at: datetime | None = None
    verified_by: str = ""


def held(conn: Connection, address: str) -> Contact:
    """Nobody else changes one until this transaction ends."""
    lock_alone(conn, "contacts")
    row = conn.execute(select(contacts).where(contacts.c.address == address)).mappings().first()
    return Contact(**row) if row else Contact(address=address)


def put(conn: Connection, contact: Contact) -> None:
    forget(conn, contact.address)
    conn.execute(insert(contacts).values(**asdict(contact)))


def forget(conn: Connection, address: str) -> None:
    conn.execute(delete(contacts).where(contacts.c.address == address))


def verified(conn: Connection, addresses: Collection[str]) -> set[str]:
    """Those of the addresses that are."""
    found = set[str]()
    for some in portions(sorted(addresses)):
        there = contacts.c.address.in_(some) & contacts.c.verified_at.is_not(None)
        found |= set(conn.scalars(select(contacts.c.address).where(there)))
    return found
