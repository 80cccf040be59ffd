"""Takes accepted messages from the queue and writes the timetable. Acks only what is saved."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from broker.base import Broker, Handle, Message
from model.clock import Clock
from model.errors import Unavailable
from model.ids import Ids
from model.reading import Problem, Reading, Unreadable
from model.roster import Roster
from routing.accept import Member, decide, keep_untold
from routing.cases import RosterAt
from store.database import Database
from store.deliveries import Delivery

log = structlog.get_logger(__name__)

HANDS = 64
RETRY_SECONDS = 1.0

Read = Callable[[Message, Roster], Sequence[Reading | Unreadable]]


class Router:
    """The loop between queue and timetable."""

    def __init__(
        self, broker: Broker, database: Database, clock: Clock, ids: Ids, roster: RosterAt, read: Read
    ) -> None:
        self._broker = broker
        self._database = database
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._read = read
        self._since: dict[str, datetime] = {}

    async def run(self) -> None:
        """For ever. At most HANDS messages at once; cancelled, it leaves un-acked what it had not saved."""
        hands = asyncio.Semaphore(HANDS)
        async with asyncio.TaskGroup() as group:
            async for handle in self._broker.consume():
                await hands.acquire()
                self._since[handle.message.id] = self._clock.now()
                group.create_task(self._take(handle, hands))

    def oldest_since(self) -> datetime | None:
        """Since when the oldest message is in our hands; readiness looks at it. None when there is none."""
        return min(self._since.values(), default=None)

    async def _take(self, handle: Handle, hands: asyncio.Semaphore) -> None:
        try:
            await self._settle(handle.message)
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
                await self._clock.sleep_until(self._clock.now() + timedelta(seconds=RETRY_SECONDS))

    async def _settle(self, message: Message) -> None:
        """Decide about every member. Infrastructure that is away is waited for; it never counts against a message."""
        roster = self._roster()
        for index, reading in enumerate(self._read(message, roster)):
            member = Member(message, index)
            while True:
                try:
                    await self._decide(member, reading, roster)
                    break
                except Unavailable as away:
                    log.warning("database away, the message waits", delivery=member.delivery_id, error=str(away))
                    await self._clock.sleep_until(self._clock.now() + timedelta(seconds=RETRY_SECONDS))

    async def _decide(self, member: Member, reading: Reading | Unreadable, roster: Roster) -> None:
        """Only errors of deciding count against a message: then it is kept whole with the text, and people are told."""
        now = self._clock.now()
        try:
            decided = await self._database.transact(lambda conn: decide(conn, member, reading, roster, self._ids, now))
        except Unavailable:
            raise
        except Exception as error:
            log.exception("message could not be decided", delivery=member.delivery_id)
            decided = await self._keep(member, error, roster, now)
        if decided is not None:
            _log(decided, now)

    async def _keep(self, member: Member, error: Exception, roster: Roster, now: datetime) -> Delivery | None:
        """Undecidable: told like an unreadable message; when even telling fails, it is kept at least."""
        found = f"{type(error).__name__}: {error}"
        problem = Problem(field="", found=found, expected="a message that can be placed")
        unreadable = Unreadable(problems=(problem,))
        try:
            return await self._database.transact(lambda conn: decide(conn, member, unreadable, roster, self._ids, now))
        except Unavailable:
            raise
        except Exception:
            log.exception("message could not be told about, it is only kept", delivery=member.delivery_id)
            return await self._database.transact(lambda conn: keep_untold(conn, member, unreadable, now))


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
