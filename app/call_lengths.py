"""What past calls teach of the next one, looked up now and then: no plan waits for it."""

from dataclasses import replace

import structlog

from model.clock import Clock
from model.errors import Unavailable
from model.phones import Phones
from store import call_lengths
from store.database import Database

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0


class CallLengths:
    """`phones`: the account, with what was learned as of the last look; before the first one policies are believed."""

    def __init__(self, database: Database, clock: Clock, phones: Phones) -> None:
        self._database = database
        self._clock = clock
        self.phones = phones

    def known(self) -> Phones:
        return self.phones

    async def look(self) -> None:
        """While the database is away the last look stands."""
        now = self._clock.now()
        try:
            learned = await self._database.read(lambda conn: call_lengths.of_late(conn, now))
        except Unavailable as away:
            log.warning("database away, what calls take is not looked up", error=str(away))
            return
        self.phones = replace(self.phones, learned=learned)
