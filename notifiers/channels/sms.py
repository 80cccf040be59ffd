"""Texts through Twilio: sending and finding them, what their callbacks say, what people text back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from model.attempt import Attempt, Receipt, ReceiptKind, Sent
from model.plan import ChannelName
from model.ports import Found, Send
from notifiers.channels.twilio_account import (
    ASK_AGAIN,
    LIST_LIMIT,
    TwilioAccount,
    created_in_time,
    created_key,
    failure,
    named,
    when,
)
from notifiers.dialling import Dialling

VALIDITY_SECONDS = (1, 36000)
BODY_CHARS = 1600
UNREACHABLE_HANDSET = "30003"

KINDS: Mapping[str, ReceiptKind] = {
    "accepted": ReceiptKind.QUEUED,
    "scheduled": ReceiptKind.QUEUED,
    "queued": ReceiptKind.QUEUED,
    "sending": ReceiptKind.QUEUED,
    "sent": ReceiptKind.SENT,
    "partially_delivered": ReceiptKind.SENT,
    "delivered": ReceiptKind.DELIVERED,
    "read": ReceiptKind.DELIVERED,
    "undelivered": ReceiptKind.FAILED,
    "failed": ReceiptKind.FAILED,
    "canceled": ReceiptKind.CANCELED,
}


class SmsChannel:
    """Texts people, one message per attempt: the parts of a long text are attempts of their own."""

    name = ChannelName.SMS
    repeatable = False

    def __init__(
        self, account: TwilioAccount, *, dialling: Dialling, public_url: str | None, timeout_seconds: float = 5.0
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self._account = account
        self._dialling = dialling
        self._public_url = public_url.rstrip("/") if public_url else None

    async def send(self, send: Send) -> Sent:
        attempt, caller = send.attempt, self._dialling.caller(send.attempt.address)
        low, high = VALIDITY_SECONDS
        callback = {"status_callback": callback_url(self._public_url, attempt.id)} if self._public_url else {}
        message = await self._account.ask(
            self.timeout_seconds,
            lambda client: client.messages.create_async(
                to=attempt.address,
                from_=caller,
                body=attempt.words.text[:BODY_CHARS],
                validity_period=min(max(int(send.valid_seconds), low), high),
                **callback,
            ),
        )
        named(message)
        return Sent(
            vendor_id=message.sid,
            vendor_at=message.date_created,
            raw={"sid": message.sid, "status": message.status, "num_segments": message.num_segments},
        )

    async def find(
        self, attempt: Attempt, known_ids: frozenset[str], since: datetime, thread: str | None = None
    ) -> Found | None:
        caller = self._dialling.ours(attempt.address)
        messages = await self._account.ask(
            self.timeout_seconds,
            lambda client: client.messages.list_async(
                to=attempt.address, from_=caller, limit=LIST_LIMIT, page_size=LIST_LIMIT
            ),
            changes=False,
        )
        ours = [
            m
            for m in messages
            if m.sid not in known_ids and m.body == attempt.words.text[:BODY_CHARS] and created_in_time(m, since)
        ]
        message = min(ours, key=created_key, default=None)
        return Found(vendor_id=message.sid, receipt=receipt_of_message(message)) if message else None

    async def cut(self, vendor_id: str, answered: bool, spoken: str) -> None:
        """A text that left cannot be taken back."""

    async def say_instead(self, attempt: Attempt, prompt: str) -> None:
        """Nobody is in the middle of reading."""

    async def close(self) -> None:
        await self._account.close()


class InboundSms(NamedTuple):
    from_number: str
    body: str
    sid: str


def callback_url(public_url: str, attempt_id: str) -> str:
    return f"{public_url.rstrip('/')}/callbacks/twilio/sms/{quote(attempt_id, safe='')}/status{ASK_AGAIN}"


def sms_receipt(form: Mapping[str, str]) -> Receipt:
    """A status callback. Unknown states count as queued: they prove nothing."""
    receipt = Receipt(
        kind=KINDS.get(form.get("MessageStatus") or form.get("SmsStatus", ""), ReceiptKind.QUEUED),
        vendor_id=form.get("MessageSid") or form["SmsSid"],
        vendor_at=when(form.get("Timestamp")),
        code=form.get("ErrorCode") or None,
        raw=dict(form),
    )
    return _judged(receipt)


def _judged(receipt: Receipt) -> Receipt:
    """With what the code of a failed one means."""
    if receipt.kind is not ReceiptKind.FAILED:
        return receipt
    refused = failure(receipt.code).bad_address
    return replace(receipt, refused=refused, unreachable=receipt.code == UNREACHABLE_HANDSET)


def inbound_sms(form: Mapping[str, str]) -> InboundSms:
    """What a person texted to us."""
    return InboundSms(form["From"], form.get("Body", "")[:BODY_CHARS], form.get("MessageSid") or form["SmsSid"])


def reply_twiml(text: str = "") -> str:
    """The answer to an inbound text; "" says nothing."""
    from twilio.twiml.messaging_response import MessagingResponse  # noqa: PLC0415 - heavy

    response = MessagingResponse()
    if text:
        response.message("".join(c if c.isprintable() else " " for c in text))
    return str(response)


def receipt_of_message(message: Any) -> Receipt:
    """How far a text is by what Twilio lists."""
    receipt = Receipt(
        kind=KINDS.get(str(message.status), ReceiptKind.QUEUED),
        vendor_id=message.sid,
        vendor_at=message.date_updated or message.date_created,
        code=str(message.error_code) if message.error_code else None,
        raw={"sid": message.sid, "status": message.status},
    )
    return _judged(receipt)
