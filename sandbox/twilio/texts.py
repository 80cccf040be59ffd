"""Text messages: out to phones, with their receipts, and back from phones to the customer's server."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from sandbox.activity import Activity
from sandbox.courier import Answer, Courier, Outbox
from sandbox.feed import Feed
from sandbox.phones import Phones
from sandbox.settings import Settings
from sandbox.signing import Form
from sandbox.twilio.call import API, rfc2822
from sandbox.twilio.parameters import TextOrder
from sandbox.twilio.twiml import Message, TwimlError, parse

MAX_KEPT = 20_000
SENT_AFTER = timedelta(seconds=1)
ARRIVED_AFTER = timedelta(seconds=2)
REPLY_AFTER = timedelta(seconds=3)
REPLY_CODE = re.compile(r"Reply 1([A-Z]{1,4})=")

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENSION = frozenset("\f^{}\\[~]|€")

TextStatus = Literal["queued", "sent", "delivered", "undelivered", "failed", "received"]
OUTCOMES: dict[str, tuple[TextStatus, int | None]] = {
    "delivered": ("delivered", None),
    "undelivered": ("undelivered", 30003),
    "failed": ("failed", 30005),
    "landline": ("undelivered", 30006),
}


@dataclass(eq=False, slots=True)
class Text:
    """One message to a phone, as Twilio knows it."""

    order: TextOrder
    account_sid: str
    created_at: datetime
    outbox: Outbox
    sid: str = field(default_factory=lambda: "SM" + uuid4().hex)
    status: TextStatus = "queued"
    direction: str = "outbound-api"
    updated_at: datetime | None = None
    sent_at: datetime | None = None
    error_code: int | None = None

    def resource(self) -> dict[str, Any]:
        """Return the message as the API shows it."""
        uri = f"/{API}/Accounts/{self.account_sid}/Messages/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "messaging_service_sid": None,
            "to": self.order.to,
            "from": self.order.sender,
            "body": self.order.body,
            "status": self.status,
            "direction": self.direction,
            "num_segments": str(segments(self.order.body)),
            "num_media": "0",
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at or self.created_at),
            "date_sent": rfc2822(self.sent_at),
            "error_code": self.error_code,
            "error_message": None if self.error_code is None else f"Error {self.error_code}",
            "price": None,
            "price_unit": "USD",
            "api_version": API,
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }

    def become(self, status: TextStatus, now: datetime) -> None:
        """Change the status and send its callback."""
        self.status, self.updated_at = status, now
        if self.order.status_url is None:
            return
        form = [
            ("MessageSid", self.sid),
            ("SmsSid", self.sid),
            ("MessageStatus", status),
            ("SmsStatus", status),
            ("AccountSid", self.account_sid),
            ("From", self.order.sender),
            ("To", self.order.to),
            ("ApiVersion", API),
        ]
        if self.error_code is not None:
            form.append(("ErrorCode", str(self.error_code)))
        self.outbox.put(self.order.status_url, form, last=status != "sent")


class Texts:
    """Every message sent, and the way back."""

    def __init__(self, settings: Settings, activity: Activity, courier: Courier, feed: Feed, phones: Phones) -> None:
        self._settings = settings
        self._activity = activity
        self._courier = courier
        self._feed = feed
        self._phones = phones
        self.by_sid: dict[str, Text] = {}
        self._last_sender: dict[str, str] = {}

    def reset(self) -> None:
        self.by_sid.clear()
        self._last_sender.clear()

    def create(self, order: TextOrder) -> Text:
        """Take a message; it is sent and arrives a little later."""
        outbox = Outbox(self._courier, f"text to {order.to}")
        text = Text(order, self._settings.twilio_account_sid, self._now(), outbox)
        self.by_sid[text.sid] = text
        while len(self.by_sid) > MAX_KEPT:
            del self.by_sid[next(iter(self.by_sid))]
        self._phones.meet(order.to)
        self._last_sender[order.to] = order.sender
        self._activity.spawn(self._travel(text), f"text {text.sid} to {order.to}")
        return text

    async def reply(self, number: str, body: str) -> dict[str, Any]:
        """Text `body` from a phone to the customer. Return what was sent and answered."""
        form = self._inbound(number, body)
        self._keep_inbound(dict(form))
        url = self._settings.twilio_sms_inbound_url
        answer = Answer(200, "<Response/>") if url is None else await self._courier.twilio(url, form)
        raw = {"form": dict(form), "answer": {"status": answer.status, "body": answer.body}}
        self._phones.meet(number)
        self._feed.add("sms", number, body, "replied", raw)
        for message in _messages(answer):
            self._feed.add("sms", number, message.text, "received", {"direction": "outbound-reply"})
        return raw

    def _now(self) -> datetime:
        return self._activity.clock.now()

    async def _travel(self, text: Text) -> None:
        await self._activity.sleep_until(text.created_at + SENT_AFTER)
        text.sent_at = self._now()
        text.become("sent", text.sent_at)
        await self._activity.sleep_until(text.created_at + ARRIVED_AFTER)
        phone = self._phones.behaviour(text.order.to)
        status, text.error_code = OUTCOMES[phone.sms]
        text.become(status, self._now())
        if text.error_code is not None:
            return
        self._feed.add("sms", text.order.to, text.order.body, "received", text.resource())
        if phone.reply is not None and (answer := filled(phone.reply, text.order.body)) is not None:
            await self._activity.sleep_until(self._now() + REPLY_AFTER)
            await self.reply(text.order.to, answer)

    def _keep_inbound(self, form: dict[str, str]) -> None:
        order = TextOrder(form["To"], form["From"], form["Body"], None)
        outbox = Outbox(self._courier, f"text from {order.sender}")
        kept = Text(order, form["AccountSid"], self._now(), outbox, form["MessageSid"], "received", "inbound")
        kept.sent_at = self._now()
        self.by_sid[kept.sid] = kept

    def _inbound(self, number: str, body: str) -> Form:
        sid = "SM" + uuid4().hex
        return [
            ("MessageSid", sid),
            ("SmsSid", sid),
            ("SmsMessageSid", sid),
            ("AccountSid", self._settings.twilio_account_sid),
            ("From", number),
            ("To", self._last_sender.get(number, self._settings.default_sender)),
            ("Body", body),
            ("NumMedia", "0"),
            ("NumSegments", str(segments(body))),
            ("SmsStatus", "received"),
            ("ApiVersion", API),
            ("FromCountry", "US"),
            ("ToCountry", "US"),
        ]


def filled(reply: str, received: str) -> str | None:
    """Return `reply` with `{code}` replaced by the reply code in `received`; None when there is none."""
    if "{code}" not in reply:
        return reply
    found = REPLY_CODE.search(received)
    return None if found is None else reply.replace("{code}", found[1])


def segments(body: str) -> int:
    """Return how many parts Twilio sends: 160 GSM-7 or 70 UCS-2 characters alone, else 153 or 67 each."""
    if all(char in GSM7 or char in GSM7_EXTENSION for char in body):
        size, single, part = len(body) + sum(char in GSM7_EXTENSION for char in body), 160, 153
    else:
        size, single, part = len(body.encode("utf-16-be")) // 2, 70, 67
    return 1 if size <= single else -(-size // part)


def _messages(answer: Answer) -> list[Message]:
    if not answer.ok or not answer.body.strip():
        return []
    try:
        return [verb for verb in parse(answer.body) if isinstance(verb, Message)]
    except TwimlError:
        return []
