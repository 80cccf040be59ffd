"""Tells of messages that a source has numbered and that never came. Harmless when it happens twice.

What will be said is decided and kept, then published: a crash in between repeats it with the same words, which the
router knows as a duplicate.
"""

from collections.abc import Callable

import structlog

from broker.base import Publisher
from broker.own import OwnVoice
from heartbeat import holes as words
from heartbeat.holes import Next, following
from model.clock import Clock
from model.errors import QueueFull, Unavailable
from model.hole import Hole
from model.ids import Ids
from model.roster import Roster, Source
from store import holes
from store.database import Database

log = structlog.get_logger(__name__)


class HoleWatch:
    """`tick` every few seconds, in one process at a time."""

    def __init__(
        self, database: Database, publisher: Publisher, clock: Clock, ids: Ids, roster: Callable[[], Roster]
    ) -> None:
        self._database = database
        self._voice = OwnVoice(publisher, clock, ids, "holes")
        self._clock = clock
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
                await self._voice.say(words.over(hole, source.name if source else hole.source))
                await self._database.transact(lambda conn: holes.forget(conn, hole))
            case Next.FORGET:
                await self._database.transact(lambda conn: holes.forget(conn, hole))

    async def _tell(self, hole: Hole, source: Source) -> None:
        now = self._clock.now()
        told = await self._database.transact(lambda conn: holes.tell(conn, hole, now))
        if told is not None:
            await self._voice.say(words.missing(told, source))
            await self._database.transact(lambda conn: holes.said(conn, told))
            log.warning("messages are missing", source=hole.source, numbers=words.shown(told.told or ()))
