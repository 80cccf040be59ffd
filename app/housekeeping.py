"""What has to be done now and then for the database: seal the evidence, close codes, make months, delete what is old.

Each job is harmless when two processes do it at once. While the database is away it waits for its next turn.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog

from model import idempotency
from model.clock import Clock
from model.errors import Unavailable
from store import canaries, leases, listening, paces, partitions, repeats, replies, retention, seal
from store.database import Database
from store.retention import Keep

log = structlog.get_logger(__name__)

BATCHES_AN_HOUR = 500
UNUSED = timedelta(hours=1)
LISTENING_KEPT = timedelta(days=2)
LEASES_KEPT = timedelta(days=2)
CANARIES_KEPT = timedelta(days=1)


class Housekeeping:
    def __init__(self, database: Database, clock: Clock, keep: Keep) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep
        self._blanked = ""  # up to this event nothing of vendors is left; not remembered over a restart
        self._barred: list[str] = []  # months of which that was said

    async def seal(self) -> None:
        """Chain what was appended since."""

        async def work() -> None:
            while await self._database.transact(seal.seal) >= seal.BATCH:
                pass

        await _unless_away("evidence cannot be sealed now", work)

    async def close_old_codes(self) -> None:
        now = self._clock.now()

        async def work() -> None:
            await self._database.transact(lambda conn: replies.close_old_codes(conn, now))
            await self._database.transact(lambda conn: paces.forget(conn, now - UNUSED))

        await _unless_away("old reply codes cannot be closed now", work)

    async def make_months(self) -> None:
        """Partitions for the coming months."""
        now = self._clock.now()

        async def work() -> None:
            months = await self._database.transact(lambda conn: partitions.make(conn, now))
            if months.made:
                log.info("partitions made", names=months.made)
            if told := [name for name in months.barred if name not in self._barred]:
                log.error(partitions.BARRED, names=told)
                self._barred += told

        await _unless_away("partitions for the coming months cannot be made now", work)

    async def tidy(self) -> None:
        """Delete what is too old, in small batches; what is left over waits for the next hour."""
        await _unless_away("what is too old cannot be deleted now", self._tidy)

    async def _tidy(self) -> None:
        now, keep = self._clock.now(), self._keep
        await self._database.transact(lambda conn: listening.forget(conn, now - LISTENING_KEPT))
        await self._database.transact(lambda conn: leases.forget(conn, now - LEASES_KEPT))
        await self._database.transact(lambda conn: canaries.forget(conn, now - CANARIES_KEPT))
        for _ in range(BATCHES_AN_HOUR):
            if not await self._database.transact(lambda conn: repeats.forget(conn, now - idempotency.KEPT)):
                break
        for _ in range(BATCHES_AN_HOUR):
            if not await self._database.transact(lambda conn: retention.delete_batch(conn, now, keep)):
                break
        for _ in range(BATCHES_AN_HOUR):
            if not await self._database.transact(lambda conn: retention.delete_loose(conn, now, keep)):
                break
        for _ in range(BATCHES_AN_HOUR):
            blank = partial(retention.blank_vendor_bodies, now=now, keep=keep.vendor_bodies, after=self._blanked)
            if (last := await self._database.transact(blank)) is None:
                break
            self._blanked = last


async def _unless_away(sentence: str, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Unavailable as away:
        log.warning(sentence, error=str(away))
