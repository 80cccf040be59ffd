"""One process of several does a job: whoever holds the lease. It is kept for a while, so that asking costs nothing."""

from datetime import datetime, timedelta

from model.clock import Clock
from store import leases
from store.database import Database

LEASE = timedelta(seconds=5)
RENEW = timedelta(seconds=3)  # left of it when it is renewed


class Lease:
    """Held for `lasts`, renewed when less than `renew` of it is left: who asks more rarely loses it in between."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        name: str,
        holder: str,
        lasts: timedelta = LEASE,
        renew: timedelta = RENEW,
    ) -> None:
        self._database = database
        self._clock = clock
        self._name = name
        self._holder = holder
        self._lasts = lasts
        self._renew = renew
        self._until: datetime | None = None

    async def held(self) -> bool:
        """Ours now, and for some seconds more. Raises Unavailable."""
        now = self._clock.now()
        if self._until is None or self._until - now < self._renew:
            until = now + self._lasts
            won = await self._database.transact(lambda conn: leases.hold(conn, self._name, self._holder, now, until))
            self._until = until if won else None
        return self._until is not None
