"""Looks at every source each second: who is late, who is silent, who is heard again. Tells it by ordinary events.

Three writes for each change: what will be said is decided and kept, then published, then the status says so. A crash
in between repeats the publishing with the same words, which the router knows as a duplicate. Nothing is lost.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from broker.base import Message, MessageKind, Publisher
from heartbeat import alarms, folding, listened
from heartbeat.folding import Together
from heartbeat.hearing import Hearing, heard_since, watched
from model.clock import Clock
from model.errors import QueueFull, Unavailable
from model.event import MessageType, Severity
from model.ids import Ids
from model.monitor import Monitor, MonitorStatus
from model.roster import OWN_SOURCE, Heartbeat, Roster, Source
from store import monitors
from store.codec import canonical
from store.database import Database

log = structlog.get_logger(__name__)

TOLD_FROM = timedelta(seconds=60)  # a shorter pause of ours is a restart
_LATE_WAS_TOLD = (MonitorStatus.LATE, MonitorStatus.SILENT)


class Sweeper:
    """Decides by what `hearing` knows, and publishes. More than `share` silent together are one alarm."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        clock: Clock,
        ids: Ids,
        roster: Callable[[], Roster],
        hearing: Hearing,
        share: float = 0.5,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._hearing = hearing
        self._share = share
        self._outage_told: str | None = None

    async def tick(self) -> None:
        """Each second. While database or queue are away nothing is changed; the next tick tries again."""
        try:
            await self._hearing.load()
            await self._tell_outage()
            standing = await self._look_at_all()
            for source, heartbeat in watched(self._roster()):
                await self._look_at(source, heartbeat, standing)
            await self._end_what_nobody_expects()
        except (Unavailable, QueueFull) as away:
            log.warning("silence of sources cannot be told now", error=str(away))

    async def _look_at_all(self) -> str | None:
        """The alarm about most sources at once, when it stands: while it does, no source has one of its own."""
        own, now = self._hearing.monitor(OWN_SOURCE), self._clock.now()
        stands = self._hearing.stands()
        if own.silence_id and (own.heard_again_at or (stands is not None and not folding.still(stands, self._share))):
            await self._most_are_heard_again(own.silence_id, now)
            return None
        if own.silence_id and own.status is MonitorStatus.SILENT:
            return own.silence_id
        together = folding.together(stands, self._share) if stands is not None else None
        if together is not None or own.silence_id:
            return await self._together(together, own, now)
        return None

    async def _together(self, together: Together | None, own: Monitor, now: datetime) -> str | None:
        """None: who is silent was told of before, one by one."""
        if own.silence_id is None:
            assert together is not None
            if all(self._hearing.monitor(source).status is MonitorStatus.SILENT for source in together.sources):
                return None
            silence_id = alarms.together_id(together.since)
            names = [self._roster().sources[source].name for source in together.sources]
            words = canonical(alarms.together(silence_id, names, together.of, now))
            own = await self._database.transact(lambda conn: monitors.tell_together(conn, silence_id, now, words))
        assert own.silence_id is not None
        assert own.to_tell is not None
        await self._publish(json.loads(own.to_tell))
        await self._database.transact(lambda conn: monitors.set_status(conn, OWN_SOURCE, MonitorStatus.SILENT))
        log.warning("most sources are silent", event_id=own.silence_id)
        return own.silence_id

    async def _most_are_heard_again(self, silence_id: str, now: datetime) -> None:
        told = await self._database.transact(lambda conn: monitors.hear_again(conn, OWN_SOURCE, silence_id, now))
        assert told.heard_again_at is not None
        if told.silence_told_at:
            await self._publish(alarms.together_is_over(silence_id, told.heard_again_at))
        await self._database.transact(lambda conn: monitors.hear_most_again(conn, silence_id))
        await self._hearing.load()
        log.info("most sources are heard again", event_id=silence_id)

    async def _look_at(self, source: Source, heartbeat: Heartbeat, standing: str | None) -> None:
        now = self._clock.now()
        known, seen_at = self._hearing.monitor(source.id), self._hearing.seen_at(source.id)
        if known.silence_id and seen_at and heard_since(known.silence_id, seen_at):
            await self._heard_again(source, known.silence_id, seen_at)
            return
        found = self._hearing.found(source, heartbeat)
        since = seen_at or self._hearing.listening_since(source.id)
        silence_id = known.silence_id or alarms.silence_id(source.id, since)
        if standing and not known.silence_told_at:
            if found is MonitorStatus.SILENT and known.status is not MonitorStatus.SILENT:
                await self._database.transact(lambda conn: monitors.hold_back(conn, source.id, silence_id, standing))
            return
        # What was decided and not told, because of a crash or the queue, is told: a new period changes nothing there.
        if (known.silence_told_at or found is MonitorStatus.SILENT) and known.status is not MonitorStatus.SILENT:
            await self._silent(source, silence_id, now)
        elif (known.late_told_at or found is MonitorStatus.LATE) and known.status not in _LATE_WAS_TOLD:
            await self._late(source, heartbeat, silence_id, now)

    async def _end_what_nobody_expects(self) -> None:
        """A source that left the roster while it was silent, or is no longer minded: nobody would end its alarm."""
        expected = {source.id for source, _ in watched(self._roster())}
        for known in self._hearing.monitors.values():
            if known.silence_id and known.source not in expected and known.source != OWN_SOURCE:
                await self._no_longer_expected(known, known.silence_id)

    async def _no_longer_expected(self, known: Monitor, silence_id: str) -> None:
        source, now = known.source, self._clock.now()
        told = await self._database.transact(lambda conn: monitors.hear_again(conn, source, silence_id, now))
        assert told.heard_again_at is not None
        name = roster_source.name if (roster_source := self._roster().sources.get(source)) else source
        silent = told.silence_told_at is not None
        if silent or told.late_told_at:
            await self._publish(alarms.nobody_listens(name, silence_id, silent, told.heard_again_at))
        await self._database.transact(lambda conn: monitors.settle(conn, source, silence_id))
        log.info("source is no longer expected", source=source, event_id=silence_id)

    async def _tell_outage(self) -> None:
        """That nobody listened for a while; once, and with the same words after a restart."""
        gap = listened.gap(self._hearing.records)
        if gap is None or gap.until - gap.since < TOLD_FROM or self._outage_told == alarms.outage_id(gap.since):
            return
        await self._publish(alarms.outage(gap.since, gap.until))
        self._outage_told = alarms.outage_id(gap.since)
        log.warning("nobody listened for a while", since=gap.since.isoformat(), until=gap.until.isoformat())

    async def _late(self, source: Source, heartbeat: Heartbeat, silence_id: str, now: datetime) -> None:
        told = await self._database.transact(lambda conn: monitors.tell_late(conn, source.id, silence_id, now))
        assert told.silence_id is not None
        assert told.late_told_at is not None
        await self._publish(alarms.late(source, heartbeat, told.silence_id, told.late_told_at))
        await self._database.transact(lambda conn: monitors.set_status(conn, source.id, MonitorStatus.LATE))
        log.info("source is late", source=source.id, event_id=alarms.late_id(told.silence_id))

    async def _silent(self, source: Source, silence_id: str, now: datetime) -> None:
        told = await self._database.transact(lambda conn: monitors.tell_silence(conn, source.id, silence_id, now))
        assert told.silence_id is not None
        assert told.silence_told_at is not None
        # Published before the source is marked silent: a crash then repeats the alarm instead of losing it.
        await self._publish(alarms.silence(source, told.silence_id, told.silence_told_at))
        if told.late_told_at:
            await self._publish(alarms.late_is_silent(source, told.silence_id, told.silence_told_at))
        await self._database.transact(lambda conn: monitors.set_status(conn, source.id, MonitorStatus.SILENT))
        log.warning("source is silent", source=source.id, event_id=told.silence_id)

    async def _heard_again(self, source: Source, silence_id: str, seen_at: datetime) -> None:
        told = await self._database.transact(lambda conn: monitors.hear_again(conn, source.id, silence_id, seen_at))
        assert told.heard_again_at is not None
        if told.silence_told_at:
            await self._publish(alarms.silence_is_over(source, silence_id, told.heard_again_at))
            if told.late_told_at and told.status is not MonitorStatus.SILENT:
                # A crash came between the alarm and its bookkeeping: the notice may still be open.
                await self._publish(alarms.late_is_silent(source, silence_id, told.silence_told_at))
        elif told.late_told_at:
            await self._publish(alarms.late_is_over(source, silence_id, told.heard_again_at))
        await self._database.transact(lambda conn: monitors.settle(conn, source.id, silence_id))
        log.info("source is heard again", source=source.id, event_id=silence_id)

    async def _publish(self, statement: alarms.Statement) -> None:
        """On the road of every event. It does not pass the door, so nobody counts as heard by it."""
        message_id = self._ids.new()
        first = statement["message_type"] == MessageType.NEW
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
                sender="heartbeat",
                signature="Gridcall's own",
            )
        )
