"""Claims what a look has found: its words are made, then everything is claimed in one transaction."""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from datetime import datetime, timedelta

import structlog

from model.clock import Clock
from model.errors import Unavailable
from model.ids import Ids
from model.plan import ChannelName, Hold, Kind, Notification
from model.roster import Roster
from model.setbacks import Setbacks
from model.tracing import Tracer
from notifiers.breaker import Breakers
from notifiers.jobs import Batch, Job, Jobs
from notifiers.limits import EDIT_EVERY_SECONDS, Paces
from store import claims, outbox, outcomes, plans
from store.database import Connection, Database
from store.outbox import Due

log = structlog.get_logger(__name__)

RosterAt = Callable[[], Roster]

# A row that is kept back for these takes nobody's turn at the vendor; nor does one that another has in hand.
_ITS_READERS = frozenset({Hold.NUMBER_BUSY, Hold.PERSON_LIMIT, Hold.BUNDLE})


class Claiming:
    """`owner` names this process in claims. `setbacks`: rows for which no words can be made."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        roster: RosterAt,
        jobs: Jobs,
        paces: Paces,
        breakers: Breakers,
        setbacks: Setbacks,
        tracer: Tracer,
        *,
        owner: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._jobs = jobs
        self._paces = paces
        self._breakers = breakers
        self._setbacks = setbacks
        self._tracer = tracer
        self._owner = owner
        self._in_doubt = False

    async def claim(self, batch: Batch, now: datetime) -> tuple[list[Job], datetime]:
        """Render, then claim everything in one transaction. Returns what was won, and when, or somewhat earlier."""
        roster = self._roster()
        late, broken, jobs = [], [], []
        held = [(row, Hold.BUNDLE, at) for row, at in batch.gathering]
        for due in batch.due:
            row = due.notification
            if row.until < now:
                late.append(row)
            elif (at := self._breakers.of(row.channel).next_at(now)) > now:
                held.append((row, Hold.VENDOR, at))
            elif (at := self._paces.until(row, now)) > now:
                held.append((row, Hold.CHANNEL_RATE, at))
            elif row.kind is Kind.EDIT and row.id not in batch.posted:
                held.append((row, Hold.CHANNEL_RATE, now + timedelta(seconds=EDIT_EVERY_SECONDS)))
            elif (job := self._job(due, batch, roster, now)) is None:
                broken.append((row, self._setbacks.again_at(row.id, now)))
            else:
                jobs.append(job)
                self._breakers.of(row.channel).take(now)
                self._paces.take(row, now)
        # The claim's commit is not before this, whenever we hear of it.
        claimed_at = self._clock.now()
        if not (late or held or broken or jobs or batch.impossible or batch.out_of_lines):
            return [], claimed_at

        wanted = [row.id for row in (*batch.impossible, *late)]
        wanted += [row.id for row, _, _ in held] + [row.id for row, _ in broken]
        wanted += [row_id for job in jobs for row_id in job.claim.ids]

        def work(conn: Connection) -> tuple[list[Job], list[Notification]]:
            ours = outbox.take_in_hand(conn, wanted)
            for row in batch.impossible:
                if row.id in ours:
                    outbox.impossible(conn, self._ids, row, now)
            for row in late:
                if row.id in ours:
                    outbox.expire(conn, self._ids, row, now)
            for row, why, at in held:
                if row.id in ours:
                    outbox.hold(conn, self._ids, [row], why, at, now)
            for row, at in broken:
                if row.id in ours:
                    outbox.hold_broken(conn, self._ids, row, at, now)
            if batch.out_of_lines:
                outbox.hold_for_lines(conn, self._ids, now)
            free = [job.claim for job in jobs if all(row_id in ours for row_id in job.claim.ids)]
            won = claims.claim(conn, self._ids, free, self._owner, now)
            lost = [job.row for job in jobs if job.row.id not in won and self._takes_from_others(job.row)]
            waiting = [row for row in lost if row.id not in ours or plans.one(conn, row.id).hold in _ITS_READERS]
            return [job for job in jobs if job.row.id in won], waiting

        try:
            with ExitStack() as claiming:
                for job in jobs:
                    named = {"notification": job.row.id, "channel": str(job.row.channel)}
                    claiming.enter_context(self._tracer.span("claim", job.trace, **named))
                won, waiting = await self._database.transact(work)
        except Unavailable:
            self._in_doubt = True  # perhaps it was committed, and only the answer is lost
            raise
        for row in waiting:
            self._breakers.of(row.channel).give_back(now)
            self._paces.give_back(row)
        return won, claimed_at

    def _takes_from_others(self, row: Notification) -> bool:
        """All calls share their turns, and all of a channel the one that finds out whether its vendor is back."""
        return row.channel is ChannelName.VOICE or self._breakers.of(row.channel).opened_at is not None

    def _job(self, due: Due, batch: Batch, roster: Roster, now: datetime) -> Job | None:
        """None when its words cannot be made: that keeps no other row waiting."""
        row = due.notification
        try:
            job = self._jobs.job(due, batch, roster, now)
        except Exception:
            log.exception("no words can be made for a notification", notification=row.id, event_pk=row.event_pk)
            return None
        self._setbacks.over(row.id)
        return job

    async def take_back_what_is_in_doubt(self, in_hand: Collection[str], now: datetime) -> None:
        """A claim whose answer was lost may stand in the database; nothing of it was sent but what is `in_hand`."""
        if self._in_doubt:
            ours = frozenset(in_hand)
            await self._database.transact(lambda conn: outcomes.take_back(conn, self._ids, self._owner, ours, now))
            self._in_doubt = False
