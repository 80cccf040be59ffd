"""Where Twilio cannot call us back, it is asked: how far calls and texts are, and what people text to us."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from uuid import NAMESPACE_URL, uuid5

import structlog

from app.lease import Lease
from app.service import Service
from app.texting import answer_text
from model.attempt import Receipt, ReceiptKind
from model.errors import GridcallError, SendError, Unavailable
from notifiers.channels.sms import InboundSms
from notifiers.channels.twilio_lists import Known, TwilioLists
from notifiers.receipts import take_receipt
from store import attempts, lines, paces, replies
from store.database import Connection
from store.paces import Turn

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=5)  # while something is under way
IDLE_EVERY = timedelta(minutes=1)
# What is older than this is settled, or nobody waits for it any more.
SINCE = timedelta(minutes=15)
# Nobody can press a key: whoever hung up has so long to write, before the call counts as one without an answer.
TO_WRITE = timedelta(seconds=45)
ANSWERED_FOR = timedelta(days=1)


class Asking:
    """One process of several asks. `turned_at`: when it last looked whether to, or got on with it."""

    def __init__(self, service: Service, lists: TwilioLists, holder: str) -> None:
        self._service = service
        self._lists = lists
        self._lease = Lease(service.database, service.clock, "twilio lists", holder, 3 * EVERY, 2 * EVERY)
        self._asked_at: datetime | None = None
        self._kept: set[tuple[str, ReceiptKind]] = set()
        self._read: set[str] = set()
        self.turned_at = service.clock.now()

    async def run(self) -> None:
        clock = self._service.clock
        while True:
            now = self.turned_at = clock.now()
            try:
                await self._turn(now)
            except SendError as error:
                log.warning("Twilio cannot be asked about calls and texts", error=str(error))
            except Unavailable as away:
                log.warning("database away, Twilio is asked later", error=str(away))
            except Exception:
                log.exception("what Twilio has of calls and texts could not be taken")
            await clock.sleep_until(now + EVERY)

    async def _turn(self, now: datetime) -> None:
        under_way = await self._service.database.read(lambda conn: lines.in_use(conn) > 0 or replies.any_open(conn))
        due = under_way or self._asked_at is None or now - self._asked_at >= IDLE_EVERY
        if not due or not await self._lease.held():
            return
        self._asked_at, since = now, now - SINCE
        texts = list(await self._lists.received(since))
        for text in texts:
            self._gets_on()
            await self._take_text(text, now)
        self._read &= {text.sid for text in texts}
        found: list[Known] = []
        for listed in (self._lists.calls, self._lists.texts):
            self._gets_on()
            found += await listed(since)
        await self._take_receipts(found, now)
        self._kept &= {(one.vendor_id, receipt.kind) for one in found for receipt in one.receipts}

    def _gets_on(self) -> None:
        """A vendor that is slow at every step is no loop that stands still."""
        self.turned_at = self._service.clock.now()

    async def _take_receipts(self, found: Iterable[Known], now: datetime) -> None:
        news = [(one, receipt) for one in found for receipt in one.receipts if self._is_news(one, receipt, now)]
        if not news:
            return
        numbers = {one.vendor_id: one.number for one, _ in news}
        of = await self._service.database.read(lambda conn: attempts.of_vendor(conn, numbers, now - 2 * SINCE))
        for one, receipt in news:
            self._gets_on()
            if (attempt_id := of.get(one.vendor_id)) is None:
                continue  # its answer is on its way to us, or it is of somebody else who uses the account
            take = partial(take_receipt, ids=self._service.ids, attempt_id=attempt_id, receipt=receipt, now=now)
            try:
                await self._service.database.transact(take)
            except Unavailable:
                raise
            except Exception:
                log.exception("what Twilio tells of a call or a text could not be taken", attempt=attempt_id)
            else:
                self._kept.add((one.vendor_id, receipt.kind))

    def _is_news(self, one: Known, receipt: Receipt, now: datetime) -> bool:
        if (one.vendor_id, receipt.kind) in self._kept:
            return False
        by_a_person = any(earlier.kind is ReceiptKind.ANSWERED for earlier in one.receipts)
        ended = receipt.kind is ReceiptKind.COMPLETED and by_a_person
        return not (ended and receipt.vendor_at is not None and now < receipt.vendor_at + TO_WRITE)

    async def _take_text(self, text: InboundSms, now: datetime) -> None:
        """Taken again after a crash it is the same answer; what is said to it is said once."""
        turn = Turn(f"text/{text.sid}", 1 / ANSWERED_FOR.total_seconds(), 1)
        if text.sid in self._read or await self._service.database.read(lambda conn: _taken(conn, turn, now)):
            return
        try:
            said = await answer_text(self._service, text.from_number, text.body, str(uuid5(NAMESPACE_URL, text.sid)))
        except GridcallError as error:
            log.warning("a text could not be taken, it is read again", error=str(error))
            return
        except Exception:
            log.exception("a text could not be taken by our own mistake, it is read again")
            return
        first = await self._service.database.transact(lambda conn: paces.take_turn(conn, turn, now)) is None
        self._read.add(text.sid)
        if said and first:
            await self._lists.say(text.from_number, said)


def _taken(conn: Connection, turn: Turn, now: datetime) -> bool:
    return paces.next_at(conn, turn.key, now) > now
