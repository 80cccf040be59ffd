"""What the door notes at acceptance and writes down each second: who was heard, which messages were answered.

With it goes until when this process has listened: silence is judged only for time in which somebody did.
"""

from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from model.clock import Clock
from model.errors import Unavailable
from model.monitor import Listening
from store import deliveries, listening, monitors
from store.database import Connection, Database

log = structlog.get_logger(__name__)

MAX_NOTES = 100_000
# When there is nothing else to write. A silence is told so much later at most, where others than the monitor listen.
LISTENING_EVERY = timedelta(seconds=3)


class Notebook:
    """In memory between two flushes; what is lost with a killed process is at most one second of notes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._run = str(uuid4())  # a restarted process is another listener
        self._since = clock.now()
        self._written_until: datetime | None = None
        self._seen: dict[str, datetime] = {}
        self._answered: dict[str, datetime] = {}
        self.last_seen: dict[str, datetime] = {}

    def heard(self, source: str, at: datetime) -> None:
        """Messages become durable in any order: the latest counts."""
        at = max(at, self.last_seen.get(source, at))
        self._seen[source] = at
        self.last_seen[source] = at

    def answered(self, message_id: str, at: datetime) -> None:
        if len(self._answered) < MAX_NOTES:
            self._answered[message_id] = at

    def listening(self) -> Listening:
        """This process, as it knows itself: `last_seen` has all that it heard until now."""
        return Listening(process=self._run, since=self._since, until=self._clock.now())

    async def flush(self) -> None:
        """Write down what was noted. While the database is away, notes are kept for the next time."""
        until = self._clock.now()
        seen, answered = self._seen, self._answered
        lately = self._written_until is not None and until - self._written_until < LISTENING_EVERY
        if lately and not seen and not answered:
            return
        self._seen, self._answered = {}, {}

        def work(conn: Connection) -> set[str]:
            monitors.note_seen(conn, seen, until)
            listening.note(conn, self._run, self._since, until)
            return deliveries.note_answered(conn, answered)

        try:
            written = await self._database.transact(work)
        except Unavailable:
            self._seen, self._answered = seen | self._seen, answered | self._answered
            return
        self._written_until = until
        # The router may not have stored the body yet: its note waits.
        self._answered |= {k: at for k, at in answered.items() if k not in written}

    async def close(self) -> None:
        """The last flush; nobody waits for this listener any more."""
        self._written_until = None
        await self.flush()
        try:
            await self._database.transact(lambda conn: listening.end(conn, self._run))
        except Unavailable as away:
            log.warning("that this process listens no more is not written down", error=str(away))
