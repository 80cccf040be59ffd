"""What Twilio has of our calls and texts, asked for: where it cannot call back, nobody tells us otherwise."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from model.attempt import Receipt
from notifiers.channels import sms, voice
from notifiers.channels.sms import InboundSms
from notifiers.channels.twilio_account import TwilioAccount, created_in_time

SECONDS = 5.0
NEWEST = 200  # one page each
INBOUND = "inbound"


class Known(NamedTuple):
    """A call or a text of ours. `receipts`: what would have been told of it up to now, in order."""

    vendor_id: str
    number: str
    receipts: tuple[Receipt, ...]


class TwilioLists:
    """Reads, and texts an answer back. `number`: ours, for which is asked. Raises SendError."""

    def __init__(self, account: TwilioAccount, number: str) -> None:
        self._account = account
        self._number = number

    async def calls(self, since: datetime) -> list[Known]:
        # No time filter: a call that waits in the calls-per-second queue has no start time yet.
        found = await self._account.ask(
            SECONDS,
            lambda c: c.calls.list_async(from_=self._number, limit=NEWEST, page_size=NEWEST),
            changes=False,
        )
        return [Known(call.sid, call.to, voice.receipts_of_call(call)) for call in _young(found, since)]

    async def texts(self, since: datetime) -> list[Known]:
        found = await self._account.ask(
            SECONDS,
            lambda c: c.messages.list_async(from_=self._number, limit=NEWEST, page_size=NEWEST),
            changes=False,
        )
        return [Known(text.sid, text.to, (sms.receipt_of_message(text),)) for text in _young(found, since)]

    async def received(self, since: datetime) -> list[InboundSms]:
        """What people texted to us, the oldest first."""
        found = await self._account.ask(
            SECONDS, lambda c: c.messages.list_async(to=self._number, limit=NEWEST, page_size=NEWEST), changes=False
        )
        inbound = [text for text in _young(found, since) if text.direction == INBOUND]
        return [InboundSms(text.from_, (text.body or "")[: sms.BODY_CHARS], text.sid) for text in reversed(inbound)]

    async def say(self, number: str, text: str) -> None:
        """Text to somebody who wrote to us."""
        await self._account.ask(
            SECONDS, lambda c: c.messages.create_async(to=number, from_=self._number, body=text[: sms.BODY_CHARS])
        )


def _young(records: Iterable[Any], since: datetime) -> list[Any]:
    return [record for record in records if created_in_time(record, since)]
