"""What the door notes at acceptance and writes down each second: who was heard, which messages were answered."""

from datetime import datetime

from model.errors import Unavailable
from store import deliveries, monitors
from store.database import Connection, Database

MAX_NOTES = 100_000


class Notebook:
    """In memory between two flushes; what is lost with a killed process is at most one second of notes."""

    def __init__(self, database: Database) -> None:
        self._database = database
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

    async def flush(self) -> None:
        """Write down what was noted. While the database is away, notes are kept for the next time."""
        seen, answered = self._seen, self._answered
        if not seen and not answered:
            return
        self._seen, self._answered = {}, {}

        def work(conn: Connection) -> set[str]:
            monitors.note_seen(conn, seen)
            return deliveries.note_answered(conn, answered)

        try:
            written = await self._database.transact(work)
        except Unavailable:
            self._seen, self._answered = seen | self._seen, answered | self._answered
            return
        # The router may not have stored the body yet: its note waits.
        self._answered |= {k: at for k, at in answered.items() if k not in written}
