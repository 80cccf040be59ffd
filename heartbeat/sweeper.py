"""Looks at every source each second: who is late, who is silent, who is heard again. Tells it by ordinary events.

Three writes for each change: what will be said is decided and kept, then published, then the status says so. A crash
in between repeats the publishing with the same words, which the router knows as a duplicate. Nothing is lost.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from broker.base import Message, MessageKind, Publisher
from heartbeat import alarms, listened, monitor
from model.clock import Clock
from model.errors import QueueFull, Unavailable
from model.event import MessageType, Severity
from model.ids import Ids
from model.monitor import Listening, Monitor, MonitorStatus
from model.roster import OWN_SOURCE, Heartbeat, Roster, Source
from store import listening, monitors
from store.codec import canonical
from store.database import Database

log = structlog.get_logger(__name__)

LastSeen = Callable[[], Mapping[str, datetime]]

# After a leap of what is known (the database was away, or we were) processes need a moment to write theirs down.
LEAP = timedelta(seconds=5)
SETTLING = timedelta(seconds=15)
_LATE_WAS_TOLD = (MonitorStatus.LATE, MonitorStatus.SILENT)
TOLD_FROM = timedelta(seconds=60)  # a shorter pause of ours is a restart


class Standing(NamedTuple):
    """How a source stands. `late_at` and `silent_at`: when it becomes so if nothing more is heard, or became so."""

    status: MonitorStatus
    last_seen_at: datetime | None
    late_at: datetime
    silent_at: datetime


class Sweeper:
    """`last_seen` and `own` give what this process heard, at once; what others heard comes from the database.

    `own` is None in a process that takes no messages in.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        clock: Clock,
        ids: Ids,
        roster: Callable[[], Roster],
        last_seen: LastSeen,
        own: Callable[[], Listening] | None,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._last_seen = last_seen
        self._own = own
        self._known: Mapping[str, Monitor] = {}
        self._records: Collection[Listening] = ()
        self._newest: datetime | None = None
        self._looked_at: datetime | None = None
        self._settled_at = clock.now()
        self._outage_told: str | None = None
        self._minded_from: dict[str, datetime | None] = {source.id: None for source, _ in _watched(roster())}

    async def load(self) -> None:
        """Read what was written down, so that `statuses` knows it before the first tick."""
        self._known, written = await self._database.read(lambda conn: (monitors.every(conn), listening.every(conn)))
        own, now = self._own() if self._own else None, self._clock.now()
        written = listened.of_the_past(written, now)
        others = [record for record in written if own is None or record.process != own.process]
        self._records = [*others, own] if own else others
        self._settle(others, now)

    def _settle(self, others: Collection[Listening], now: datetime) -> None:
        """What others heard may not be written down yet, after a time in which nothing could be."""
        known = listened.listened(self._records)
        newest = known.newest if known else now
        before = self._newest or newest
        alive = any(not record.ended and before - record.until < listened.DEAD for record in others)
        if alive and (self._newest is None or newest - before - self._paused(now) > LEAP):
            self._settled_at = now + SETTLING
        self._newest, self._looked_at = newest, now

    def _paused(self, now: datetime) -> timedelta:
        """By how much time went on since our last look: looks may be slow. A long pause has the reason we look for."""
        paused = now - (self._looked_at or now)
        return paused if paused < listened.DEAD else timedelta()

    async def tick(self) -> None:
        """Each second. While database or queue are away nothing is changed; the next tick tries again."""
        try:
            await self.load()
            await self._tell_outage()
            for source, heartbeat in _watched(self._roster()):
                await self._look_at(source, heartbeat)
            await self._end_what_nobody_expects()
        except (Unavailable, QueueFull) as away:
            log.warning("silence of sources cannot be told now", error=str(away))

    def statuses(self) -> dict[str, Standing]:
        """Every source that is expected to be heard."""
        until = self._known_until() or self._clock.now()
        return {source.id: self._status(source, heartbeat, until) for source, heartbeat in _watched(self._roster())}

    def _status(self, source: Source, heartbeat: Heartbeat, now: datetime) -> Standing:
        known, seen_at = self._monitor(source.id), self._seen_at(source.id)
        since = self._listening_since(source.id)
        missed = self._missed(seen_at)
        found = monitor.status(heartbeat, seen_at, since, missed, now)
        late_at, silent_at = monitor.due(heartbeat, seen_at, since, missed)
        if known.silence_id and not _heard_since(known.silence_id, seen_at):
            # What was told stands, also when a restart gave the source a new period.
            found = max(found, known.status, key=list(MonitorStatus).index)
            late_at, silent_at = known.late_told_at or late_at, known.silence_told_at or silent_at
        return Standing(
            MonitorStatus.PAUSED if known.status is MonitorStatus.PAUSED else found, seen_at, late_at, silent_at
        )

    def _known_until(self) -> datetime | None:
        """Up to when it is known who was heard. None when nothing can be said now."""
        known = listened.listened(self._records)
        return known.until if known and self._clock.now() >= self._settled_at else None

    def _listening_since(self, source: str) -> datetime:
        """Since when somebody listens without a gap, or the moment at which the roster began to expect the source."""
        known, now = listened.listened(self._records), self._clock.now()
        minded_from = self._minded_from.setdefault(source, now)
        return max(at for at in (known.since if known else now, minded_from) if at)

    def _missed(self, seen_at: datetime | None) -> timedelta:
        """For how long nobody listened since then."""
        now = self._clock.now()
        return listened.missed(self._records, seen_at, self._newest or now) if seen_at else timedelta()

    def _monitor(self, source: str) -> Monitor:
        return self._known.get(source) or Monitor(source=source)

    def _seen_at(self, source: str) -> datetime | None:
        """What was written down by a clock that was ahead, counts as heard when we began to listen."""
        written, heard = self._monitor(source).last_seen_at, self._last_seen().get(source)
        if written and written > self._clock.now():
            written = self._listening_since(source)
        return max((at for at in (written, heard) if at), default=None)

    async def _look_at(self, source: Source, heartbeat: Heartbeat) -> None:
        now = self._clock.now()
        known, seen_at = self._monitor(source.id), self._seen_at(source.id)
        if known.status is MonitorStatus.PAUSED:
            return
        if known.silence_id and seen_at and _heard_since(known.silence_id, seen_at):
            await self._heard_again(source, known.silence_id, seen_at)
            return
        since, until = self._listening_since(source.id), self._known_until()
        found = monitor.status(heartbeat, seen_at, since, self._missed(seen_at), until) if until else None
        silence_id = known.silence_id or alarms.silence_id(source.id, seen_at or since)
        # What was decided and not told, because of a crash or the queue, is told: a new period changes nothing there.
        if (known.silence_told_at or found is MonitorStatus.SILENT) and known.status is not MonitorStatus.SILENT:
            await self._silent(source, silence_id, now)
        elif (known.late_told_at or found is MonitorStatus.LATE) and known.status not in _LATE_WAS_TOLD:
            await self._late(source, heartbeat, silence_id, now)

    async def _end_what_nobody_expects(self) -> None:
        """A source that left the roster while it was silent, or is no longer minded: nobody would end its alarm."""
        watched = {source.id for source, _ in _watched(self._roster())}
        for known in self._known.values():
            if known.silence_id and known.source not in watched:
                await self._no_longer_expected(known, known.silence_id)

    async def _no_longer_expected(self, known: Monitor, silence_id: str) -> None:
        source, now = known.source, self._clock.now()
        told = await self._database.transact(lambda conn: monitors.hear_again(conn, source, silence_id, now))
        assert told.heard_again_at is not None
        name = roster_source.name if (roster_source := self._roster().sources.get(source)) else source
        silent = told.silence_told_at is not None
        await self._publish(alarms.nobody_listens(name, silence_id, silent, told.heard_again_at))
        await self._database.transact(lambda conn: monitors.settle(conn, source, silence_id))
        log.info("source is no longer expected", source=source, event_id=silence_id)

    async def _tell_outage(self) -> None:
        """That nobody listened for a while; once, and with the same words after a restart."""
        gap = listened.gap(self._records)
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
        else:
            await self._publish(alarms.late_is_over(source, silence_id, told.heard_again_at))
        await self._database.transact(lambda conn: monitors.settle(conn, source.id, silence_id))
        log.info("source is heard again", source=source.id, event_id=silence_id)

    async def _publish(self, statement: alarms.Statement) -> None:
        """On the road of every event. It does not pass the door, so nobody counts as heard by it."""
        message_id = self._ids.new()
        first = statement["message_type"] is MessageType.NEW
        await self._publisher.publish(
            Message(
                id=message_id,
                kind=MessageKind.EVENT,
                source=OWN_SOURCE,
                format="canonical",
                lane=2 if first and statement["severity"] is Severity.NOTICE else 0,
                body=canonical(statement).encode(),
                received_at=self._clock.now(),
                deliveries=(message_id,),
                headers={"content-type": "application/json"},
                sender="heartbeat",
                signature="Gridcall's own",
            )
        )


def _watched(roster: Roster) -> list[tuple[Source, Heartbeat]]:
    return [(source, source.heartbeat) for source in roster.sources.values() if source.heartbeat is not None]


def _heard_since(silence_id: str, seen_at: datetime | None) -> bool:
    """The id knows the second in which the source was last heard."""
    return seen_at is not None and seen_at.replace(microsecond=0) > alarms.since_of(silence_id)
