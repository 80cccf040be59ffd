"""What this process sees of the whole installation, and what it says of itself: that its jobs are done."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from app.roles import EVERY_ROLE, Role
from broker.failover import FailoverBroker
from heartbeat import vital_signs
from heartbeat.vital_signs import DEAD, Canaries, Condition, Signs
from model.clock import Clock
from model.errors import Unavailable
from store import canaries, figures, leases
from store.database import Connection, Database

log = structlog.get_logger(__name__)


class Vital:
    """`stuck` names the loops of this process that stand still: then it does not count as alive.

    `canary_every`: how often a message of our own is sent, zero for never.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        roles: Collection[Role],
        holder: str,
        failover: FailoverBroker | None,
        stuck: Callable[[], Sequence[str]],
        canary_every: timedelta = timedelta(),
    ) -> None:
        self._database = database
        self._clock = clock
        self._roles = sorted(roles)
        self._holder = holder
        self._failover = failover
        self._stuck = stuck
        self._signs = Signs(looked_at=clock.now(), lived={})
        self._canaries = Canaries(every=canary_every, expected_since=clock.now()) if canary_every else None
        self._looks = 0

    async def look(self) -> None:
        """Say that this process lives, and look who else does. While the database is away the last look stands."""
        now = self._clock.now()
        doing = () if self._stuck() else self._roles

        def work(conn: Connection) -> tuple[dict[str, datetime], datetime | None, Canaries | None]:
            leases.hold_roles(conn, doing, self._holder, now, now + DEAD)
            return leases.roles(conn), figures.urgent_since(conn, now), self._of_canaries(conn)

        try:
            held_until, due_since, canary = await self._database.transact(work)
        except Unavailable as away:
            log.warning("database away, that this process lives is not written down", error=str(away))
            return
        lived = {role: until - DEAD for role, until in held_until.items()}
        self._signs = Signs(looked_at=self._clock.now(), lived=lived, due_since=due_since, canary=canary)
        self._looks += 1

    def _of_canaries(self, conn: Connection) -> Canaries | None:
        if self._canaries is None:
            return None
        return replace(self._canaries, through_at=canaries.through_at(conn), last=canaries.newest(conn))

    def signs(self) -> Signs:
        """As of the last look at the database, and of now what this process knows itself."""
        if (failover := self._failover) is None:
            return self._signs
        spool = failover.spool
        unusable = [f"{path}: {why}" for path, why in sorted(spool.unusable.items())]
        since = spool.oldest_at()
        return replace(self._signs, queue_up=failover.queue_up, spooled_since=since, unusable=unusable)

    def conditions(self) -> list[Condition]:
        """What is wrong with the installation. Nothing before the second look: the others may just be starting."""
        if self._looks < 2 and self._clock.now() - self._signs.looked_at < DEAD:
            return []
        return vital_signs.conditions(self.signs(), sorted(EVERY_ROLE), self._clock.now())
