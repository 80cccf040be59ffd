"""Settles what is unknown: looks at the vendor at 3, 10 and 25 seconds before anything is sent again.

And asks it once who picked up a call that counts for that, where nobody has told.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from model.attempt import Attempt, Sent
from model.clock import Clock, wake_or
from model.errors import SendError, Unavailable
from model.ids import Ids
from model.plan import ChannelName
from model.ports import Channel, Found
from model.roster import Level, Roster
from model.setbacks import Setbacks
from notifiers.breaker import together
from notifiers.receipts import take_receipt
from store import attempts, bundles, events, lines, never_known, outbox, outcomes, pick_ups, threads
from store.database import ASK_AGAIN as DATABASE_AWAY
from store.database import Connection, Database
from store.outcomes import LOOKS, Look
from store.pick_ups import PickUp
from store.signals import RECONCILE

log = structlog.get_logger(__name__)

T = TypeVar("T")
PutOff = Callable[[Connection, datetime], object]

BACKSTOP = timedelta(seconds=1)
ASK_AGAIN = timedelta(seconds=3)  # at first, when the vendor cannot be asked, or a call takes longer than it should
SELDOM = timedelta(seconds=60)  # so often at least it is asked all the same
ASKED_FOR = timedelta(minutes=10)  # after its time is over: by then the others were told, or it is too late
LOOK_LEASE = timedelta(seconds=15)  # a look that another process began and did not end is done again after this
CLOCK_SLACK = timedelta(seconds=5)
ASK_WHO_FOR = timedelta(minutes=10)  # after the call: by then the others were called, or somebody has accepted
LONGEST_CALL = timedelta(hours=1)  # what the vendor lists may belong to an attempt that was begun this long before


class Reconciler:
    """`turned_at` is when the loop last turned; readiness looks at it. `setbacks`: what cannot be settled."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        roster: Callable[[], Roster],
        channels: Mapping[ChannelName, Channel],
    ) -> None:
        self.setbacks = Setbacks()
        self._database = database
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._channels = channels
        self._silent: set[ChannelName] = set()  # could not be asked in this turn: the rest there is for a later one
        self.turned_at = clock.now()

    async def run(self) -> None:
        with self._database.signals.waiting(RECONCILE) as wake:
            while True:
                until = await self._turn()
                await wake_or(self._clock, wake, until)

    async def _turn(self) -> datetime:
        now = self._clock.now()
        self.turned_at = now
        self._silent.clear()
        try:
            looks, overdue, unsaid = await self._database.read(
                lambda conn: (outcomes.to_look_up(conn, now), lines.overdue(conn, now), pick_ups.due(conn, now))
            )
            for look in looks:
                await self._or_later(look.notification.id, self._look_up(look), partial(_look_again, look))
            for attempt_id in overdue:
                await self._or_later(attempt_id, self._ask_about_line(attempt_id), partial(_ask_line_again, attempt_id))
            await self._ask_who_picked_up(unsaid)
            following = await self._database.read(_next_at)
        except Unavailable as away:
            log.warning("database away, the unknown stays unknown", error=str(away))
            return now + DATABASE_AWAY
        return min(following or now + BACKSTOP, now + BACKSTOP)

    async def _or_later(self, what: str, settling: Awaitable[T], put_off: PutOff) -> T | None:
        """What cannot be settled, by a mistake of ours, is `put_off` and keeps nothing else waiting. None then."""
        try:
            settled = await settling
        except Unavailable:
            raise
        except Exception:
            log.exception("what is unknown could not be settled", of=what)
            at = self.setbacks.again_at(what, self._clock.now())
            await self._database.transact(lambda conn: put_off(conn, at))
            return None
        self.setbacks.over(what)
        return settled

    async def _look_up(self, look: Look) -> None:
        """Look for every attempt of the row; what is found is settled, what is absent three times is sent again."""
        now, row = self._clock.now(), look.notification
        if row.channel not in self._channels:  # its vendor was taken out of the settings
            await self._never_known(look, outbox.not_set_up(row.channel))
            return
        silent = row.channel in self._silent
        ours_until = now + (ASK_AGAIN if silent else LOOK_LEASE)
        if not await self._database.transact(lambda conn: outcomes.take_look(conn, look, now, ours_until)) or silent:
            return
        missing = []
        for attempt in look.attempts:
            try:
                found = await self._find(attempt)
            except SendError as error:
                log.warning("the vendor cannot be asked", attempt=attempt.id, error=str(error))
                await self._not_asked(look, error)
                return
            if found is None:
                missing.append(attempt)
            else:
                await self._settle(look, attempt, found)
        if missing or not look.attempts:
            await self._absent(look, missing)

    async def _find(self, attempt: Attempt) -> Found | None:
        since = attempt.started_at - CLOCK_SLACK

        def known(conn: Connection) -> tuple[frozenset[str], str | None]:
            ids = attempts.known_vendor_ids(conn, attempt.channel, attempt.address, since - LONGEST_CALL)
            return ids - {attempt.vendor_id or ""}, threads.find(conn, attempt.event_pk, attempt.address)

        known_ids, thread = await self._database.read(known)
        self.turned_at = self._clock.now()  # a turn in which many are asked for is at work and not stuck
        try:
            return await self._channels[attempt.channel].find(attempt, known_ids, since, thread)
        except SendError as error:
            if not error.bad_address:
                self._silent.update(together(attempt.channel))
            raise
        except Exception as error:
            log.exception("a channel failed by our own mistake", attempt=attempt.id)
            raise SendError(f"our own mistake: {type(error).__name__}", retryable=True) from error

    async def _settle(self, look: Look, attempt: Attempt, found: Found) -> None:
        now = self._clock.now()

        def work(conn: Connection) -> None:
            if not outcomes.still_unknown(conn, [attempt]):
                return
            outcomes.sent(conn, self._ids, look.notification, attempt, Sent(vendor_id=found.vendor_id), now)
            if attempt.part < attempt.parts:
                outcomes.send_the_rest(conn, look.notification, now)
            if found.receipt is not None:
                take_receipt(conn, self._ids, attempt.id, found.receipt, now)

        await self._database.transact(work)
        log.info("unknown outcome settled: the vendor has it", attempt=attempt.id, channel=str(attempt.channel))

    async def _absent(self, look: Look, missing: list[Attempt]) -> None:
        now, row = self._clock.now(), look.notification
        if look.looks + 1 >= len(LOOKS):
            await self._database.transact(lambda conn: outcomes.absent(conn, self._ids, row, missing, now))
            log.info("unknown outcome settled: never sent", notification=row.id, channel=str(row.channel))
        else:
            started_at = min((a.started_at for a in missing), default=now)
            await self._later(look, look.looks + 1, max(now, started_at + LOOKS[look.looks + 1]))

    async def _not_asked(self, look: Look, error: SendError) -> None:
        """The longer the vendor cannot be asked, the seldomer it is; in the end nobody knows what came of it."""
        now, row = self._clock.now(), look.notification
        if now > row.until + ASKED_FOR:
            await self._never_known(look, str(error))
            return
        age = now - min(attempt.started_at for attempt in look.attempts)
        await self._later(look, look.looks, now + min(max(age / 2, ASK_AGAIN), SELDOM))

    async def _later(self, look: Look, looks: int, at: datetime) -> None:
        await self._database.transact(lambda conn: outcomes.look_again(conn, look.notification, looks, at))

    async def _never_known(self, look: Look, why: str) -> None:
        now, row = self._clock.now(), look.notification
        await self._database.transact(lambda conn: never_known.end(conn, self._ids, row, look.attempts, why, now))
        log.warning("unknown outcome given up", notification=row.id, channel=str(row.channel), why=why)

    async def _ask_about_line(self, attempt_id: str) -> None:
        """A call that must be over by all we know, but whose end nobody told us."""
        now = self._clock.now()
        attempt = await self._database.read(lambda conn: attempts.one(conn, attempt_id))
        if attempt is not None and attempt.channel not in self._channels:
            why = outbox.not_set_up(attempt.channel)
            await self._database.transact(lambda conn: never_known.end_call(conn, self._ids, attempt_id, why, now))
            return
        if attempt is not None and attempt.channel in self._silent:
            return
        found, why = None, "the vendor does not list the call any more"
        if attempt is not None:
            try:
                found = await self._find(attempt)
            except SendError as error:
                why = str(error)
                log.warning("the vendor cannot be asked", attempt=attempt_id, error=why)
        if attempt is not None and found is None and now - attempt.started_at > LONGEST_CALL:
            await self._database.transact(lambda conn: never_known.end_call(conn, self._ids, attempt_id, why, now))
            return

        def work(conn: Connection) -> None:
            if attempt is None or (found is None and attempt.vendor_id is None):
                lines.release(conn, attempt_id, now)
            elif found is not None and found.receipt is not None and found.receipt.kind.final:
                take_receipt(conn, self._ids, attempt_id, found.receipt, now)
            else:
                lines.extend(conn, attempt_id, now + ASK_AGAIN)

        await self._database.transact(work)

    async def _ask_who_picked_up(self, calls: Sequence[PickUp]) -> None:
        """One after the other; when the vendor cannot be asked, the rest is for the next turn."""
        for call in calls:
            now = self._clock.now()
            attempt = await self._database.read(partial(attempts.one, attempt_id=call.attempt_id))
            if attempt is None or now - call.ended_at > ASK_WHO_FOR or not await self._counts(attempt):
                await self._database.transact(partial(pick_ups.done, attempt_id=call.attempt_id))
            else:
                asking = self._ask_who(attempt, now)
                if await self._or_later(attempt.id, asking, partial(_ask_who_again, attempt.id)) is False:
                    return

    async def _counts(self, attempt: Attempt) -> bool:
        """Whoever picked up counts, by the policy: then it matters that it was no machine."""
        if attempt.channel not in self._channels:
            return False
        told = await self._database.read(
            lambda conn: events.load(conn, {row.event_pk for row in bundles.told(conn, attempt)})
        )
        return any(self._roster().policy_of(event).level is Level.REACHED for event in told.values())

    async def _ask_who(self, attempt: Attempt, now: datetime) -> bool:
        """False when the vendor cannot be asked now."""
        until = now + LOOK_LEASE
        if not await self._database.transact(lambda conn: pick_ups.put_off(conn, attempt.id, now, until)):
            return True
        try:
            found = await self._find(attempt)
        except SendError as error:
            log.warning("the vendor cannot be asked who picked up", attempt=attempt.id, error=str(error))
            again_at = self._clock.now() + ASK_AGAIN
            await self._database.transact(lambda conn: pick_ups.put_off(conn, attempt.id, until, again_at))
            return False
        receipt = found.receipt if found and found.vendor_id == attempt.vendor_id else None
        at = self._clock.now()

        def work(conn: Connection) -> None:
            pick_ups.done(conn, attempt.id)
            if receipt is not None and receipt.by_machine is not None:
                take_receipt(conn, self._ids, attempt.id, receipt, at)

        await self._database.transact(work)
        return True


def _look_again(look: Look, conn: Connection, at: datetime) -> None:
    outcomes.look_again(conn, look.notification, look.looks, at)


def _ask_line_again(attempt_id: str, conn: Connection, at: datetime) -> None:
    lines.extend(conn, attempt_id, at)


def _ask_who_again(attempt_id: str, conn: Connection, at: datetime) -> None:
    pick_ups.put_off(conn, attempt_id, at + LOOK_LEASE, at)  # also where the look that failed has it


def _next_at(conn: Connection) -> datetime | None:
    """When something is to be looked up next."""
    return min(filter(None, (outcomes.next_look_at(conn), pick_ups.next_at(conn))), default=None)
