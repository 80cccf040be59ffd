"""Sources of which nothing ever came: their silence is no alarm, so somebody is told once that they are not minded."""

from collections.abc import Callable
from datetime import timedelta

import structlog

from broker.base import Publisher
from broker.own import OwnVoice
from heartbeat import alarms
from heartbeat.hearing import Hearing, watched
from model.clock import Clock
from model.errors import QueueFull, Unavailable
from model.ids import Ids
from model.roster import OWN_SOURCE, Roster, Source
from store import events
from store.database import Connection, Database

log = structlog.get_logger(__name__)

SET_UP_WITHIN = timedelta(hours=1)  # of listening without a break: a source that was to be set up is by then


class Newcomers:
    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        clock: Clock,
        ids: Ids,
        roster: Callable[[], Roster],
        hearing: Hearing,
    ) -> None:
        self._database = database
        self._voice = OwnVoice(publisher, clock, ids, "heartbeat")
        self._clock = clock
        self._roster = roster
        self._hearing = hearing
        self._told: set[str] = set()

    def never_heard(self) -> list[Source]:
        """Expected for an hour in which somebody listened, not in maintenance, and never heard, as far as is known."""
        hearing, now = self._hearing, self._clock.now()
        return [
            source
            for source, _ in watched(self._roster())
            if now - hearing.listening_since(source.id) >= SET_UP_WITHIN
            and hearing.monitor(source.id).last_seen_at is None
            and source.id not in hearing.noted()
            and not hearing.maintained(source.id)
        ]

    async def tick(self) -> None:
        """Each minute. The event says that it was told: also after a restart nobody hears it twice."""
        try:
            candidates = [source.id for source in self.never_heard() if source.id not in self._told]
            if not candidates:
                return
            await self._hearing.load_of(candidates)
            for source in self.never_heard():
                if source.id in candidates:
                    await self._tell(source)
        except (Unavailable, QueueFull) as away:
            log.warning("that sources were never heard cannot be told now", error=str(away))

    async def _tell(self, source: Source) -> None:
        event_id = alarms.never_heard_id(source.id)

        def known(conn: Connection) -> bool:
            return events.find(conn, OWN_SOURCE, event_id) is not None

        if not await self._database.read(known):
            await self._voice.say(alarms.never_heard(source.id, self._clock.now()))
            log.warning("source was never heard", source=source.id, event_id=event_id)
        self._told.add(source.id)
