"""Looks each night at the roster 60 days ahead, and tells what is missing there by ordinary events of our own.

While such an event is open it looks again when the roster was changed: what was mended need not wait for the night.
As for silence, what will be said is decided and kept, then published, then marked as told. A crash in between repeats
the publishing with the same words, which the router knows as a duplicate. Who looks twice finds the same.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from broker.base import Publisher
from broker.own import OwnVoice
from model.clock import Clock, breathe
from model.errors import QueueFull, Unavailable
from model.ids import Ids
from model.roster import Roster
from model.shortfall import Shortfall
from routing import coverage
from routing.coverage import Finding, Sliced, T
from routing.shortfalls import decide
from store import shortfalls
from store.database import Connection, Database

log = structlog.get_logger(__name__)

AHEAD = timedelta(days=60)
NIGHT = timedelta(hours=2)  # UTC: when a new night begins


async def in_slices(sliced: Sliced[T]) -> T:
    """The result; everybody else has a turn of the loop after each slice."""
    while True:
        try:
            next(sliced)
        except StopIteration as done:
            result: T = done.value
            return result
        await breathe()


class NightLook:
    """Only one process at a time is to call `tick`; when two do, the later one finds everything told."""

    def __init__(
        self, database: Database, publisher: Publisher, clock: Clock, ids: Ids, roster: Callable[[], Roster]
    ) -> None:
        self._database = database
        self._voice = OwnVoice(publisher, clock, ids, "coverage")
        self._clock = clock
        self._roster = roster
        self._looked_on: datetime | None = None
        self._looked_at: Roster | None = None
        self._open = False

    async def tick(self) -> None:
        """Each minute: look if it is time. While database or queue are away the next one does."""
        now, roster = self._clock.now(), self._roster()
        night = (now - NIGHT).replace(hour=0, minute=0, second=0, microsecond=0)
        if night == self._looked_on and not (self._open and roster is not self._looked_at):
            return
        try:
            await self._tell()  # what a crash may have left
            await self._look(roster, now)
            await self._tell()
            self._looked_on, self._looked_at = night, roster
        except (Unavailable, QueueFull) as away:
            log.warning("missing coverage cannot be told now", error=str(away))

    async def _look(self, roster: Roster, now: datetime) -> None:
        start = now.replace(second=0, microsecond=0)
        until = start + AHEAD
        found = await in_slices(coverage.missing(roster, start, until))

        def work(conn: Connection) -> list[Shortfall]:
            shortfalls.alone(conn)
            shortfalls.forget(conn, start)
            decided = decide(shortfalls.every(conn), found, roster, start, until)
            shortfalls.keep(conn, decided)
            return decided

        decided: list[Shortfall] = await self._database.transact(work)
        self._open = not all(s.over for s in decided)
        _log(found, decided)

    async def _tell(self) -> None:
        for shortfall in await self._database.read(shortfalls.to_tell):
            assert shortfall.to_tell is not None
            await self._voice.say(shortfall.to_tell)
            await self._mark(shortfall)

    async def _mark(self, told: Shortfall) -> None:
        await self._database.transact(lambda conn: shortfalls.told(conn, told.event_id, told.revision))


def _log(found: tuple[Finding, ...], decided: list[Shortfall]) -> None:
    log.info(
        "coverage looked at",
        days=AHEAD.days,
        missing=sum(f.missing for f in found),
        two_places=sum(not f.missing for f in found),
        to_tell=sum(s.to_tell is not None for s in decided),
    )
