"""What one process of several looks after now and then, beside the silence of sources: whoever holds the lease."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import structlog

from app import canary
from app.lease import Lease
from app.metrics import Canaries
from app.roles import Role
from app.security import CanaryKey
from app.stores import Stores
from app.ticks import Tick
from app.vendor_checks import VendorChecks
from app.vendors import Vendors
from config.settings import Settings
from heartbeat.hearing import Hearing
from heartbeat.newcomers import Newcomers
from model.clock import Clock
from model.errors import Unavailable
from model.ids import Ids
from model.roster import Roster
from routing.silence_news import SilenceNews
from routing.unreadable_news import UnreadableNews

log = structlog.get_logger(__name__)


VENDORS_EVERY = timedelta(seconds=30)


class Rounds:
    """`lease`: that of the process which tells the silence of sources."""

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        vendors: Vendors,
        clock: Clock,
        ids: Ids,
        roster: Callable[[], Roster],
        hearing: Hearing,
        lease: Lease,
        measured: Canaries,
    ) -> None:
        database, broker = stores.database, stores.broker
        self._settings = settings
        self._lease = lease
        # Kept from one tick to the next: by turns each would ask, and tell, for itself.
        self._vendor_lease = Lease(
            database, clock, "vendors", stores.process_id, lasts=3 * VENDORS_EVERY, renew=2.5 * VENDORS_EVERY
        )
        self.newcomers = Newcomers(database, broker, clock, ids, roster, hearing)
        self.silence_news = SilenceNews(database, broker, clock, ids)
        self.unreadable_news = UnreadableNews(database, broker, clock, ids, roster)
        url, every = settings.canary_url or settings.public_url, timedelta(seconds=settings.canary_seconds)
        self.canary = canary.Sender(database, clock, ids, CanaryKey(stores.installation_key), url, every, measured)
        checks_every = timedelta(seconds=settings.vendor_check_seconds)
        self.vendor_checks = VendorChecks(vendors, roster, settings, clock, ids, checks_every)

    def ticks(self) -> Mapping[Role, tuple[Tick, ...]]:
        """By the role whose processes do it, without what is switched off."""
        monitor = [
            Tick("newcomers", 60.0, self._if_ours(self.newcomers.tick)),
            Tick("silences", 5.0, self._if_ours(self.silence_news.tick)),
            Tick("unreadables", 5.0, self._if_ours(self.unreadable_news.tick)),
        ]
        if self._settings.canary_seconds:
            monitor.append(Tick("canary", 5.0, self._if_ours(self.canary.tick)))
        vendors = []
        if self._settings.vendor_check_seconds:
            vendors.append(Tick("vendors", VENDORS_EVERY.total_seconds(), self._look_at_vendors))
        return {Role.MONITOR: tuple(monitor), Role.NOTIFIER: tuple(vendors)}

    def _if_ours(self, tick: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            try:
                if await self._lease.held():
                    await tick()
            except Unavailable as away:
                log.warning("database away, a round waits", error=str(away))

        return run

    async def _look_at_vendors(self) -> None:
        """One notifier asks; while it cannot be settled which, each does."""
        try:
            ours = await self._vendor_lease.held()
        except Unavailable:
            ours = True
        if ours:
            await self.vendor_checks.tick()
        else:
            self.vendor_checks.found = {}

    async def close(self) -> None:
        await self.canary.close()
