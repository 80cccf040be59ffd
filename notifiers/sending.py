"""Asks the vendor for what was claimed, and writes down what came of it, however long the database is away."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from model.attempt import Attempt, AttemptState
from model.clock import Clock
from model.errors import OutcomeUnknown, SendError, Unavailable
from model.ids import Ids
from model.plan import REFUSED, WAYS, ChannelName, Notification
from model.ports import Channel, Send
from model.roster import Roster
from model.setbacks import Setbacks
from model.tracing import Tracer
from notifiers import retry
from notifiers.breaker import Breakers, together
from notifiers.goodbye import goodbye
from notifiers.jobs import Job
from notifiers.results import Results
from notifiers.wording import said_again
from store import attempts, claims, cuts, outbox, outcomes
from store.accepted import Accepted
from store.cuts import Cut
from store.database import ASK_AGAIN, Connection, Database

log = structlog.get_logger(__name__)

T = TypeVar("T")

STALE_CLAIM = timedelta(milliseconds=150)  # what is known for longer is read again before the vendor is asked
LOOKS_BEFORE_GIVING_BACK = 3


class Sender:
    """Sends; who may be sent what, the dispatcher has decided."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        channels: Mapping[ChannelName, Channel],
        tracer: Tracer,
        setbacks: Setbacks,
        breakers: Breakers,
        roster: Callable[[], Roster],
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._channels = channels
        self._tracer = tracer
        self._setbacks = setbacks
        self._breakers = breakers
        self._roster = roster
        self._results = Results(self.written, ids)

    async def send(
        self, job: Job, claimed_at: datetime, begun: Callable[[], None], give_way: Callable[[], Awaitable[None]]
    ) -> None:
        """One attempt after the other, until one is not accepted. `begun` is told when the first is under way.

        Before each part behind the first it is waited for `give_way`.
        """
        known_at = claimed_at
        for n, send in enumerate(job.sends):
            if n:
                await give_way()
            wanted_at = await self._wanted_at(job, known_at)
            begun()
            if wanted_at is None:
                await self._give_up(job)
                break
            known_at = wanted_at
            if not await self._send_one(job, send):
                break

    async def _wanted_at(self, job: Job, known_at: datetime) -> datetime | None:
        """When the row is known to have been wanted, at most STALE_CLAIM ago: what is older is read again.

        None when it must not be sent: it was superseded since, or nobody could say in time.
        """
        for _ in range(LOOKS_BEFORE_GIVING_BACK):
            now = self._clock.now()
            if now - known_at <= STALE_CLAIM:
                return known_at
            if now > job.claim.until or not await self._still_wanted(job):
                break
            known_at = now
        return None

    async def _give_up(self, job: Job) -> None:
        now, claimed = self._clock.now(), job.claim.attempts
        await self.written(lambda conn: outcomes.give_up(conn, self._ids, job.row, claimed, now))

    async def _still_wanted(self, job: Job) -> bool:
        try:
            return await self._database.read(lambda conn: claims.still_wanted(conn, job.claim))
        except Unavailable:
            return False

    async def _send_one(self, job: Job, send: Send) -> bool:
        """Ask the vendor once and write down what came of it. True when the vendor accepted."""
        row, attempt = job.row, send.attempt
        try:
            with self._tracer.span("send", job.trace, attempt=attempt.id, channel=str(row.channel)):
                result = await self._channels[row.channel].send(send)
        except OutcomeUnknown as error:
            if await self._lost(job, attempt, error):
                self._did_not_answer(row.channel, error)
            else:
                await self._works(row.channel)
        except SendError as error:
            self._did_not_answer(row.channel, error)
            await self._failed(job, attempt, error)
        except Exception as error:
            log.exception("a channel failed by our own mistake", notification=row.id, attempt=attempt.id)
            self._setbacks.again_at(attempt.id, self._clock.now())
            await self._lost(job, attempt, OutcomeUnknown(f"our own mistake: {type(error).__name__}"))
        else:
            now = self._clock.now()
            answers_again = together(row.channel) if self._breakers.of(row.channel).worked() else ()
            if answers_again:
                log.info("the vendor answers again", channel=str(row.channel))
            await self._results.write(Accepted(row, attempt, result, now))
            if answers_again:
                await self.written(lambda conn: outbox.let_go(conn, answers_again, now))
            self._log("notification sent", row, attempt, now)
            return True
        return False

    def _did_not_answer(self, channel: ChannelName, error: SendError) -> None:
        if self._breakers.of(channel).failed(error, self._clock.now()):
            log.error("the vendor does not answer: what is due there waits", channel=str(channel))

    async def _lost(self, job: Job, attempt: Attempt, error: OutcomeUnknown) -> bool:
        """Write down that the answer was lost. False where a callback has said meanwhile that the vendor has it."""
        now, row = self._clock.now(), job.row
        if self._channels[row.channel].repeatable:
            again = SendError(str(error), retryable=True)
            await self._failed(job, attempt, again)
            return True

        def work(conn: Connection) -> bool:
            outcomes.unknown(conn, self._ids, row, attempt, str(error), now)
            known = attempts.one(conn, attempt.id)
            return known is None or known.state is not AttemptState.ACCEPTED

        lost = await self.written(work)
        said = "outcome unknown" if lost else "answer lost, a callback says that the vendor has it"
        self._log(said, row, attempt, now, error=str(error))
        return lost

    async def _works(self, channel: ChannelName) -> None:
        """It answers by callbacks only, but what it takes rings."""
        if self._breakers.of(channel).worked():
            now = self._clock.now()
            log.info("the vendor works again, though it does not answer", channel=str(channel))
            await self.written(lambda conn: outbox.let_go(conn, together(channel), now))

    async def _failed(self, job: Job, attempt: Attempt, error: SendError) -> None:
        now, row = self._clock.now(), job.row
        at = retry.next_attempt(job.tries + 1, error, now, row.until, WAYS[row.channel].expected_seconds)
        why = f"{REFUSED}: {error}" if error.bad_address else str(error)
        await self.written(lambda conn: outcomes.failed(conn, self._ids, row, attempt, why, at, now))
        self._log("notification not sent", row, attempt, now, error=str(error), again_at=at and at.isoformat())

    async def cut(self, cut: Cut) -> None:
        """End a call, or say what is left of it. What cannot be done now is seen at the next look."""
        row, channel = cut.notification, self._channels.get(cut.notification.channel)
        if channel is None:  # its vendor was taken out of the settings
            why, at = outbox.not_set_up(row.channel), self._clock.now()
            await self.written(lambda conn: cuts.cannot_cut(conn, self._ids, cut.rows, why, at))
            return
        try:
            if cut.still:
                await channel.say_instead(cut.attempt, said_again(cut.attempt.words.payload, cut.still))
            else:
                await channel.cut(
                    cut.attempt.vendor_id or "", row.answered_at is not None, goodbye(cut, self._roster())
                )
        except SendError as error:
            log.warning("call could not be stopped yet", notification=row.id, error=str(error))
            return
        except Exception:
            log.exception("a channel failed by our own mistake", notification=row.id, attempt=cut.attempt.id)
            self._setbacks.again_at(cut.attempt.id, self._clock.now())
            return
        now = self._clock.now()
        await self.written(lambda conn: cuts.cut_done(conn, self._ids, cut.rows, now))

    async def written(self, work: Callable[[Connection], T]) -> T:
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
