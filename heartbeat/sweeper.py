"""Looks each second at the sources that are due: who is late, who is silent, who is heard again. Tells it by events.

Three writes for each change: what will be said is decided and kept, then published, then the status says so. A crash
in between repeats the publishing with the same words, which the router knows as a duplicate. Nothing is lost. What is
due together is written together.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from broker.base import Publisher
from broker.own import OwnVoice
from heartbeat import alarms, changes, folding, listened
from heartbeat.changes import Change
from heartbeat.folding import Together
from heartbeat.hearing import Hearing, Look, heard_since, watched
from heartbeat.lookout import Lookout
from model.clock import Clock
from model.errors import QueueFull, Unavailable
from model.ids import Ids
from model.monitor import Monitor, MonitorStatus
from model.roster import OWN_SOURCE, Roster
from store import monitors
from store.codec import canonical
from store.database import Connection, Database
from store.monitors import Decision

log = structlog.get_logger(__name__)

AT_ONCE = 100  # changes decided in one transaction
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
        self._voice = OwnVoice(publisher, clock, ids, "heartbeat")
        self._clock = clock
        self._roster = roster
        self._hearing = hearing
        self._share = share
        self._lookout = Lookout(database, clock, roster, hearing)
        self._outage_told: str | None = None
        self._standing: str | None = ""  # not known yet: the first look may end it

    async def tick(self) -> None:
        """Each second. While database or queue are away nothing is changed; the next tick tries again."""
        try:
            looked = await self._lookout.look()
            await self._tell_outage()
            standing = await self._look_at_all()
            if standing != self._standing:  # it begins or ends: now that concerns every source
                looked = await self._lookout.look_at_all()
            found = [change for one in looked if (change := self._change(one, standing))]
            if self._lookout.everybody:
                found += self._unexpected()
            await self._tell(found, standing)
            await self._lookout.done({change.source for change in found})
            self._standing = standing
        except (Unavailable, QueueFull) as away:
            log.warning("silence of sources cannot be told now", error=str(away))

    def look_at_all(self) -> None:
        """At the next tick, whoever is due."""
        self._lookout.forget()

    async def _look_at_all(self) -> str | None:
        """The alarm about most sources at once, when it stands: while it does, no source has one of its own."""
        own, now = self._hearing.monitor(OWN_SOURCE), self._clock.now()
        known = self._hearing.known_until() is not None
        quiet, heard = self._lookout.quiet, len(self._lookout.heard)
        if own.silence_id:
            still = not known or folding.still(quiet, heard, self._share, alarms.since_of(own.silence_id))
            if own.heard_again_at or not still:
                await self._most_are_heard_again(own.silence_id, now)
                return None
        if own.silence_id and own.status is MonitorStatus.SILENT:
            return own.silence_id
        together = folding.together(quiet, heard, self._share) if known else None
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
            known = self._roster().sources  # a source may have left it since the look began
            names = [getattr(known.get(source), "name", source) for source in together.sources]
            words = canonical(alarms.together(silence_id, names, together.of, now))
            decision = Decision(OWN_SOURCE, silence_id, silence_told_at=now, to_tell=words)
            own = await self._database.transact(lambda conn: monitors.decide(conn, [decision])[OWN_SOURCE])
        assert own.silence_id is not None
        assert own.to_tell is not None
        await self._voice.say(json.loads(own.to_tell))
        await self._database.transact(lambda conn: monitors.set_status(conn, [OWN_SOURCE], MonitorStatus.SILENT))
        log.warning("most sources are silent", event_id=own.silence_id)
        return own.silence_id

    async def _most_are_heard_again(self, silence_id: str, now: datetime) -> None:
        decision = Decision(OWN_SOURCE, silence_id, heard_again_at=now)
        told = await self._database.transact(lambda conn: monitors.decide(conn, [decision])[OWN_SOURCE])
        assert told.heard_again_at is not None
        if told.silence_told_at:
            await self._voice.say(alarms.together_is_over(silence_id, told.heard_again_at))
        await self._database.transact(lambda conn: monitors.hear_most_again(conn, silence_id))
        log.info("most sources are heard again", event_id=silence_id)

    def _change(self, look: Look, standing: str | None) -> Change | None:
        """What is to be told of it now, None when nothing is."""
        source, known, found = look.source, look.known, look.found
        if known.silence_id and look.seen_at and heard_since(known.silence_id, look.seen_at):
            return changes.heard_again(source, known.silence_id, look.seen_at)
        silent, late = found is MonitorStatus.SILENT, found is MonitorStatus.LATE
        if not (silent or late or known.silence_id):
            return None
        now = self._clock.now()
        quiet_since = self._hearing.quiet_since(source.id, look.seen_at)
        since = quiet_since or self._hearing.listening_since(source.id)
        silence_id = known.silence_id or alarms.silence_id(source.id, since)
        not_silent_yet, change = known.status is not MonitorStatus.SILENT, None
        if standing and not known.silence_told_at:
            change = changes.held_back(source, silence_id, standing) if silent and not_silent_yet else None
        # What was decided and not told, because of a crash or the queue, is told: a new period changes nothing there.
        elif (known.silence_told_at or silent) and not_silent_yet:
            change = changes.silent(source, silence_id, now)
        elif (known.late_told_at or late) and known.status not in _LATE_WAS_TOLD:
            change = changes.late(source, look.heartbeat, silence_id, now)
        return change

    def _unexpected(self) -> list[Change]:
        """Sources that left the roster while silent, or are no longer minded: nobody would end their alarms."""
        roster, now = self._roster(), self._clock.now()
        expected = {source.id for source, _ in watched(roster)} | {OWN_SOURCE}
        return [
            changes.no_longer_expected(
                known.source, getattr(roster.sources.get(known.source), "name", known.source), known.silence_id, now
            )
            for known in self._hearing.monitors.values()
            if known.silence_id and known.source not in expected
        ]

    async def _tell(self, found: Sequence[Change], standing: str | None) -> None:
        """Decided, said, and then marked as said: so many at once that a crash repeats few. Raises as `_publish`."""
        folded = {change.source: change.silence_id for change in found if change.folded_into}
        if folded and standing:
            await self._database.transact(lambda conn: monitors.hold_back(conn, folded, standing))
        told = [change for change in found if not change.folded_into]
        for n in range(0, len(told), AT_ONCE):
            await self._tell_at_once(told[n : n + AT_ONCE])

    async def _tell_at_once(self, found: Sequence[Change]) -> None:
        decisions = [change.decision for change in found]
        decided = await self._database.transact(lambda conn: monitors.decide(conn, decisions))
        saying = [self._say(change, decided[change.source]) for change in found]
        outcomes = await asyncio.gather(*saying, return_exceptions=True)
        failures = [error for error in outcomes if error is not None]
        if all(isinstance(error, (Unavailable, QueueFull)) for error in failures):
            said = [change for change, error in zip(found, outcomes, strict=True) if error is None]
            await self._database.transact(lambda conn: _mark(conn, said))
        if failures:
            raise failures[0]

    async def _say(self, change: Change, told: Monitor) -> None:
        for statement in change.statements(told):
            await self._voice.say(statement)

    async def _tell_outage(self) -> None:
        """That nobody listened for a while; once, and with the same words after a restart."""
        gap = listened.gap(self._hearing.records)
        if gap is None or gap.until - gap.since < TOLD_FROM or self._outage_told == alarms.outage_id(gap.since):
            return
        await self._voice.say(alarms.outage(gap.since, gap.until))
        self._outage_told = alarms.outage_id(gap.since)
        log.warning("nobody listened for a while", since=gap.since.isoformat(), until=gap.until.isoformat())


def _mark(conn: Connection, said: Sequence[Change]) -> None:
    """What was said, is kept."""
    for status in (MonitorStatus.LATE, MonitorStatus.SILENT):
        if sources := [change.source for change in said if change.becomes is status]:
            monitors.set_status(conn, sources, status)
    if over := {change.source: change.silence_id for change in said if change.becomes is MonitorStatus.UP}:
        monitors.settle(conn, over)
