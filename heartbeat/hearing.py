"""What is known of the sources: who was heard when, and for which time that can be said at all."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from heartbeat import alarms, listened, monitor
from heartbeat.listened import Listened
from model.clock import Clock
from model.monitor import Listening, Maintenance, Monitor, MonitorStatus
from model.roster import OWN_SOURCE, Heartbeat, Roster, Source
from store import listening, maintenance, monitors, rosters
from store.database import Connection, Database
from store.monitors import NextLook

T = TypeVar("T")
LastSeen = Callable[[], Mapping[str, datetime]]

# After a leap of what is known (the database was away, or we were) processes need a moment to write theirs down.
LEAP = timedelta(seconds=5)
SETTLING = timedelta(seconds=15)
REMEMBERED = timedelta(days=2)  # as long as listening records are
_GRAVER = list(MonitorStatus).index


class Standing(NamedTuple):
    """How a source stands. `late_at` and `silent_at`: when it becomes so if nothing more is heard, or became so."""

    status: MonitorStatus
    last_seen_at: datetime | None
    late_at: datetime
    silent_at: datetime


class Look(NamedTuple):
    """One look at one source. `found`: by what was heard alone, whatever was told; None when nothing can be said now.

    `status`: with what was told, which stands until the source is heard.
    """

    source: Source
    heartbeat: Heartbeat
    known: Monitor
    seen_at: datetime | None
    found: MonitorStatus | None
    status: MonitorStatus
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
        self.monitors: dict[str, Monitor] = {}
        self.windows: Collection[Maintenance] = ()  # those of the last days
        # When the last one of each source ended, however long ago: some runs are a month apart.
        self._ended: Mapping[str, datetime] = {}
        self.records: Collection[Listening] = ()
        self._listened: Listened | None = None
        self._newest: datetime | None = None
        self._looked_at: datetime | None = None
        self._settled_at = clock.now()
        # None: since before we were started; when that was is read with the first look.
        self._minded_in = roster()
        self._minded_from: dict[str, datetime | None] = {source.id: None for source, _ in watched(self._minded_in)}
        self._minded_before = False

    async def load(self) -> None:
        """Read all that was written down; `statuses` then knows it."""
        now = self._clock.now()
        self.monitors, self._ended = await self._read(
            lambda conn: (monitors.every(conn), maintenance.last_ends(conn, now))
        )

    async def load_of(self, sources: Collection[str]) -> None:
        """Read what was written down of these."""
        self.monitors |= await self._database.read(lambda conn: monitors.of(conn, sources))

    async def listen(self) -> None:
        """Read who listened, and who is in maintenance: for which time it is known who was heard."""
        await self._read(lambda conn: None)

    async def listen_for_due(self) -> Collection[str]:
        """As `listen`, and read of the sources those at which somebody must look by now. Returns which."""
        now = self._clock.now()
        due = await self._read(lambda conn: monitors.due(conn, now))
        self.monitors |= due
        return due.keys() - {OWN_SOURCE}

    async def _read(self, more: Callable[[Connection], T]) -> T:
        own, now = self._own() if self._own else None, self._clock.now()
        self._mind(now)
        if not self._minded_before:
            self._minded_from |= await self._database.read(lambda conn: self._minded_by_then(conn, now))
            self._minded_before = True
        found, written, self.windows = await self._database.read(
            lambda conn: (more(conn), listening.every(conn), maintenance.every(conn, now - REMEMBERED))
        )
        written = listened.of_the_past(written, now)
        others = [record for record in written if own is None or record.process != own.process]
        self.records = [*others, own] if own else others
        self._listened = listened.listened(self.records)
        self._settle(others, now)
        return found

    def _mind(self, now: datetime) -> None:
        """Notice whom the roster begins to expect. Not only who tells of silences does: another takes over from it."""
        roster = self._roster()
        if roster is not self._minded_in:
            self._minded_from = {source.id: self._minded_from.get(source.id, now) for source, _ in watched(roster)}
            self._minded_in = roster

    def _minded_by_then(self, conn: Connection, now: datetime) -> Mapping[str, datetime]:
        """Since when those were expected whom the roster expected when we were started, if that was after their last
        word: the versions of the roster say it, or what is told of them.
        """
        known, asked = monitors.every(conn), [id_ for id_, at in self._minded_from.items() if at is None]
        of = {id_: known.get(id_) or Monitor(source=id_) for id_ in asked}
        told = {id_: alarms.since_of(one.silence_id) for id_, one in of.items() if one.silence_id}
        unknown = {id_: one.last_seen_at or now - REMEMBERED for id_, one in of.items() if id_ not in told}
        return rosters.expected_since(conn, self._minded_in.version, unknown) | told

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
        return {source.id: self._standing(self.look(source, minded)) for source, minded in watched(self._roster())}

    def _standing(self, look: Look) -> Standing:
        late_at, silent_at = look.late_at, look.silent_at
        if look.known.silence_id and not heard_since(look.known.silence_id, look.seen_at):
            late_at, silent_at = look.known.late_told_at or late_at, look.known.silence_told_at or silent_at
        return Standing(look.status, look.seen_at, late_at, silent_at)

    def look(self, source: Source, heartbeat: Heartbeat) -> Look:
        """How it stands now."""
        now, known, known_until = self._clock.now(), self.monitor(source.id), self.known_until()
        until, since = known_until or now, self.listening_since(source.id)
        seen_at = self._seen_at(known, since, now)
        counts_from = self._counts_from(source.id, seen_at, now)
        late_at, silent_at = monitor.due(heartbeat, counts_from, since, self._missed(counts_from))
        found = monitor.status(counts_from, late_at, silent_at, until)
        maintained = self.maintained(source.id)
        status = MonitorStatus.PAUSED if maintained else found
        if known.silence_id and not heard_since(known.silence_id, seen_at):
            # What was told stands, also when a restart gave the source a new period.
            status = max(found, known.status, key=_GRAVER)
        judged = None if known_until is None else MonitorStatus.PAUSED if maintained else found
        return Look(source, heartbeat, known, seen_at, judged, status, late_at, silent_at)

    @property
    def back_at(self) -> datetime | None:
        """When somebody listened again after the last time in which nobody did."""
        gap = listened.gap(self.records)
        return gap.until if gap else None

    def known_until(self) -> datetime | None:
        """Up to when it is known who was heard. None when nothing can be said now."""
        known = self._listened
        return known.until if known and self._clock.now() >= self._settled_at else None

    def listening_since(self, source: str) -> datetime:
        """Since when somebody listens without a gap, or the moment at which the roster began to expect the source."""
        known, now = self._listened, self._clock.now()
        return max(at for at in (known.since if known else now, self._minded(source)) if at)

    def quiet_since(self, source: str, seen_at: datetime | None) -> datetime | None:
        """When it was last heard, or began to be expected, whichever is later. None: it was never heard."""
        minded_from = self._minded(source)
        return max(seen_at, minded_from) if seen_at and minded_from else seen_at

    def _minded(self, source: str) -> datetime | None:
        self._mind(self._clock.now())
        return self._minded_from.get(source)

    def stretches(self) -> tuple[datetime, timedelta] | None:
        """What every due instant rests on: it stays as long as everybody who listens goes on doing so."""
        if not self.records or self._newest is None:
            return None
        first = min(record.since for record in self.records)
        known = listened.missed(self.records, first, self._newest)
        return (self._listened.since if self._listened else first, known)

    def _missed(self, seen_at: datetime | None) -> timedelta:
        """For how long nobody listened since then."""
        if seen_at is None or (self._listened and seen_at >= self._listened.since):
            return timedelta()
        return listened.missed(self.records, seen_at, self._newest or self._clock.now())

    def monitor(self, source: str) -> Monitor:
        return self.monitors.get(source) or Monitor(source=source)

    def noted(self) -> Mapping[str, datetime]:
        """What this process heard, written down or not."""
        return self._last_seen()

    def _seen_at(self, known: Monitor, listening_since: datetime, now: datetime) -> datetime | None:
        """What was written down by a clock that was ahead, counts as heard when we began to listen."""
        written, heard = known.last_seen_at, self._last_seen().get(known.source)
        if written and written > now:
            written = listening_since
        return max(written, heard) if written and heard else written or heard

    def windows_of(self, source: str) -> list[Maintenance]:
        """What runs of it or is to come, the first to begin first."""
        now = self._clock.now()
        return sorted((w for w in self.windows if w.source == source and now < w.until), key=lambda w: (w.since, w.id))

    def maintained(self, source: str) -> bool:
        """Somebody said that it need not be heard now."""
        return any(w.source == source and w.runs(self._clock.now()) for w in self.windows)

    def _counts_from(self, source: str, seen_at: datetime | None, now: datetime) -> datetime | None:
        """When it was last heard; that it began to be expected, and the end of its maintenance, count as heard."""
        since = self.quiet_since(source, seen_at)
        if since is None:
            return None
        over = (w.until for w in self.windows if w.source == source and w.until <= now)
        return max(since, self._ended.get(source, since), *over)

    def next_look(self, look: Look) -> NextLook | None:
        """When its status can change if it is not heard. None when nothing can be said now, or it was never heard."""
        known, until = look.known, self.known_until()
        if known.last_seen_at is None or look.seen_at is None or until is None:
            return None
        quiet = known.silence_id is not None or until >= look.late_at
        # What was written by a clock that was ahead will be heard when it has come.
        instants = (look.late_at, look.silent_at, known.last_seen_at)
        at = min((at for at in instants if at > until), default=None)
        return NextLook(known.source, known.last_seen_at, at, quiet)


def watched(roster: Roster) -> list[tuple[Source, Heartbeat]]:
    """The sources that are expected to be heard."""
    return [(source, source.heartbeat) for source in roster.sources.values() if source.heartbeat is not None]


def heard_since(silence_id: str, seen_at: datetime | None) -> bool:
    """The id knows the second in which the source was last heard."""
    return seen_at is not None and seen_at.replace(microsecond=0) > alarms.since_of(silence_id)
