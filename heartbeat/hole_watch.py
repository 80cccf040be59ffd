"""Tells of messages that a source has numbered and that never came. Harmless when it happens twice.

What will be said is decided and kept, then published: a crash in between repeats it with the same words, which the
router knows as a duplicate.
"""

from collections.abc import Callable

import structlog

from broker.base import Message, MessageKind, Publisher
from heartbeat import holes as words
from heartbeat.alarms import Statement
from heartbeat.holes import Next, following
from model.clock import Clock
from model.errors import QueueFull, Unavailable
from model.event import MessageType, Severity
from model.hole import Hole
from model.ids import Ids
from model.roster import OWN_SOURCE, Roster, Source
from store import holes
from store.codec import canonical
from store.database import Database

log = structlog.get_logger(__name__)


class HoleWatch:
    """`tick` every few seconds, in one process at a time."""

    def __init__(
        self, database: Database, publisher: Publisher, clock: Clock, ids: Ids, roster: Callable[[], Roster]
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._left = True  # holes, as far as is known

    def wanted(self) -> bool:
        """There is something to look at: no source that numbers its messages, and no hole, cost nothing."""
        return self._left or any(source.numbered for source in self._roster().sources.values())

    async def tick(self) -> None:
        """While database or queue are away nothing is told; the next tick tries again."""
        try:
            found = await self._database.read(holes.every)
            for hole in found:
                await self._look(hole)
            self._left = bool(found)
        except (Unavailable, QueueFull) as away:
            log.warning("missing messages cannot be told now", error=str(away))

    async def _look(self, hole: Hole) -> None:
        now, source = self._clock.now(), self._roster().sources.get(hole.source)
        match following(hole, source, now):
            case Next.TELL if source is not None:
                await self._tell(hole, source)
            case Next.END:
                await self._publish(words.over(hole, source.name if source else hole.source))
                await self._database.transact(lambda conn: holes.forget(conn, hole))
            case Next.FORGET:
                await self._database.transact(lambda conn: holes.forget(conn, hole))

    async def _tell(self, hole: Hole, source: Source) -> None:
        now = self._clock.now()
        told = await self._database.transact(lambda conn: holes.tell(conn, hole, now))
        if told is not None:
            await self._publish(words.missing(told, source))
            await self._database.transact(lambda conn: holes.said(conn, told))
            log.warning("messages are missing", source=hole.source, numbers=words.shown(told.told or ()))

    async def _publish(self, statement: Statement) -> None:
        message_id, first = self._ids.new(), statement["message_type"] == MessageType.NEW
        await self._publisher.publish(
            Message(
                id=message_id,
                kind=MessageKind.EVENT,
                source=OWN_SOURCE,
                format="canonical",
                lane=2 if first and statement["severity"] == Severity.NOTICE else 0,
                body=canonical(statement).encode(),
                received_at=self._clock.now(),
                deliveries=(message_id,),
                headers={"content-type": "application/json"},
                sender="holes",
                signature="Gridcall's own",
            )
        )
