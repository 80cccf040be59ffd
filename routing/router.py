"""Takes accepted messages from the queue and writes the timetable. Acks only what is saved."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from broker.base import Broker, Handle, Message, MessageKind
from model.clock import Clock
from model.errors import Refused, Unavailable
from model.ids import Ids
from model.phones import usual
from model.reading import Problem, Reading, Unreadable
from model.roster import Roster
from model.tracing import UNTRACED, Tracer
from routing import canary
from routing.accept import Member, decide, keep_untold
from routing.cases import PhonesAt, RosterAt
from routing.heard import heard_in, take_heard
from store import canaries
from store.database import Connection, Database, said_by_database
from store.deliveries import Delivery

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
# A database that answers nothing for so long is away, perhaps from us alone: others may have what we hold.
LET_GO_AFTER = timedelta(seconds=5)
DATABASE_TRIES = 5  # of a transaction that ends in an error of the database's own: one that stays is the message's
THROWN_OUT = Unreadable(
    problems=(
        Problem(
            field="",
            found="a message the queue threw out: whoever tried to decide about it died, over and over",
            expected="a message that can be decided",
        ),
    )
)

T = TypeVar("T")

Read = Callable[[Message, Roster], Sequence[Reading | Unreadable]]


class Router:
    """The loop between queue and timetable."""

    def __init__(
        self,
        broker: Broker,
        database: Database,
        clock: Clock,
        ids: Ids,
        roster: RosterAt,
        read: Read,
        tracer: Tracer = UNTRACED,
        *,
        phones: PhonesAt = usual,
    ) -> None:
        self._broker = broker
        self._database = database
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._read = read
        self._tracer = tracer
        self._phones = phones
        self._since: dict[str, datetime] = {}
        self._away_since: datetime | None = None

    async def run(self) -> None:
        """For ever. As many messages at once as the database likes; cancelled, it leaves un-acked what is not saved."""
        hands = asyncio.Semaphore(self._database.at_once)
        async with asyncio.TaskGroup() as group:
            async for handle in self._broker.consume():
                await hands.acquire()
                self._since[handle.message.id] = self._clock.now()
                group.create_task(self._take(handle, hands))

    def oldest_since(self) -> datetime | None:
        """Since when the oldest message is in our hands, or was last tried; for readiness. None: there is none."""
        return min(self._since.values(), default=None)

    async def _take(self, handle: Handle, hands: asyncio.Semaphore) -> None:
        try:
            await self._settle(handle)
            await self._ack(handle)
        finally:
            self._since.pop(handle.message.id, None)
            hands.release()

    async def _ack(self, handle: Handle) -> None:
        """Until the queue has forgotten the message: given out again, it would be known as decided."""
        while True:
            try:
                await handle.ack()
                return
            except Unavailable as away:
                log.warning("queue away, the message cannot be acked", delivery=handle.message.id, error=str(away))
                self._since[handle.message.id] = self._clock.now()
                await self._clock.sleep_until(self._clock.now() + timedelta(seconds=RETRY_SECONDS))

    async def _settle(self, handle: Handle) -> None:
        """Decide about every member."""
        message, roster = handle.message, self._roster()
        if handle.thrown_out:
            for index in range(len(message.deliveries)):
                member = Member(message, index)
                await self._patiently(member, lambda member: self._tell_unreadable(member, THROWN_OUT, roster))
            return
        if message.kind is MessageKind.REPLY:
            await self._patiently(Member(message, 0), partial(self._take_reply, roster=roster))
            return
        if message.kind is MessageKind.CANARY:
            await self._patiently(Member(message, 0), partial(self._take_canary, roster=roster))
            return
        for index, reading in enumerate(self._read(message, roster)):
            await self._patiently(Member(message, index), partial(self._decide, reading=reading, roster=roster))

    async def _patiently(self, member: Member, settle: Callable[[Member], Awaitable[object]]) -> None:
        """Infrastructure that is away is waited for; it never counts against a message."""
        while True:
            try:
                await settle(member)
            except Unavailable as away:
                log.warning("database away, the message waits", delivery=member.delivery_id, error=str(away))
                self._since[member.message.id] = now = self._clock.now()
                self._is_away(now)
                await self._clock.sleep_until(now + timedelta(seconds=RETRY_SECONDS))
            else:
                self._is_back()
                return

    def _is_away(self, now: datetime) -> None:
        """A sibling's database may answer. What is in hands here is tried on: that tells us that ours does again."""
        self._away_since = self._away_since or now
        if now - self._away_since >= LET_GO_AFTER:
            self._broker.let_go()

    def _is_back(self) -> None:
        if self._away_since is not None:
            self._away_since = None
            self._broker.take_again()

    async def _transact(self, member: Member, fn: Callable[[Connection], T]) -> T:
        """An error that the database made up by itself is over soon, and a valid order must not be taken for bad."""
        for left in reversed(range(DATABASE_TRIES)):
            try:
                return await self._database.transact(fn)
            except Exception as error:
                if not left or (said := said_by_database(error)) is None:
                    raise
                log.warning("the database failed, the message waits", delivery=member.delivery_id, error=said)
                self._since[member.message.id] = self._clock.now()
                await self._clock.sleep_until(self._clock.now() + timedelta(seconds=RETRY_SECONDS))
        raise AssertionError("the last try returns or raises")

    async def _decide(self, member: Member, reading: Reading | Unreadable, roster: Roster) -> None:
        """Only errors of deciding count against a message: then it is kept whole with the text, and people are told."""
        now = self._clock.now()
        try:
            with self._tracer.span("decide", member.message.trace, delivery=member.delivery_id):
                decided = await self._transact(
                    member, lambda conn: decide(conn, member, reading, roster, self._ids, now, self._phones())
                )
        except Unavailable:
            raise
        except Exception as error:
            log.exception("message could not be decided", delivery=member.delivery_id)
            decided = await self._keep(member, error, roster)
        if decided is not None:
            _log(decided, now)

    async def _take_reply(self, member: Member, roster: Roster) -> None:
        """A person's answer that could not be stored when it came. It counts as of then."""
        try:
            taken = await self._transact(member, lambda conn: take_heard(conn, self._ids, heard_in(member.message)))
        except Unavailable:
            raise
        except Refused as why:
            log.warning("answer was about a replaced revision", reply=member.delivery_id, why=str(why))
        except Exception as error:
            log.exception("answer could not be taken", reply=member.delivery_id)
            await self._keep(member, error, roster)
        else:
            for answered in taken:
                log.info(
                    "answer taken", reply=answered.reply.id, person=answered.reply.person, counted=answered.counted
                )

    async def _take_canary(self, member: Member, roster: Roster) -> None:
        """One of our own. What keeps it from being decided keeps others too: its row says so to the watch."""
        message, now = member.message, self._clock.now()
        reading = self._read(message, roster)[0]
        if isinstance(reading, Unreadable):
            log.error("our own message cannot be read", why=reading.reason)
            return
        try:
            await self._transact(
                member,
                lambda conn: canary.decide(
                    conn, reading, message.source, message.received_at, roster, self._ids, now, self._phones()
                ),
            )
        except Unavailable:
            raise
        except Exception as error:
            log.exception("our own message could not be decided")
            id_, why = canary.id_of(reading), f"it could not be decided ({type(error).__name__})"
            await self._transact(member, lambda conn: canaries.decide(conn, id_, message.received_at, now, why))

    async def _keep(self, member: Member, error: Exception, roster: Roster) -> Delivery | None:
        """Undecidable: told like an unreadable message."""
        found = f"{type(error).__name__}: {said_by_database(error) or error}"
        problem = Problem(field="", found=found, expected="a message that can be placed")
        return await self._tell_unreadable(member, Unreadable(problems=(problem,)), roster)

    async def _tell_unreadable(self, member: Member, unreadable: Unreadable, roster: Roster) -> Delivery | None:
        """When even telling fails, it is kept at least."""
        now = self._clock.now()
        try:
            return await self._transact(
                member, lambda conn: decide(conn, member, unreadable, roster, self._ids, now, self._phones())
            )
        except Unavailable:
            raise
        except Exception:
            log.exception("message could not be told about, it is only kept", delivery=member.delivery_id)
            return await self._transact(member, lambda conn: keep_untold(conn, member, unreadable, now))


def _log(decided: Delivery, now: datetime) -> None:
    log.info(
        "message decided",
        delivery=decided.id,
        source=decided.source,
        event_id=decided.event_id,
        revision=decided.revision,
        state=str(decided.state),
        detail=decided.detail,
        seconds_since_receipt=round((now - decided.received_at).total_seconds(), 3),
    )
