"""What is known of the sources: who was heard when, and for which time that can be said at all."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from heartbeat import alarms, listened, monitor
from heartbeat.folding import Stands
from heartbeat.listened import Listened
from model.clock import Clock
from model.monitor import Listening, Maintenance, Monitor, MonitorStatus
from model.roster import Heartbeat, Roster, Source
from store import listening, maintenance, monitors
from store.database import Database

LastSeen = Callable[[], Mapping[str, datetime]]

# After a leap of what is known (the database was away, or we were) processes need a moment to write theirs down.
LEAP = timedelta(seconds=5)
SETTLING = timedelta(seconds=15)
REMEMBERED = timedelta(days=2)  # as long as listening records are


class Standing(NamedTuple):
    """How a source stands. `late_at` and `silent_at`: when it becomes so if nothing more is heard, or became so."""

    status: MonitorStatus
    last_seen_at: datetime | None
    late_at: datetime
    silent_at: datetime


class Hearing:
    """`last_seen` and `own` give what this process heard, at once; what others heard comes from the database.

    `own` is None in a process that takes no messages in.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        roster: Callable[[], Roster],
        last_seen: LastSeen,
        own: Callable[[], Listening] | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._roster = roster
        self._last_seen = last_seen
        self._own = own
        self.monitors: Mapping[str, Monitor] = {}
        self._windows: Collection[Maintenance] = ()
        self.records: Collection[Listening] = ()
        self._listened: Listened | None = None
        self._newest: datetime | None = None
        self._looked_at: datetime | None = None
        self._settled_at = clock.now()
        self._minded_from: dict[str, datetime | None] = {source.id: None for source, _ in watched(roster())}

    async def load(self) -> None:
        """Read what was written down, so that `statuses` knows it before the first tick."""
        own, now = self._own() if self._own else None, self._clock.now()
        self.monitors, written, self._windows = await self._database.read(
            lambda conn: (monitors.every(conn), listening.every(conn), maintenance.every(conn, now - REMEMBERED))
        )
        written = listened.of_the_past(written, now)
        others = [record for record in written if own is None or record.process != own.process]
        self.records = [*others, own] if own else others
        self._listened = listened.listened(self.records)
        self._settle(others, now)

    def _settle(self, others: Collection[Listening], now: datetime) -> None:
        """What others heard may not be written down yet, after a time in which nothing could be."""
        newest = self._listened.newest if self._listened else now
        before = self._newest or newest
        alive = any(not record.ended and before - record.until < listened.DEAD for record in others)
        if alive and (self._newest is None or newest - before - self._paused(now) > LEAP):
            self._settled_at = now + SETTLING
        self._newest, self._looked_at = newest, now

    def _paused(self, now: datetime) -> timedelta:
        """By how much time went on since our last look: looks may be slow. A long pause has the reason we look for."""
        paused = now - (self._looked_at or now)
        return paused if paused < listened.DEAD else timedelta()

    def statuses(self) -> dict[str, Standing]:
        """Every source that is expected to be heard."""
        until = self.known_until() or self._clock.now()
        return {source.id: self._status(source, heartbeat, until) for source, heartbeat in watched(self._roster())}

    def _status(self, source: Source, heartbeat: Heartbeat, now: datetime) -> Standing:
        known, seen_at = self.monitor(source.id), self.seen_at(source.id)
        since, counts_from = self.listening_since(source.id), self._counts_from(source.id, seen_at)
        missed = self._missed(counts_from)
        found = monitor.status(heartbeat, counts_from, since, missed, now)
        late_at, silent_at = monitor.due(heartbeat, counts_from, since, missed)
        if known.silence_id and not heard_since(known.silence_id, seen_at):
            # What was told stands, also when a restart gave the source a new period.
            found = max(found, known.status, key=list(MonitorStatus).index)
            late_at, silent_at = known.late_told_at or late_at, known.silence_told_at or silent_at
        elif self.maintained(source.id) is not None:
            found = MonitorStatus.PAUSED
        return Standing(found, seen_at, late_at, silent_at)

    def known_until(self) -> datetime | None:
        """Up to when it is known who was heard. None when nothing can be said now."""
        known = self._listened
        return known.until if known and self._clock.now() >= self._settled_at else None

    def listening_since(self, source: str) -> datetime:
        """Since when somebody listens without a gap, or the moment at which the roster began to expect the source."""
        known, now = self._listened, self._clock.now()
        minded_from = self._minded_from.setdefault(source, now)
        return max(at for at in (known.since if known else now, minded_from) if at)

    def _missed(self, seen_at: datetime | None) -> timedelta:
        """For how long nobody listened since then."""
        now = self._clock.now()
        return listened.missed(self.records, seen_at, self._newest or now) if seen_at else timedelta()

    def monitor(self, source: str) -> Monitor:
        return self.monitors.get(source) or Monitor(source=source)

    def seen_at(self, source: str) -> datetime | None:
        """What was written down by a clock that was ahead, counts as heard when we began to listen."""
        written, heard = self.monitor(source).last_seen_at, self._last_seen().get(source)
        if written and written > self._clock.now():
            written = self.listening_since(source)
        return max((at for at in (written, heard) if at), default=None)

    def found(self, source: Source, heartbeat: Heartbeat) -> MonitorStatus | None:
        """By what was heard alone, whatever was told. None when nothing can be said now."""
        if (until := self.known_until()) is None:
            return None
        if self.maintained(source.id) is not None:
            return MonitorStatus.PAUSED
        counts_from = self._counts_from(source.id, self.seen_at(source.id))
        missed = self._missed(counts_from)
        return monitor.status(heartbeat, counts_from, self.listening_since(source.id), missed, until)

    def maintained(self, source: str) -> Maintenance | None:
        """The window of maintenance that the source is in."""
        now = self._clock.now()
        return next((w for w in self._windows if w.source == source and w.since <= now < w.until), None)

    def _counts_from(self, source: str, seen_at: datetime | None) -> datetime | None:
        """When it was last heard; the end of its maintenance counts as heard."""
        now = self._clock.now()
        ended = [w.until for w in self._windows if w.source == source and w.until <= now]
        return max([seen_at, *ended]) if seen_at else None

    def stands(self) -> dict[str, Stands] | None:
        """All that were ever heard and are minded now. None when nothing can be said now."""
        if self.known_until() is None:
            return None
        return {
            source: Stands(standing.status, standing.last_seen_at)
            for source, standing in self.statuses().items()
            if standing.last_seen_at and standing.status is not MonitorStatus.PAUSED
        }


def watched(roster: Roster) -> list[tuple[Source, Heartbeat]]:
    """The sources that are expected to be heard."""
    return [(source, source.heartbeat) for source in roster.sources.values() if source.heartbeat is not None]


def heard_since(silence_id: str, seen_at: datetime | None) -> bool:
    """The id knows the second in which the source was last heard."""
    return seen_at is not None and seen_at.replace(microsecond=0) > alarms.since_of(silence_id)
