"""Which numbers were verified, over each database."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from store import contacts
from store.contacts import Contact
from store.database import Connection, Database

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)


async def test_kept_by_the_exact_address(database: Database) -> None:
    many = {f"+1312555{n:04d}" for n in range(1200)}
    sure = Contact(address="+13125550007", verified_at=NOW, verified_by="key ana")
    for contact in (sure, Contact(address="+13125550008", code_sha256="0" * 64, sent_at=NOW)):
        await database.transact(lambda conn, c=contact: contacts.put(conn, c))
    assert await database.read(lambda conn: contacts.verified(conn, many)) == {sure.address}
    assert await database.transact(lambda conn: contacts.held(conn, sure.address)) == sure
    await database.transact(lambda conn: contacts.forget(conn, sure.address))
    assert await database.read(lambda conn: contacts.verified(conn, many)) == set()


async def test_no_try_is_lost_between_two_who_try(database: Database) -> None:
    await database.transact(lambda conn: contacts.put(conn, Contact(address="a", tries_left=20)))

    def attempt(conn: Connection) -> None:
        known = contacts.held(conn, "a")
        contacts.put(conn, replace(known, tries_left=known.tries_left - 1))

    await asyncio.gather(*(database.transact(attempt) for _ in range(20)))
    assert (await database.transact(lambda conn: contacts.held(conn, "a"))).tries_left == 0
