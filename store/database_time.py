"""The database's time for processes that share one, so that no two of them disagree about what is due."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection, func, select

from model.clock import Clock, SlewedClock, SystemClock
from model.errors import Unavailable
from store.database import Database

log = structlog.get_logger(__name__)

MEASURE_EVERY = timedelta(seconds=10)
SLOWEST_ANSWER_SECONDS = 1.0  # one that took longer says too little about when it was said
WORTH_A_WORD = timedelta(seconds=2)
TRIES_AT_THE_START = 3  # a machine that has just come up answers slowly

_NOW = select(func.clock_timestamp())


class TimeKeeper:
    """Keeps `clock` at the time of the database (PostgreSQL). `local` is what it sleeps by."""

    def __init__(self, database: Database, clock: SlewedClock, local: Clock | None = None) -> None:
        self.clock = clock
        self._database = database
        self._local = local or SystemClock()
        self._measured = False

    async def run(self) -> None:
        """For ever: at once, then each MEASURE_EVERY. While the database is away the clock goes on as it went."""
        while True:
            await self.measure()
            await self._local.sleep_until(self._local.now() + MEASURE_EVERY)

    async def begin(self) -> None:
        """Bring the clock to the database's time, forward or back, before anybody else has it.

        A machine that was ahead when it came up would else take what is due within the hour for late. While the
        database is away the clock stays as it is.
        """
        for _ in range(TRIES_AT_THE_START):
            if not await self._measure(self.clock.begin):
                return

    async def measure(self) -> None:
        """Ask once and correct the clock."""
        await self._measure(partial(self.clock.correct, at_once=not self._measured))

    async def _measure(self, correct: Callable[[datetime, float], timedelta]) -> bool:
        """True: the answer was too slow, ask again."""
        try:
            began, at, ended = await self._database.read(self._ask)
        except Unavailable as away:
            log.warning("the database's time is not known now", error=str(away))
            return False
        if ended - began > SLOWEST_ANSWER_SECONDS:
            return True
        behind = correct(at, (began + ended) / 2)
        if abs(behind) > WORTH_A_WORD:
            log.warning("our time is corrected", seconds_behind=round(behind.total_seconds(), 3))
        self._measured = True
        return False

    def _ask(self, conn: Connection) -> tuple[float, datetime, float]:
        """What time it is there, between two counts of our monotonic clock."""
        conn.execute(_NOW)  # begins the transaction and prepares the statement: the next one is one way there and back
        began = self.clock.monotonic()
        at = conn.execute(_NOW).scalar_one()
        return began, at, self.clock.monotonic()
