"""What Twilio has of our calls and texts, asked for: where it cannot call back, nobody tells us otherwise."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from model.attempt import Receipt
from notifiers.channels import sms, voice
from notifiers.channels.sms import InboundSms
from notifiers.channels.twilio_account import TwilioAccount, created_in_time
from notifiers.dialling import Dialling

SECONDS = 5.0
NEWEST = 200  # one page each
INBOUND = "inbound"


class Known(NamedTuple):
    """A call or a text of ours. `receipts`: what would have been told of it up to now, in order."""

    vendor_id: str
    number: str
    receipts: tuple[Receipt, ...]


class TwilioLists:
    """Reads, and texts an answer back, for each number of ours. Raises SendError."""

    def __init__(self, account: TwilioAccount, dialling: Dialling) -> None:
        self._account = account
        self._dialling = dialling

    async def calls(self, since: datetime) -> list[Known]:
        # No time filter: a call that waits in the calls-per-second queue has no start time yet.
        found = await self._each(
            lambda number, c: c.calls.list_async(from_=number, limit=NEWEST, page_size=NEWEST), since
        )
        return [Known(call.sid, call.to, voice.receipts_of_call(call)) for call in found]

    async def texts(self, since: datetime) -> list[Known]:
        found = await self._each(
            lambda number, c: c.messages.list_async(from_=number, limit=NEWEST, page_size=NEWEST), since
        )
        return [Known(text.sid, text.to, (sms.receipt_of_message(text),)) for text in found]

    async def received(self, since: datetime) -> list[InboundSms]:
        """What people texted to us, the oldest first."""
        found = await self._each(
            lambda number, c: c.messages.list_async(to=number, limit=NEWEST, page_size=NEWEST), since
        )
        inbound = [text for text in found if text.direction == INBOUND]
        return [InboundSms(text.from_, (text.body or "")[: sms.BODY_CHARS], text.sid) for text in reversed(inbound)]

    async def say(self, number: str, text: str) -> None:
        """Text to somebody who wrote to us."""
        caller, body = self._dialling.caller(number), text[: sms.BODY_CHARS]
        await self._account.ask(SECONDS, lambda c: c.messages.create_async(to=number, from_=caller, body=body))

    async def _each(self, listed: Callable[[str, Any], Awaitable[Any]], since: datetime) -> list[Any]:
        """What is young enough of the lists of all our numbers."""
        found: list[Any] = []
        for number in self._dialling.numbers:
            records = await self._account.ask(SECONDS, partial(listed, number), changes=False)
            found += [record for record in records if created_in_time(record, since)]
        return found
