"""What becomes of one source: what is decided and kept, what is said of it, and how it stands when that is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from heartbeat import alarms
from heartbeat.alarms import Statement
from model.monitor import Monitor, MonitorStatus
from model.roster import Heartbeat, Source
from store.monitors import Decision

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """`decision` is kept first; `statements` puts what holds then into words; `becomes` is kept when they are said.

    `folded_into`: an alarm about most sources says it already, and nothing is said.
    """

    decision: Decision
    becomes: MonitorStatus
    statements: Callable[[Monitor], Sequence[Statement]] = lambda _told: ()
    folded_into: str | None = None

    @property
    def source(self) -> str:
        return self.decision.source

    @property
    def silence_id(self) -> str:
        return self.decision.silence_id


def late(source: Source, heartbeat: Heartbeat, silence_id: str, now: datetime) -> Change:
    def statements(told: Monitor) -> Sequence[Statement]:
        assert told.silence_id is not None
        assert told.late_told_at is not None
        log.info("source is late", source=source.id, event_id=alarms.late_id(told.silence_id))
        return [alarms.late(source, heartbeat, told.silence_id, told.late_told_at)]

    return Change(Decision(source.id, silence_id, late_told_at=now), MonitorStatus.LATE, statements)


def silent(source: Source, silence_id: str, now: datetime) -> Change:
    """Published before the source is marked silent: a crash then repeats the alarm instead of losing it."""

    def statements(told: Monitor) -> Sequence[Statement]:
        assert told.silence_id is not None
        assert told.silence_told_at is not None
        log.warning("source is silent", source=source.id, event_id=told.silence_id)
        alarm = alarms.silence(source, told.silence_id, told.silence_told_at)
        closed = [alarms.late_is_silent(source, told.silence_id, told.silence_told_at)] if told.late_told_at else []
        return [alarm, *closed]

    return Change(Decision(source.id, silence_id, silence_told_at=now), MonitorStatus.SILENT, statements)


def held_back(source: Source, silence_id: str, standing: str) -> Change:
    """The alarm about most sources stands and says it."""
    return Change(Decision(source.id, silence_id), MonitorStatus.SILENT, folded_into=standing)


def heard_again(source: Source, silence_id: str, seen_at: datetime) -> Change:
    def statements(told: Monitor) -> Sequence[Statement]:
        assert told.heard_again_at is not None
        log.info("source is heard again", source=source.id, event_id=silence_id)
        if told.silence_told_at:
            over = [alarms.silence_is_over(source, silence_id, told.heard_again_at)]
            if told.late_told_at and told.status is not MonitorStatus.SILENT:
                # A crash came between the alarm and its bookkeeping: the notice may still be open.
                over.append(alarms.late_is_silent(source, silence_id, told.silence_told_at))
            return over
        return [alarms.late_is_over(source, silence_id, told.heard_again_at)] if told.late_told_at else []

    return Change(Decision(source.id, silence_id, heard_again_at=seen_at), MonitorStatus.UP, statements)


def no_longer_expected(source: str, name: str, silence_id: str, now: datetime) -> Change:
    """It left the roster, or is not minded any more, in the middle of what was told of it."""

    def statements(told: Monitor) -> Sequence[Statement]:
        assert told.heard_again_at is not None
        log.info("source is no longer expected", source=source, event_id=silence_id)
        silent = told.silence_told_at is not None
        if not (silent or told.late_told_at):
            return []
        return [alarms.nobody_listens(name, silence_id, silent, told.heard_again_at)]

    return Change(Decision(source, silence_id, heard_again_at=now), MonitorStatus.UP, statements)
