"""The books of a run: accepted = told + explained, nobody rung twice, nothing left in anybody's hands, evidence whole.

What the vendors were asked for is read at the stand-ins, everything else in the database, the queues and the spool.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aio_pika
from sqlalchemy import Connection, func, select

from broker.topology import Topology
from model.attempt import AttemptState
from model.plan import AgendaState, State
from store import seal
from store.postgres import at_once
from store.tables import (
    agenda,
    attempts,
    deliveries,
    events,
    leases,
    notifications,
    timeline,
    verdicts,
    voice_in_flight,
)
from tests import postgres
from tests.crash.cluster import Cluster
from tests.crash.upstream import Posted

REACHED = (State.SENT, State.DELIVERED, State.ANSWERED, State.ACKNOWLEDGED, State.DECLINED)
OVERDUE = timedelta(seconds=3)
LEASE_SECONDS = 20
_TOLD = select(func.count(attempts.c.event_pk.distinct())).where(attempts.c.state == AttemptState.ACCEPTED)


@dataclass
class Books:
    """What became of the accepted events (event ids), and what is wrong."""

    accepted: int
    told: set[str]
    explained: set[str]
    lost: set[str]
    rung_twice: dict[str, int] = field(default_factory=dict)  # notification -> calls a vendor accepted
    sent_twice: dict[str, int] = field(default_factory=dict)  # the same of texts and posts
    first_asked: dict[str, float] = field(default_factory=dict)  # event id -> when a vendor was first asked about it
    broken: list[str] = field(default_factory=list)


def left(cluster: Cluster) -> dict[str, int]:
    """What is in somebody's hands or overdue, by name; empty when all is settled."""
    found = at_once(cluster.database_url, _left, read_only=True)
    found["spooled"] = _spooled(cluster)
    return {name: count for name, count in found.items() if count}


def _left(conn: Connection) -> dict[str, int]:
    def count(what: Any, *where: Any) -> int:
        return int(conn.scalar(select(func.count()).select_from(what).where(*where)) or 0)

    overdue = conn.scalar(select(func.clock_timestamp())) - OVERDUE
    return {
        "sending": count(notifications, notifications.c.state == State.SENDING),
        "unknown": count(notifications, notifications.c.state == State.UNKNOWN),
        "overdue": count(notifications, notifications.c.state == State.PENDING, notifications.c.due_at <= overdue),
        "agenda": count(agenda, agenda.c.state == AgendaState.PENDING, agenda.c.due_at <= overdue),
        "lines": count(voice_in_flight),
        "attempts sending": count(attempts, attempts.c.state == AttemptState.SENDING),
        "unsealed": count(timeline, timeline.c.seal_no.is_(None)),
    }


def _spooled(cluster: Cluster) -> int:
    """Messages in the spools of all processes, dead ones too."""
    total = 0
    for path in (cluster.data / "spool").glob("*.db"):
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as spool:
                total += spool.execute("SELECT count(*) FROM messages").fetchone()[0]
            spool.close()
        except sqlite3.OperationalError:
            continue  # adopted and gone, or not made yet
    return total


def settled(cluster: Cluster, seconds: float) -> None:
    """Wait until nothing is left over. Raises AssertionError with what is.

    The queues too: what was decided from a spool waits there once more until the routers have found RabbitMQ again.
    """
    end = time.monotonic() + seconds
    while found := left(cluster) or _queued(cluster):
        assert time.monotonic() < end, f"left over after {seconds} s: {found}"
        time.sleep(0.5)


def closed(cluster: Cluster, accepted: Sequence[Posted], seconds: float = 90) -> Books:
    """Everything is settled, every role ends well, the books are right. Raises AssertionError with what is wrong."""
    heard(cluster, accepted, seconds)
    settled(cluster, seconds)
    cluster.stop_roles()
    books = kept(cluster, accepted)
    wrong = {
        "lost": books.lost,
        "rung twice": books.rung_twice,
        "sent twice": books.sent_twice,
        "evidence broken": books.broken,
        "left over": left(cluster),
        "in the queues": _queued(cluster),
        "leases": _leases(cluster),
    }
    assert not any(wrong.values()), {what: found for what, found in wrong.items() if found}
    return books


def heard(cluster: Cluster, accepted: Sequence[Posted], seconds: float) -> float:
    """Wait until every accepted event is told or explained. Returns after how many seconds that was.

    It looks seldom, and at little: the machine has other things to do just now.
    """
    began = time.monotonic()
    while True:
        passed = time.monotonic() - began
        told = at_once(cluster.database_url, lambda conn: conn.scalar(_TOLD), read_only=True)
        if told >= len(accepted) or passed > seconds:
            lost = at_once(cluster.database_url, lambda conn: _what_became(conn, accepted).lost, read_only=True)
            if not lost:
                return passed
            assert passed < seconds, f"neither told nor explained after {seconds} s: {len(lost)} events"
        time.sleep(0.25)


def kept(cluster: Cluster, accepted: Sequence[Posted]) -> Books:
    asked = cluster.asked()
    return at_once(cluster.database_url, lambda conn: _books(conn, accepted, asked), read_only=True)


def _books(conn: Connection, accepted: Sequence[Posted], asked: Sequence[Mapping[str, Any]]) -> Books:
    books = _what_became(conn, accepted)
    names = dict(conn.execute(select(events.c.pk, events.c.event_id)).all())
    rows = conn.execute(
        select(attempts.c.id, attempts.c.notification_id, attempts.c.event_pk, attempts.c.vendor_id, attempts.c.part)
    ).all()
    by_id = {row.id: row for row in rows}
    by_key = {row.vendor_id: row for row in rows if row.vendor_id}
    _count_requests(books, asked, by_id, by_key, names)
    books.broken = [str(b) for pk in names for b in seal.check(conn, pk)]
    return books


def _what_became(conn: Connection, accepted: Sequence[Posted]) -> Books:
    ids = dict(conn.execute(select(events.c.event_id, events.c.pk)).all())
    decided = set(conn.scalars(select(deliveries.c.event_id)))
    reached = set(conn.scalars(select(notifications.c.event_pk).where(notifications.c.state.in_(REACHED))))
    reached |= set(conn.scalars(select(attempts.c.event_pk).where(attempts.c.state == AttemptState.ACCEPTED)))
    judged = set(conn.scalars(select(verdicts.c.event_pk).where(verdicts.c.reason != "")))
    mine = {posted.event_id for posted in accepted}
    told = {e for e in mine if e in decided and ids.get(e) in reached}
    explained = {e for e in mine - told if e in decided and ids.get(e) in judged}
    return Books(len(mine), told, explained, mine - told - explained)


def _count_requests(
    books: Books,
    asked: Iterable[Mapping[str, Any]],
    by_id: Mapping[str, Any],
    by_key: Mapping[str, Any],
    names: Mapping[str, str],
) -> None:
    rung: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    for request in asked:
        # PagerDuty is repeated on purpose: it knows the alert by its key.
        row = by_id.get(request["about"]) or by_key.get(request["about"])
        assert row is not None or request["vendor"] == "pagerduty", (
            f"a vendor was asked for what we never wrote: {request}"
        )
        if row is None:
            continue
        event_id = names[row.event_pk]
        books.first_asked[event_id] = min(request["at"], books.first_asked.get(event_id, request["at"]))
        if 200 <= request["status"] < 300 and request["vendor"] != "pagerduty":
            (rung if request["vendor"] == "voice" else sent)[f"{row.notification_id} part {row.part}"] += 1
    books.rung_twice = {row: count for row, count in rung.items() if count > 1}
    books.sent_twice = {row: count for row, count in sent.items() if count > 1}


def _queued(cluster: Cluster) -> dict[str, int]:
    async def count() -> dict[str, int]:
        async with await aio_pika.connect(cluster.servers.rabbit.url) as link, link.channel() as channel:
            found = {n: await channel.declare_queue(n, passive=True) for n in Topology("", 1).names}
        return {name: queue.declaration_result.message_count or 0 for name, queue in found.items()}

    counts: dict[str, int] = {}
    end = time.monotonic() + 10  # a moment passes until what was un-acked counts again
    while time.monotonic() < end:
        counts = {name: number for name, number in postgres.wait_for(count()).items() if number}
        if not counts:
            break
        time.sleep(0.3)
    return counts


def _leases(cluster: Cluster) -> list[str]:
    """Those nobody gave back. What a killed process had runs out by itself."""
    held: list[str] = []
    end = time.monotonic() + LEASE_SECONDS
    while time.monotonic() < end:
        now = time.time()
        rows = at_once(cluster.database_url, lambda conn: conn.execute(select(leases)).all(), read_only=True)
        held = [row.name for row in rows if row.until.timestamp() > now]
        if not held:
            break
        time.sleep(0.5)
    return held
