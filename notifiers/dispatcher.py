"""Sends what is due. A claim is permission to send now: slots, lines and words come first, then the claim, then the
vendor, then the result. Only the router plans; this loop sends and records.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta

import structlog

from model.clock import Clock, wake_or
from model.errors import Unavailable
from model.ids import Ids
from model.plan import WAYS, ChannelName, Hold, Kind, Notification
from model.ports import Channel
from model.roster import Roster
from model.setbacks import Setbacks
from model.tracing import UNTRACED, Tracer
from notifiers import handover
from notifiers.breaker import Breakers
from notifiers.context import House
from notifiers.jobs import Batch, Job, Jobs
from notifiers.limits import EDIT_EVERY_SECONDS, Limits, accounts
from notifiers.order import Told, along, by_reader, gathers, waits_for_others
from notifiers.places import Places
from notifiers.sending import STALE_CLAIM, Sender
from store import (
    attempts,
    bundles,
    canaries,
    claims,
    cuts,
    events,
    leases,
    lines,
    merged,
    outbox,
    outcomes,
    posts,
    replies,
    threads,
    traces,
)
from store.cuts import Cut
from store.database import ASK_AGAIN, Connection, Database
from store.outbox import Due, Share
from store.posts import Post
from store.signals import DISPATCH, Granted

log = structlog.get_logger(__name__)

RosterAt = Callable[[], Roster]

BACKSTOP = timedelta(seconds=1)  # wake-ups carry the load; this is for what a lost one left behind
LEASE = timedelta(seconds=15)  # a process that has not renewed it for so long is dead
# Rows claimed together, at most; fewer on a busy machine. With more the last ones wait too long between claim and
# vendor, each must be read again, which takes even longer, and in the end nothing but claims is made.
AT_A_TURN = 20
AT_LEAST = 5  # a look costs as much as some sends
TENTH = 10
OTHERS_EVERY = timedelta(milliseconds=250)  # in a storm that look costs as much as all others together
AT_A_LOOK = 100  # rows a look takes of channels that are not set up, or that nobody answers
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
        self._roster = roster
        self._channels = channels
        self._owner = owner
        self._limits = limits or Limits()
        self._paces = self._limits.paces()
        self._tracer = tracer
        self._jobs = Jobs(ids, self._limits, self._paces, house or House())
        self.setbacks = Setbacks()
        self.breakers = Breakers()
        self._sender = Sender(database, clock, ids, channels, tracer, self.setbacks, self.breakers)
        self._places = Places(clock)
        self._in_hand: set[str] = set()
        self._claims_in_doubt = False
        self._share = outbox.ALONE
        self._to_begin: frozenset[str] = frozenset()  # claimed, and the vendor not asked yet
        self._at_a_turn = AT_A_TURN
        self._again = False
        self._takes_canaries = canaries_
        self._granted = Granted()
        self._caught_up = False  # the last look left nothing that was due
        self._next_due: datetime | None = None  # when the next row falls due, by the last look
        self._told = Told()
        self._others_at = clock.now()  # when sources that have no place are looked for again
        self._looks_at_others: Counter[ChannelName] = Counter()
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
        now = self._clock.now()

        def work(conn: Connection) -> Share:
            leases.end(conn, self._owner)
            outcomes.adopt(conn, self._ids, now)
            return self._live_on(conn, now)

        self._share = await self._sender.written(work)

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
            await self._take_back_claims_in_doubt(now)
            batch = self._take_handovers(now)
            if batch is None:
                batch = await self._database.read(lambda conn: self._look(conn, now))
                self._next_due = batch.next_at
            for cut in batch.cuts:
                # Who is told of what is left hears it from one process: another would begin it anew, after a key even.
                if not cut.still or self._share.has(cut.notification.id):
                    self._start_cut(group, cut, now)
            jobs, claimed_at = await self._claim(batch, self._clock.now())
        except Unavailable as away:
            log.warning("database away, what is due waits", error=str(away))
            self._caught_up = False
            return now + ASK_AGAIN
        heard_at = self._clock.now()
        self._to_begin |= {job.row.id for job in jobs}
        for job in jobs:
            self._places.take(job.row.channel, job.row.id)
            self._in_hand.add(job.row.id)
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
            self._begun(job, heard_at, wake)
            self._in_hand.discard(job.row.id)
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

    # --- looking ----------------------------------------------------------------------------------------------------

    def _take_handovers(self, now: datetime) -> Batch | None:
        """What was handed over a moment ago, if nothing waits that it would overtake. The next turn looks anyway."""
        granted = self._granted.take()
        others = not granted.alone or (self._next_due is not None and self._next_due <= now)
        if others or not self._caught_up or self._to_begin:
            return None
        closed = [channel for channel in self._channels if self.breakers.of(channel).opened_at is None]
        room = {channel: self._room(channel, now) for channel in closed}
        # What waits for its time, e.g. because of a limit, may go along with a call: that is looked for.
        if self._next_due is not None or self._pace_at(ChannelName.VOICE, "", now) > now:
            room.pop(ChannelName.VOICE, None)
        batch = handover.batch(granted.handovers, room, self._at_a_turn, self._told, self._share, now)
        return batch if batch.due else None

    def _look(self, conn: Connection, now: datetime) -> Batch:
        room = {channel: self._room(channel, now) for channel in ChannelName}
        found = outbox.due(conn, room, now, self._share)
        out_of_lines = calls_wait = False
        if found[ChannelName.VOICE] and ChannelName.VOICE in self._channels:
            out_of_lines = lines.full(conn, found[ChannelName.VOICE][0].notification, self._limits.lines)
            if out_of_lines or self._pace_at(ChannelName.VOICE, "", now) > now:
                found[ChannelName.VOICE], calls_wait = [], True
        behind = {c for c in self._channels if 0 < room[c] == len(found[c])}
        let_in = self._let_others_in(conn, found, room, behind, now)
        due = self._told.first_messages_first([d for channel in self._channels for d in found[channel]])
        due = [*let_in, *due]
        # What its account's pace holds back is put off, and takes nobody's place.
        paced = [d for d in due if self._paced_until(d.notification, now) > now]
        free = [d for d in due if self._paced_until(d.notification, now) <= now]
        behind |= {d.notification.channel for d in free[self._at_a_turn :]}
        free, later_edits = _one_edit(free)
        gathering = [(d.notification, at) for d in free if (at := self._gathers_until(conn, d, now)) is not None]
        waiting = {row.id for row, _ in gathering}
        chosen = [d for d in free[: self._at_a_turn] if d.notification.id not in waiting]
        due, together = self._gather(conn, [*paced, *chosen], now)
        posted = _posted(conn, chosen)
        together |= {row_id: others for row_id, post in posted.items() if post and (others := post.besides(row_id))}
        going_along = {row.id for others in together.values() for row in others}
        put_off = [d for d in later_edits if d.notification.id not in going_along]
        impossible = [d.notification for c, rows in found.items() if c not in self._channels for d in rows]
        rows = [d.notification for d in due]
        numbers = {row.address for row in rows if row.channel is ChannelName.SMS}
        named = [one for row in rows for one in together.get(row.id, ())[: WAYS[row.channel].named - 1]]
        named += [one for post in posted.values() if post for one in post.told]
        known = events.load(conn, {row.event_pk for row in (*rows, *named)})
        return Batch(
            due=[*due, *put_off],
            together=together,
            gathering=gathering,
            events=known,
            alike=merged.counts(conn, [pk for pk, event in known.items() if event.merge_key], open_only=True),
            earlier={d.notification.id: attempts.of_notification(conn, d.notification.id) for d in due if d.tries},
            codes=replies.codes_of(conn, numbers, now),
            threads={
                r.id: threads.find(conn, r.event_pk, r.address) for r in rows if r.kind in (Kind.NOTE, Kind.ADMIN)
            },
            posted=posted,
            traces=traces.of_notifications(conn, [row.id for row in rows]) if self._tracer.on else {},
            cuts=cuts.to_cut(conn),
            impossible=impossible,
            out_of_lines=out_of_lines,
            calls_wait=calls_wait,
            more=bool(behind),
            behind=behind,
            unseen={c for c in self._channels if not room[c]},
            next_at=self._next_at(outbox.next_due_at(conn, now), now),
            canaries=canaries.waiting(conn) if self._takes_canaries else (),
        )

    def _let_others_in(
        self,
        conn: Connection,
        found: dict[ChannelName, list[Due]],
        room: Mapping[ChannelName, int],
        full: Collection[ChannelName],
        now: datetime,
    ) -> list[Due]:
        """One place in ten of a channel where more waits than there are places is for sources that have none there.

        They come in place of the least urgent rows, which are taken out of `found`, of none that is more urgent, and
        take one in ten of a turn.
        """
        if not full or now < self._others_at:
            return []
        self._others_at = now + OTHERS_EVERY
        let_in: list[Due] = []
        for channel in sorted(full):
            self._looks_at_others[channel] += 1
            left = max(1, self._at_a_turn // TENTH) - len(let_in)
            places = min(left, room[channel] // TENTH or int(self._looks_at_others[channel] % TENTH == 0))
            those = [d.notification for d in found[channel]]
            others = outbox.due_of_others(conn, channel, those, places, now) if places else []
            # A re-dial may not have the lines that a first ring may.
            others = [d for d in others if self._share.has(d.notification.id) and not d.notification.redial]
            others = [d for d in others if d.notification.lane <= those[-1].lane]
            found[channel] = found[channel][: len(those) - len(others)]
            let_in += others
        return let_in

    def _gather(
        self, conn: Connection, due: Sequence[Due], now: datetime
    ) -> tuple[list[Due], dict[str, Sequence[Notification]]]:
        """One row for each reader who was to wait, with what is told in the same message; others as they are."""
        kept: list[Due] = []
        together: dict[str, Sequence[Notification]] = {}
        for rows in by_reader(due):
            first = rows[0].notification
            others: Sequence[Notification] = ()
            if gathers(rows):
                others = along(first, bundles.companions(conn, first, now, WAYS[first.channel].together - 1))
            kept += rows[:1] if others else rows
            if others:
                together[first.id] = others
        return kept, together

    def _gathers_until(self, conn: Connection, due: Due, now: datetime) -> datetime | None:
        """What a call told together that reached nobody is told together again."""
        at, before = waits_for_others(due, now), due.notification.follows
        return at if at and before and bundles.told_several(conn, before) else None

    def _room(self, channel: ChannelName, now: datetime) -> int:
        """How many may be begun now: of calls one. Where nobody answers: how many are held back or given up at once."""
        if self._to_begin:
            return 0
        if channel not in self._channels or self.breakers.of(channel).next_at(now) > now:
            return AT_A_LOOK
        free = max(0, self._places.free(channel))
        return min(free, 1) if channel is ChannelName.VOICE else free

    def _pace_at(self, name: str, key: str, now: datetime) -> datetime:
        pace = self._paces.get(name)
        return pace.next_at(key, now) if pace else now

    def _paced_until(self, row: Notification, now: datetime) -> datetime:
        return max(self._pace_at(name, key, now) for name, key in accounts(row))

    def _next_at(self, next_due: datetime | None, now: datetime) -> datetime | None:
        """The next row, or the next call that the calls-per-second limit allows."""
        next_call = self._pace_at(ChannelName.VOICE, "", now)
        times = [at for at in (next_due, next_call if next_call > now else None) if at]
        return min(times, default=None)

    # --- claiming ---------------------------------------------------------------------------------------------------

    async def _claim(self, batch: Batch, now: datetime) -> tuple[list[Job], datetime]:
        """Render, then claim everything in one transaction. Returns what was won, and when, or somewhat earlier."""
        roster = self._roster()
        late, broken, jobs = [], [], []
        held = [(row, Hold.BUNDLE, at) for row, at in batch.gathering]
        for due in batch.due:
            row = due.notification
            if row.until < now:
                late.append(row)
            elif (at := self.breakers.of(row.channel).next_at(now)) > now:
                held.append((row, Hold.VENDOR, at))
            elif (at := self._paced_until(row, now)) > now:
                held.append((row, Hold.CHANNEL_RATE, at))
            elif row.kind is Kind.EDIT and row.id not in batch.posted:
                held.append((row, Hold.CHANNEL_RATE, now + timedelta(seconds=EDIT_EVERY_SECONDS)))
            elif (job := self._job(due, batch, roster, now)) is None:
                broken.append((row, self.setbacks.again_at(row.id, now)))
            else:
                jobs.append(job)
                self.breakers.of(row.channel).take(now)
                for name, key in accounts(row):
                    if pace := self._paces.get(name):
                        pace.take(key, now)
        # The claim's commit is not before this, whenever we hear of it.
        claimed_at = self._clock.now()
        if not (late or held or broken or jobs or batch.impossible or batch.out_of_lines):
            return [], claimed_at

        wanted = [row.id for row in (*batch.impossible, *late)]
        wanted += [row.id for row, _, _ in held] + [row.id for row, _ in broken]
        wanted += [row_id for job in jobs for row_id in job.claim.ids]

        def work(conn: Connection) -> list[Job]:
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
            return [job for job in jobs if job.row.id in won]

        try:
            with ExitStack() as claiming:
                for job in jobs:
                    named = {"notification": job.row.id, "channel": str(job.row.channel)}
                    claiming.enter_context(self._tracer.span("claim", job.trace, **named))
                return await self._database.transact(work), claimed_at
        except Unavailable:
            self._claims_in_doubt = True  # perhaps it was committed, and only the answer is lost
            raise

    def _job(self, due: Due, batch: Batch, roster: Roster, now: datetime) -> Job | None:
        """None when its words cannot be made: that keeps no other row waiting."""
        row = due.notification
        try:
            job = self._jobs.job(due, batch, roster, now)
        except Exception:
            log.exception("no words can be made for a notification", notification=row.id, event_pk=row.event_pk)
            return None
        self.setbacks.over(row.id)
        return job

    async def _take_back_claims_in_doubt(self, now: datetime) -> None:
        """A claim whose answer was lost may stand in the database; nothing of it was sent."""
        if self._claims_in_doubt:
            in_hand = frozenset(self._in_hand)
            await self._database.transact(lambda conn: outcomes.take_back(conn, self._ids, self._owner, in_hand, now))
            self._claims_in_doubt = False


def _posted(conn: Connection, chosen: Sequence[Due]) -> dict[str, Post | None]:
    """What stands where the edits among them are to be made."""
    edits = (d.notification for d in chosen if d.notification.kind is Kind.EDIT)
    return {row.id: posts.standing(conn, row.follows) for row in edits if row.follows}


def _one_edit(due: Sequence[Due]) -> tuple[list[Due], list[Due]]:
    """All but the edits behind the first, and those: no two of them go at once."""
    behind = {d.notification.id for d in [d for d in due if d.notification.kind is Kind.EDIT][1:]}
    return [d for d in due if d.notification.id not in behind], [d for d in due if d.notification.id in behind]
