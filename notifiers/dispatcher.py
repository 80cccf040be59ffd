"""Sends what is due. A claim is permission to send now: slots, lines and words come first, then the claim, then the
vendor, then the result. Only the router plans; this loop sends and records.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from model.clock import Clock, wake_or
from model.errors import Unavailable
from model.ids import Ids
from model.plan import ChannelName
from model.ports import Channel
from model.setbacks import Setbacks
from model.tracing import UNTRACED, Tracer
from notifiers import handover
from notifiers.breaker import Breakers
from notifiers.claiming import Claiming, RosterAt
from notifiers.context import House
from notifiers.jobs import Batch, Job, Jobs
from notifiers.limits import Limits, Paces
from notifiers.looking import Looking
from notifiers.order import Told
from notifiers.places import Places
from notifiers.sending import STALE_CLAIM, Sender
from store import canaries, leases, outbox, outcomes
from store.cuts import Cut
from store.database import ASK_AGAIN, Connection, Database
from store.outbox import Share
from store.signals import DISPATCH, Granted

log = structlog.get_logger(__name__)

BACKSTOP = timedelta(seconds=1)  # wake-ups carry the load; this is for what a lost one left behind
LEASE = timedelta(seconds=15)  # a process that has not renewed it for so long is dead
# Rows claimed together, at most; fewer on a busy machine. With more the last ones wait too long between claim and
# vendor, each must be read again, which takes even longer, and in the end nothing but claims is made.
AT_A_TURN = 20
AT_LEAST = 5  # a look costs as much as some sends
CUT_AGAIN = timedelta(seconds=2)
FINISH_SECONDS = 1.5  # given at the end to what is being sent


class Dispatcher:
    """`owner` names this process in claims; a restarted one that keeps the name ends its predecessor's at once.

    `canaries_`: messages by which Gridcall tries itself end here.

    `turned_at` is when the loop last turned; readiness looks at it. `setbacks`: rows for which no words can be made.
    `breakers`: which vendors do not answer.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        roster: RosterAt,
        channels: Mapping[ChannelName, Channel],
        *,
        owner: str,
        limits: Limits | None = None,
        house: House | None = None,
        tracer: Tracer = UNTRACED,
        canaries_: bool = False,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._channels = channels
        self._owner = owner
        limits = limits or Limits()
        self._paces = Paces(limits)
        self.setbacks = Setbacks()
        self.breakers = Breakers()
        self._places = Places(clock)
        self._told = Told()
        self._looking = Looking(
            channels,
            limits,
            self._paces,
            self._places,
            self.breakers,
            self._told,
            began_at=clock.now(),
            traced=tracer.on,
            canaries_=canaries_,
        )
        jobs = Jobs(ids, limits, self._paces, house or House())
        self._claiming = Claiming(
            database, clock, ids, roster, jobs, self._paces, self.breakers, self.setbacks, tracer, owner=owner
        )
        self._sender = Sender(database, clock, ids, channels, tracer, self.setbacks, self.breakers, roster)
        self._in_hand: dict[str, Job] = {}  # by their rows
        self._share = outbox.ALONE
        self._to_begin: frozenset[str] = frozenset()  # claimed, and the vendor not asked yet
        self._at_a_turn = AT_A_TURN
        self._again = False
        self._granted = Granted()
        self._caught_up = False  # the last look left nothing that was due
        self._next_due: datetime | None = None  # when the next row falls due, by the last look
        self._cut_at: dict[str, datetime] = {}
        self._ending = False
        self.turned_at = clock.now()

    async def run(self) -> None:
        """For ever. Cancelled, it finishes writing down what was sent."""
        await self._begin()
        signals = self._database.signals
        with signals.waiting(DISPATCH) as wake, signals.handovers() as self._granted:
            async with asyncio.TaskGroup() as group:
                try:
                    while True:
                        until = await self._turn(group, wake)
                        await wake_or(self._clock, wake, until)
                except asyncio.CancelledError:
                    await self._finish_sending(wake)
                    raise

    async def _begin(self) -> None:
        """A predecessor of this name is dead: what it was sending is taken over now, not when its lease runs out."""

        def work(conn: Connection) -> Share:
            leases.end(conn, self._owner)
            outcomes.adopt(conn, self._ids, self.turned_at)
            return self._live_on(conn, self.turned_at)

        while True:
            self.turned_at = self._clock.now()
            try:
                self._share = await self._database.transact(work)
                return
            except Unavailable as away:
                log.warning("database away, nothing is sent yet", error=str(away))
                await self._clock.sleep_until(self._clock.now() + ASK_AGAIN)

    def _live_on(self, conn: Connection, now: datetime) -> Share:
        leases.hold_process(conn, self._owner, now, now + LEASE)
        living = sorted(leases.living(conn, now))
        return Share(living.index(self._owner), len(living))

    async def renew(self) -> None:
        """Every few seconds: this process lives, and takes over what dead ones were sending."""
        now = self._clock.now()

        def work(conn: Connection) -> tuple[Share, int]:
            return self._live_on(conn, now), outcomes.adopt(conn, self._ids, now)

        try:
            self._share, adopted = await self._database.transact(work)
        except Unavailable as away:
            log.warning("database away, the lease is not renewed", error=str(away))
            return
        if adopted:
            log.warning("another process ended while sending", rows=adopted)

    async def _turn(self, group: asyncio.TaskGroup, wake: asyncio.Event) -> datetime:
        """Send what is due and can be sent. Returns when to look again."""
        now = self._clock.now()
        self.turned_at = now
        held_back = bool(self._to_begin)  # by the last turn: only what must be cut is looked for
        try:
            await self._claiming.take_back_what_is_in_doubt(self._in_hand, now)
            batch = self._take_handovers(now)
            if batch is None:
                room_for = 0 if self._to_begin else self._at_a_turn
                batch = await self._database.read(lambda conn: self._looking.look(conn, now, self._share, room_for))
                self._next_due = batch.next_at
            for cut in batch.cuts:
                # Who is told of what is left hears it from one process: another would begin it anew, after a key even.
                if not cut.still or self._share.has(cut.notification.id):
                    self._start_cut(group, cut, now)
            jobs, claimed_at = await self._claiming.claim(batch, self._clock.now())
        except Unavailable as away:
            log.warning("database away, what is due waits", error=str(away))
            self._caught_up = False
            return now + ASK_AGAIN
        heard_at = self._clock.now()
        self._to_begin |= {job.row.id for job in jobs}
        for job in jobs:
            self._places.take(job.row.channel, job.row.id)
            self._in_hand[job.row.id] = job
            self._told.note(job.row)
            group.create_task(self._send(job, claimed_at, heard_at, wake))
        if batch.behind is not None:
            self._places.looked(batch.behind, batch.unseen)
        if batch.canaries:
            group.create_task(self._take(batch.canaries))
        left = held_back or batch.more or len(jobs) < len(batch.due)
        self._caught_up = not (left or batch.calls_wait)
        if left:
            # There may be more than one look takes, and what was held back has a new due time.
            self._again = True
            self._look_again(wake)
        again = BACKSTOP if self._share.of == 1 else outbox.LEFT  # what others have left undone is ours by then
        return min(batch.next_at or now + again, now + again)

    async def _take(self, waiting: Sequence[str]) -> None:
        """Messages of our own: their channel is none, so the claim is all there is to do."""
        now = self._clock.now()
        try:
            await self._database.transact(lambda conn: canaries.tell(conn, waiting, now))
        except Unavailable as away:
            log.warning("database away, a message of our own waits", error=str(away))

    async def _send(self, job: Job, claimed_at: datetime, heard_at: datetime, wake: asyncio.Event) -> None:
        try:
            await self._sender.send(
                job, claimed_at, lambda: self._begun(job, heard_at, wake), lambda: self._give_way(job, wake)
            )
        finally:
            if self._in_hand.get(job.row.id) is job:  # given back, it may be claimed again by now
                self._begun(job, heard_at, wake)
                del self._in_hand[job.row.id]
            self._leave(job, wake)

    async def _give_way(self, job: Job, wake: asyncio.Event) -> None:
        """Between two parts: first whoever has heard nothing yet."""
        if self._places.gives_way(job.row.channel):
            self._leave(job, wake)
            await self._places.wait_for_first_parts(job.row.channel)

    def _leave(self, job: Job, wake: asyncio.Event) -> None:
        if self._places.leave(job.row.channel, job.row.id) or self._ending:
            wake.set()

    def _start_cut(self, group: asyncio.TaskGroup, cut: Cut, now: datetime) -> None:
        # A look may be older than the end of a cut it shows: within CUT_AGAIN nothing is cut twice.
        self._cut_at = {key: at for key, at in self._cut_at.items() if at > now}
        key = f"{cut.attempt.id} {len(cut.still)}"
        if key not in self._cut_at:
            self._cut_at[key] = now + CUT_AGAIN
            group.create_task(self._sender.cut(cut))

    def _look_again(self, wake: asyncio.Event) -> None:
        """If somebody wished so, and all that was claimed is under way."""
        if self._again and not self._to_begin:
            self._again = False
            wake.set()

    def _begun(self, job: Job, heard_at: datetime, wake: asyncio.Event) -> None:
        """When the last of a turn is under way, the next may be claimed: fewer of them when this took long.

        From when we heard of the claim: how long its commit takes is not changed by claiming fewer.
        """
        if job.row.id not in self._to_begin:
            return
        self._to_begin = self._to_begin - {job.row.id}
        if not self._to_begin:
            slow = self._clock.now() - heard_at > STALE_CLAIM / 2
            self._at_a_turn = max(AT_LEAST, self._at_a_turn // 2) if slow else min(self._at_a_turn + 2, AT_A_TURN)
            self._look_again(wake)

    async def _finish_sending(self, wake: asyncio.Event) -> None:
        """Nothing new is begun; what was begun is written down. What takes longer is unknown and looked up later."""
        self._ending = True
        self._places.end()
        try:
            async with self._clock.timeout(FINISH_SECONDS):
                while self._places.taken:
                    wake.clear()
                    await wake.wait()
        except TimeoutError:
            log.warning("ended while sending: the outcome will be looked up", sends=self._places.taken)

    def _take_handovers(self, now: datetime) -> Batch | None:
        """What was handed over a moment ago, if nothing waits that it would overtake. The next turn looks anyway."""
        granted = self._granted.take()
        others = not granted.alone or (self._next_due is not None and self._next_due <= now)
        if others or not self._caught_up or self._to_begin:
            return None
        closed = [channel for channel in self._channels if self.breakers.of(channel).opened_at is None]
        room = {channel: self._looking.room(channel, now) for channel in closed}
        # What waits for its time, e.g. because of a limit, may go along with a call: that is looked for.
        if self._next_due is not None or self._paces.next_call_at(now) > now:
            room.pop(ChannelName.VOICE, None)
        batch = handover.batch(granted.handovers, room, self._at_a_turn, self._told, self._share, now)
        return batch if batch.due else None
