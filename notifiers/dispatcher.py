"""Sends what is due. A claim is permission to send now: slots, lines and words come first, then the claim, then the
vendor, then the result. Only the router plans; this loop sends and records.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from model.attempt import Attempt, AttemptState, Words
from model.clock import Clock, wake_or
from model.errors import OutcomeUnknown, SendError, Unavailable
from model.event import Event
from model.ids import CODE_LETTERS, Ids
from model.plan import ChannelName, Hold, Kind, Notification
from model.ports import Channel, Send
from model.roster import Roster
from model.tracing import UNTRACED, Tracer
from notifiers import retry
from notifiers.context import House, context
from notifiers.limits import AT_ONCE, EXPECTED_SECONDS, Limits
from notifiers.order import Told
from notifiers.wording import render
from store import attempts, events, leases, lines, outbox, replies, threads, traces
from store.database import ASK_AGAIN, Connection, Database
from store.outbox import Call, Claim, Cut, Due, Share
from store.paces import Turn
from store.replies import Code, Codes
from store.signals import DISPATCH

log = structlog.get_logger(__name__)

RosterAt = Callable[[], Roster]
T = TypeVar("T")

BACKSTOP = timedelta(seconds=1)  # wake-ups carry the load; this is for what a lost one left behind
LEASE = timedelta(seconds=15)  # a process that has not renewed it for so long is dead
STALE_CLAIM = timedelta(milliseconds=150)  # what is known for longer is read again before the vendor is asked
LOOKS_BEFORE_GIVING_BACK = 3
# Rows claimed together, at most; fewer on a busy machine. With more the last ones wait too long between claim and
# vendor, each must be read again, which takes even longer, and in the end nothing but claims is made.
AT_A_TURN = 20
AT_LEAST = 5  # a look costs as much as some sends
IMPOSSIBLE = 100  # rows a look takes of channels that are not set up
CUT_AGAIN = timedelta(seconds=2)
FINISH_SECONDS = 1.5  # given at the end to what is being sent


@dataclass(frozen=True, slots=True)
class Batch:
    """What one look found: rows to send, with all that their words need."""

    due: Sequence[Due] = ()
    events: Mapping[str, Event] = field(default_factory=dict)
    earlier: Mapping[str, list[Attempt]] = field(default_factory=dict)
    codes: Mapping[str, Codes] = field(default_factory=dict)
    threads: Mapping[str, str | None] = field(default_factory=dict)
    traces: Mapping[str, str] = field(default_factory=dict)
    cuts: Sequence[Cut] = ()
    impossible: Sequence[Notification] = ()
    out_of_lines: bool = False
    more: bool = False
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed row on its way: what is left to send of it."""

    row: Notification
    tries: int
    sends: Sequence[Send]
    claim: Claim
    trace: str


class Dispatcher:
    """`owner` names this process in claims; a restarted one that keeps the name ends its predecessor's at once.

    `turned_at` is when the loop last turned; readiness looks at it.
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
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._channels = channels
        self._owner = owner
        self._limits = limits or Limits()
        self._paces = self._limits.paces()
        self._house = house or House()
        self._tracer = tracer
        self._running: Counter[ChannelName] = Counter()
        self._in_hand: set[str] = set()
        self._claims_in_doubt = False
        self._share = outbox.ALONE
        self._to_begin: frozenset[str] = frozenset()  # claimed, and the vendor not asked yet
        self._at_a_turn = AT_A_TURN
        self._again = False
        self._told = Told()
        self._cut_at: dict[str, datetime] = {}
        self._ending = False
        self.turned_at = clock.now()

    async def run(self) -> None:
        """For ever. Cancelled, it finishes writing down what was sent."""
        await self._begin()
        with self._database.signals.waiting(DISPATCH) as wake:
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
            outbox.adopt(conn, self._ids, now)
            return self._live_on(conn, now)

        self._share = await self._written(work)

    def _live_on(self, conn: Connection, now: datetime) -> Share:
        leases.hold_process(conn, self._owner, now, now + LEASE)
        living = sorted(leases.living(conn, now))
        return Share(living.index(self._owner), len(living))

    async def renew(self) -> None:
        """Every few seconds: this process lives, and takes over what dead ones were sending."""
        now = self._clock.now()

        def work(conn: Connection) -> tuple[Share, int]:
            return self._live_on(conn, now), outbox.adopt(conn, self._ids, now)

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
            batch = await self._database.read(lambda conn: self._look(conn, now))
            for cut in batch.cuts:
                self._start_cut(group, cut, now)
            jobs, claimed_at = await self._claim(batch, self._clock.now())
        except Unavailable as away:
            log.warning("database away, what is due waits", error=str(away))
            return now + ASK_AGAIN
        heard_at = self._clock.now()
        self._to_begin |= {job.row.id for job in jobs}
        for job in jobs:
            self._running[job.row.channel] += 1
            self._in_hand.add(job.row.id)
            self._told.note(job.row)
            group.create_task(self._send(job, claimed_at, heard_at, wake))
        if held_back or batch.more or len(jobs) < len(batch.due):
            # There may be more than one look takes, and what was held back has a new due time.
            self._again = True
            self._look_again(wake)
        again = BACKSTOP if self._share.of == 1 else outbox.LEFT  # what others have left undone is ours by then
        return min(batch.next_at or now + again, now + again)

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
        try:
            async with self._clock.timeout(FINISH_SECONDS):
                while self._running.total():
                    wake.clear()
                    await wake.wait()
        except TimeoutError:
            log.warning("ended while sending: the outcome will be looked up", sends=self._running.total())

    # --- looking ----------------------------------------------------------------------------------------------------

    def _look(self, conn: Connection, now: datetime) -> Batch:
        room = {channel: self._room(channel) for channel in ChannelName}
        found = outbox.due(conn, room, now, self._share)
        out_of_lines = False
        if found[ChannelName.VOICE] and ChannelName.VOICE in self._channels:
            out_of_lines = lines.full(conn, found[ChannelName.VOICE][0].notification, self._limits.lines)
            if out_of_lines or self._pace_at(ChannelName.VOICE, "", now) > now:
                found[ChannelName.VOICE] = []
        due = self._told.first_messages_first([d for channel in self._channels for d in found[channel]])
        # What its account's pace holds back is put off, and takes nobody's place.
        paced = [d for d in due if self._paced_until(d.notification, now) > now]
        free = [d for d in due if self._paced_until(d.notification, now) <= now]
        more = len(free) > self._at_a_turn or any(0 < room[c] == len(found[c]) for c in self._channels)
        due = [*paced, *free[: self._at_a_turn]]
        impossible = [d.notification for c, rows in found.items() if c not in self._channels for d in rows]
        rows = [d.notification for d in due]
        numbers = {row.address for row in rows if row.channel is ChannelName.SMS}
        return Batch(
            due=due,
            events=events.load(conn, {row.event_pk for row in rows}),
            earlier={d.notification.id: attempts.of_notification(conn, d.notification.id) for d in due if d.tries},
            codes=replies.codes_of(conn, numbers, now),
            threads={
                r.id: threads.find(conn, r.event_pk, r.address) for r in rows if r.kind in (Kind.NOTE, Kind.ADMIN)
            },
            traces=traces.of_notifications(conn, [row.id for row in rows]) if self._tracer.on else {},
            cuts=outbox.to_cut(conn),
            impossible=impossible,
            out_of_lines=out_of_lines,
            more=more,
            next_at=self._next_at(outbox.next_due_at(conn, now), now),
        )

    def _room(self, channel: ChannelName) -> int:
        """How many may be begun now: of calls one. Of a channel that is not set up: how many are given up at once."""
        if self._to_begin:
            return 0
        if channel not in self._channels:
            return IMPOSSIBLE
        free = AT_ONCE[channel] - self._running[channel]
        return min(free, 1) if channel is ChannelName.VOICE else free

    def _pace_at(self, channel: ChannelName, key: str, now: datetime) -> datetime:
        pace = self._paces.get(channel)
        return pace.next_at(key, now) if pace else now

    def _paced_until(self, row: Notification, now: datetime) -> datetime:
        return self._pace_at(row.channel, "" if row.channel is ChannelName.VOICE else row.address, now)

    def _next_at(self, next_due: datetime | None, now: datetime) -> datetime | None:
        """The next row, or the next call that the calls-per-second limit allows."""
        next_call = self._pace_at(ChannelName.VOICE, "", now)
        times = [at for at in (next_due, next_call if next_call > now else None) if at]
        return min(times, default=None)

    # --- claiming ---------------------------------------------------------------------------------------------------

    async def _claim(self, batch: Batch, now: datetime) -> tuple[list[Job], datetime]:
        """Render, then claim everything in one transaction. Returns what was won, and when, or somewhat earlier."""
        roster = self._roster()
        late, paced, jobs = [], [], []
        for due in batch.due:
            row = due.notification
            key = "" if row.channel is ChannelName.VOICE else row.address
            if row.until < now:
                late.append(row)
            elif (at := self._pace_at(row.channel, key, now)) > now:
                paced.append((row, at))
            else:
                jobs.append(self._prepare(due, batch, roster, now))
                if pace := self._paces.get(row.channel):
                    pace.take(key, now)
        # The claim's commit is not before this, whenever we hear of it.
        claimed_at = self._clock.now()
        if not (late or paced or jobs or batch.impossible or batch.out_of_lines):
            return [], claimed_at

        wanted = [*(row.id for row in (*batch.impossible, *late)), *(row.id for row, _ in paced)]
        wanted += [job.row.id for job in jobs]

        def work(conn: Connection) -> list[Job]:
            ours = outbox.take_in_hand(conn, wanted)
            for row in batch.impossible:
                if row.id in ours:
                    outbox.impossible(conn, self._ids, row, now)
            for row in late:
                if row.id in ours:
                    outbox.expire(conn, self._ids, row, now)
            for row, at in paced:
                if row.id in ours:
                    outbox.hold(conn, self._ids, [row], Hold.CHANNEL_RATE, at, now)
            if batch.out_of_lines:
                outbox.hold_for_lines(conn, self._ids, now)
            won = outbox.claim(conn, self._ids, [job.claim for job in jobs if job.row.id in ours], self._owner, now)
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

    async def _take_back_claims_in_doubt(self, now: datetime) -> None:
        """A claim whose answer was lost may stand in the database; nothing of it was sent."""
        if self._claims_in_doubt:
            in_hand = frozenset(self._in_hand)
            await self._database.transact(lambda conn: outbox.take_back(conn, self._ids, self._owner, in_hand, now))
            self._claims_in_doubt = False

    def _prepare(self, due: Due, batch: Batch, roster: Roster, now: datetime) -> Job:
        row, event = due.notification, batch.events[due.notification.event_pk]
        codes = batch.codes.get(row.address, Codes([], set()))
        known = [c for c in codes.open if (c.event_pk, c.revision) == (event.pk, row.revision)]
        code = known[0] if known else self._new_code(row, batch)
        accepted = {a.part for a in batch.earlier.get(row.id, []) if a.state is AttemptState.ACCEPTED}
        words = self._words(row, event, roster, code, now)
        tries = [self._attempt(row, part, len(words), text, now) for part, text in words if part not in accepted]
        is_call = row.channel is ChannelName.VOICE
        policy = roster.policies[event.policy]
        seconds = policy.ring_seconds + policy.call_seconds
        return Job(
            row=row,
            tries=due.tries,
            sends=[
                Send(
                    attempt=attempt,
                    valid_seconds=(row.until - now).total_seconds(),
                    ring_seconds=policy.ring_seconds,
                    thread=batch.threads.get(row.id),
                    details=row.details,
                )
                for attempt in tries
            ],
            claim=Claim(
                notification=row,
                attempts=tries,
                code=code if code and not known else None,
                call=Call(
                    until=now + timedelta(seconds=seconds) + lines.SLACK,
                    lines=self._limits.lines,
                    per_second=self._limits.calls_per_second,
                )
                if is_call
                else None,
                turn=self._turn_of(row),
            ),
            trace=batch.traces.get(row.id, ""),
        )

    def _turn_of(self, row: Notification) -> Turn | None:
        """What this process allows itself, others may have used: the database knows (calls: see Call)."""
        pace = self._paces.get(row.channel)
        if pace is None or row.channel is ChannelName.VOICE:
            return None
        return Turn(f"{row.channel}/{row.address}", pace.per_second, pace.burst)

    def _words(
        self, row: Notification, event: Event, roster: Roster, code: Code | None, now: datetime
    ) -> list[tuple[int, Words]]:
        person = roster.people.get(row.person) if row.person else None
        said = render(row, event, person, context(row, event, roster, self._house, code.code if code else None), now)
        return list(enumerate(said, start=1))

    def _attempt(self, row: Notification, part: int, parts: int, words: Words, now: datetime) -> Attempt:
        return Attempt(
            id=self._ids.new(),
            notification_id=row.id,
            event_pk=row.event_pk,
            channel=row.channel,
            address=row.address,
            words=words,
            started_at=now,
            part=part,
            parts=parts,
        )

    def _new_code(self, row: Notification, batch: Batch) -> Code | None:
        """A code for a text that asks for an answer: one letter, more when those of the number are used up."""
        if row.channel is not ChannelName.SMS or row.kind is not Kind.ALERT or row.person is None:
            return None
        taken = batch.codes[row.address].taken
        letters = next(n for n in (1, 2, 3) if sum(len(code) == n for code in taken) < len(CODE_LETTERS) ** n)
        code = self._ids.code(letters)
        while code in taken:
            code = self._ids.code(letters)
        taken.add(code)  # a text to the same number in this very batch takes another one
        return Code(row.address, code, row.event_pk, row.revision, row.person)

    # --- sending ----------------------------------------------------------------------------------------------------

    async def _send(self, job: Job, claimed_at: datetime, heard_at: datetime, wake: asyncio.Event) -> None:
        known_at = claimed_at
        try:
            for send in job.sends:
                wanted_at = await self._wanted_at(job, known_at)
                self._begun(job, heard_at, wake)
                if wanted_at is None:
                    await self._give_up(job)
                    break
                known_at = wanted_at
                if not await self._send_one(job, send):
                    break
        finally:
            self._begun(job, heard_at, wake)
            was_full = self._running[job.row.channel] >= AT_ONCE[job.row.channel]
            self._running[job.row.channel] -= 1
            self._in_hand.discard(job.row.id)
            if was_full or self._ending:
                wake.set()

    async def _wanted_at(self, job: Job, known_at: datetime) -> datetime | None:
        """When the row is known to have been wanted, at most STALE_CLAIM ago: what is older is read again.

        None when it must not be sent: it was superseded since, or nobody could say in time.
        """
        for _ in range(LOOKS_BEFORE_GIVING_BACK):
            now = self._clock.now()
            if now - known_at <= STALE_CLAIM:
                return known_at
            if now > job.row.until or not await self._still_wanted(job):
                break
            known_at = now
        return None

    async def _give_up(self, job: Job) -> None:
        now, claimed = self._clock.now(), job.claim.attempts
        await self._written(lambda conn: outbox.give_up(conn, self._ids, job.row, claimed, now))

    async def _still_wanted(self, job: Job) -> bool:
        try:
            return await self._database.read(lambda conn: outbox.still_wanted(conn, job.row.id))
        except Unavailable:
            return False

    async def _send_one(self, job: Job, send: Send) -> bool:
        """Ask the vendor once and write down what came of it. True when the vendor accepted."""
        row, attempt = job.row, send.attempt
        try:
            with self._tracer.span("send", job.trace, attempt=attempt.id, channel=str(row.channel)):
                result = await self._channels[row.channel].send(send)
        except OutcomeUnknown as lost:
            await self._lost(job, attempt, lost)
        except SendError as error:
            await self._failed(job, attempt, error)
        else:
            now = self._clock.now()
            await self._written(lambda conn: outbox.sent(conn, self._ids, row, attempt, result, now))
            self._log("notification sent", row, attempt, now)
            return True
        return False

    async def _lost(self, job: Job, attempt: Attempt, error: OutcomeUnknown) -> None:
        now, row = self._clock.now(), job.row
        if self._channels[row.channel].repeatable:
            again = SendError(str(error), retryable=True)
            await self._failed(job, attempt, again)
            return
        await self._written(lambda conn: outbox.unknown(conn, self._ids, row, attempt, str(error), now))
        self._log("outcome unknown", row, attempt, now, error=str(error))

    async def _failed(self, job: Job, attempt: Attempt, error: SendError) -> None:
        now, row = self._clock.now(), job.row
        at = retry.next_attempt(job.tries + 1, error, now, row.until, EXPECTED_SECONDS[row.channel])
        await self._written(lambda conn: outbox.failed(conn, self._ids, row, attempt, str(error), at, now))
        self._log("notification not sent", row, attempt, now, error=str(error), again_at=at and at.isoformat())

    async def _written(self, work: Callable[[Connection], T]) -> T:
        """What was done is done: it is written down, however long the database is away."""
        while True:
            try:
                return await self._database.transact(work)
            except Unavailable as away:
                log.warning("database away, what was done is not written down yet", error=str(away))
                await self._clock.sleep_until(self._clock.now() + ASK_AGAIN)

    def _log(self, sentence: str, row: Notification, attempt: Attempt, now: datetime, **more: object) -> None:
        left = round((row.until - now).total_seconds(), 1)
        log.info(
            sentence,
            event_pk=row.event_pk,
            attempt=attempt.id,
            kind=str(row.kind),
            channel=str(row.channel),
            person=row.person,
            seconds_left=left,
            **more,
        )

    # --- ending calls -----------------------------------------------------------------------------------------------

    def _start_cut(self, group: asyncio.TaskGroup, cut: Cut, now: datetime) -> None:
        # A look may be older than the end of a cut it shows: within CUT_AGAIN nothing is cut twice.
        self._cut_at = {row_id: at for row_id, at in self._cut_at.items() if at > now}
        if cut.notification.id not in self._cut_at:
            self._cut_at[cut.notification.id] = now + CUT_AGAIN
            group.create_task(self._cut(cut))

    async def _cut(self, cut: Cut) -> None:
        row = cut.notification
        try:
            await self._channels[row.channel].cut(cut.vendor_id, row.answered_at is not None, _spoken(row))
        except SendError as error:
            log.warning("call could not be stopped yet", notification=row.id, error=str(error))
            return
        now = self._clock.now()
        await self._written(lambda conn: outbox.cut_done(conn, self._ids, row, now))


def _spoken(row: Notification) -> str:
    """What somebody on the line hears before we hang up."""
    reason = row.reason[:1].upper() + row.reason[1:]
    return f"{reason}. There is nothing you have to do now. Goodbye."
