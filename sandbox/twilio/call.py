"""One call: what Twilio knows of it, and how it shows it in answers and callbacks."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Literal
from uuid import uuid4

from sandbox.courier import Courier, Outbox
from sandbox.signing import Form
from sandbox.twilio.parameters import CallOrder
from sandbox.twilio.twiml import Verb

API = "2010-04-01"

Status = Literal["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"]
ENDED: frozenset[Status] = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
SIP_CODES: dict[Status, str] = {
    "completed": "200",
    "busy": "486",
    "failed": "404",
    "no-answer": "487",
    "canceled": "487",
}


@dataclass(eq=False, slots=True)
class Call:
    """A call and the orders given to it from outside: by API, or by the person at the phone."""

    order: CallOrder
    account_sid: str
    created_at: datetime
    outbox: Outbox
    sid: str = field(default_factory=lambda: "CA" + uuid4().hex)
    status: Status = "queued"
    updated_at: datetime | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    answered_by: str | None = None
    transcript: list[str] = field(default_factory=list)
    pressed: list[str] = field(default_factory=list)
    sequence: int = 0

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    keys: list[str] = field(default_factory=list)
    end_as: Status | None = None
    redirect: list[Verb] | str | None = None
    picked_up: bool = False
    gathering: bool = False

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def seconds(self) -> int:
        """Return how long people could speak; 0 for a call that nobody answered."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return round((self.ended_at - self.answered_at).total_seconds())

    def resource(self) -> dict[str, Any]:
        """Return the call as the API shows it."""
        uri = f"/{API}/Accounts/{self.account_sid}/Calls/{self.sid}"
        wait_ms = 0 if self.started_at is None else (self.started_at - self.created_at).total_seconds() * 1000
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "to": self.order.to,
            "to_formatted": self.order.to,
            "from": self.order.sender,
            "from_formatted": self.order.sender,
            "status": self.end_as or self.status,
            "direction": "outbound-api",
            "answered_by": self.answered_by,
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at or self.created_at),
            "start_time": rfc2822(self.started_at),
            "end_time": rfc2822(self.ended_at),
            "duration": str(self.seconds()) if self.ended else None,
            "queue_time": str(round(wait_ms)),
            "api_version": API,
            "caller_name": None,
            "forwarded_from": None,
            "group_sid": None,
            "parent_call_sid": None,
            "phone_number_sid": None,
            "price": None,
            "price_unit": "USD",
            "trunk_sid": None,
            "uri": f"{uri}.json",
            "subresource_uris": {"notifications": f"{uri}/Notifications.json"},
        }

    def standard_fields(self, status: str) -> Form:
        """Return the form fields that every request about a call carries."""
        fields = [
            ("CallSid", self.sid),
            ("AccountSid", self.account_sid),
            ("From", self.order.sender),
            ("To", self.order.to),
            ("Caller", self.order.sender),
            ("Called", self.order.to),
            ("CallStatus", status),
            ("ApiVersion", API),
            ("Direction", "outbound-api"),
            ("ToCountry", "US"),
            ("CalledCountry", "US"),
        ]
        # Found out meanwhile, it is told by a callback of its own and in lists only.
        said = [] if self.answered_by is None or self.order.detection_aside else [("AnsweredBy", self.answered_by)]
        return [*fields, *said]

    def notify(self, event: str, now: datetime) -> None:
        """Send the status callback of `event`, if it was asked for."""
        if self.order.status_url is None or event not in self.order.status_events:
            if event == "completed":
                self.outbox.flush()
            return
        status = {"answered": "in-progress", "completed": self.status}.get(event, event)
        fields = [
            *self.standard_fields(status),
            ("Timestamp", format_datetime(now)),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(self.sequence)),
        ]
        if event == "completed":
            fields += self._ending()
        self.sequence += 1
        self.outbox.put(self.order.status_url, fields, last=event == "completed")

    def _ending(self) -> Form:
        fields = [("CallDuration", str(self.seconds())), ("SipResponseCode", SIP_CODES[self.status])]
        if self.status == "completed":
            fields.append(("Duration", str(-(-self.seconds() // 60))))
        return fields


def new_call(order: CallOrder, account_sid: str, now: datetime, courier: Courier) -> Call:
    return Call(order, account_sid, now, Outbox(courier, f"call to {order.to}"))


def rfc2822(at: datetime | None) -> str | None:
    """Return a date as Twilio's API writes it: `Fri, 18 Oct 2019 17:00:00 +0000`."""
    return None if at is None else format_datetime(at)
