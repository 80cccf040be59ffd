"""The channels as one process has them: production's Channel port, with vendors behind it that fail by the seed."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import NamedTuple

from model.attempt import Attempt, Receipt, ReceiptKind, Sent
from model.clock import Clock
from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName
from model.ports import Found, Send
from notifiers.channels import sms, voice
from notifiers.channels.twilio_account import created_in_time, created_key
from tests.simulation.chance import Fence
from tests.simulation.faults import Faults
from tests.simulation.mix import Mix
from tests.simulation.vendors import Record, Vendors

TIMEOUT_SECONDS = 5.0
# A request that hangs may still be taken: later than the first two looks of the reconciler, before the last.
LATEST_ACCEPT_SECONDS = 20.0
VENDOR = {
    ChannelName.VOICE: "twilio",
    ChannelName.SMS: "twilio",
    ChannelName.SLACK_DM: "slack",
    ChannelName.SLACK_CHANNEL: "slack",
    ChannelName.PAGERDUTY: "pagerduty",
}


class Outside(NamedTuple):
    """What is on the other side of the wire. `begins` is called for each thing taken; `spawn` outlives processes."""

    vendors: Vendors
    begins: Callable[[Record], None]
    spawn: Callable[[object], object]
    asked: Callable[[Send], None]


class SimulatedChannel:
    """One channel of one process."""

    timeout_seconds = TIMEOUT_SECONDS

    def __init__(
        self,
        name: ChannelName,
        outside: Outside,
        fence: Fence,
        clock: Clock,
        mix: Mix,
        random: Random,
        faults: Faults,
    ) -> None:
        self.name = name
        self.repeatable = name is ChannelName.PAGERDUTY
        self._outside = outside
        self._fence = fence
        self._clock = clock
        self._mix = mix
        self._random = random
        self._faults = faults

    async def send(self, send: Send) -> Sent:
        self._fence.goes_on()
        self._outside.asked(send)
        begun = asyncio.get_running_loop().time()
        self._faults.may_crash("before a send")
        await self._travel()
        self._refuse(send)
        if send.edit is not None and send.edit.vendor_id is not None:
            return await self._edited(send.edit.vendor_id)
        if send.edit is not None and not send.edit.anew:
            raise SendError("nothing stands there", retryable=False)
        record = None
        if not self._strikes(self._mix.hang_before, "vendor: hangs"):
            record = self._take(send, begun)
            self._faults.may_crash("after a send")
        elif self._strikes(self._mix.accepts_late, "vendor: takes it late"):
            self._outside.spawn(self._take_late(send, begun))
        if record is None or self._strikes(self._mix.hang_after, "vendor: takes it and hangs"):
            await asyncio.sleep(self._random.choice((0.05, TIMEOUT_SECONDS, TIMEOUT_SECONDS)))
            self._fence.goes_on()
            raise OutcomeUnknown(f"{self.name}: no answer")
        await self._travel()
        return Sent(vendor_id=record.sid, vendor_at=record.created_at, raw={"sid": record.sid})

    async def _edited(self, vendor_id: str) -> Sent:
        """It may be done again, so that a lost answer is no unknown outcome."""
        self._outside.vendors.find(vendor_id)
        if self._strikes(self._mix.hang_after, "vendor: takes it and hangs"):
            await asyncio.sleep(TIMEOUT_SECONDS)
            self._fence.goes_on()
            raise SendError(f"{self.name}: no answer", retryable=True)
        self._faults.may_crash("after a send")
        await self._travel()
        return Sent(vendor_id=vendor_id, raw={"sid": vendor_id})

    def _take(self, send: Send, begun: float, *, late: bool = False) -> Record:
        record = self._outside.vendors.create(send.attempt, begun)
        if self.name is ChannelName.PAGERDUTY:
            attempt, alerts = send.attempt, self._outside.vendors.alerts
            alerts.take(attempt.address, send.details, attempt.notification_id, late=late)
        self._outside.begins(record)
        return record

    async def _take_late(self, send: Send, begun: float) -> None:
        await asyncio.sleep(self._random.uniform(0.5, LATEST_ACCEPT_SECONDS - 4))
        self._take(send, begun, late=True)

    def _refuse(self, send: Send | None = None) -> None:
        vendor = VENDOR[self.name]
        if self._faults.down(vendor):
            raise SendError(f"{vendor}: no connection", retryable=True, code="connect")
        if self._strikes(self._mix.refuse, f"{vendor}: refuses"):
            raise SendError(f"{vendor}: not now", retryable=True, code="503")
        if self._strikes(self._mix.bad_address, f"{vendor}: bad address"):
            if self.name is ChannelName.PAGERDUTY and send is not None:
                self._outside.vendors.alerts.beyond_us.add(send.attempt.notification_id)
            raise SendError(f"{vendor}: no such address", retryable=False, bad_address=True)
        if self._strikes(self._mix.rate_limited, f"{vendor}: 429"):
            wait = self._random.choice((1.0, 10.0, 60.0))
            raise SendError(f"{vendor}: too many", retryable=True, code="429", retry_after_seconds=wait)

    async def find(
        self, attempt: Attempt, known_ids: frozenset[str], since: datetime, thread: str | None = None
    ) -> Found | None:
        """By the rules of the real channels: Twilio's by address, text and age, Slack's by the attempt's own mark."""
        await self._travel()
        if self._faults.down(VENDOR[self.name]) or self._strikes(self._mix.refuse, "vendor: cannot be asked"):
            raise SendError("cannot be asked now", retryable=True)
        listed = [r for r in self._outside.vendors.listed(self.name, attempt.address) if r.sid not in known_ids]
        await self._travel()
        if self.name in (ChannelName.VOICE, ChannelName.SMS):
            return self._found_at_twilio(attempt, listed, since)
        post = next((r for r in listed if r.attempt.id == attempt.id), None)
        return (
            Found(vendor_id=post.sid, receipt=Receipt(kind=ReceiptKind.DELIVERED, vendor_id=post.sid)) if post else None
        )

    def _found_at_twilio(self, attempt: Attempt, listed: list[Record], since: datetime) -> Found | None:
        ours = [r for r in listed if created_in_time(r, since)]
        if self.name is ChannelName.SMS:
            ours = [r for r in ours if r.body == attempt.words.text]
        record = min(ours, key=created_key, default=None)
        if record is None:
            return None
        receipt = voice._receipt_of_call if self.name is ChannelName.VOICE else sms.receipt_of_message
        return Found(vendor_id=record.sid, receipt=receipt(record))

    async def cut(self, vendor_id: str, answered: bool, spoken: str) -> None:
        await self._travel()
        self._refuse()
        self._outside.vendors.find(vendor_id).cut.set()
        await self._travel()

    async def say_instead(self, attempt: Attempt, prompt: str) -> None:
        await self._travel()
        self._refuse()
        self._outside.vendors.find(attempt.vendor_id or "")
        await self._travel()

    async def close(self) -> None:
        """Nothing is open."""

    async def _travel(self) -> None:
        self._fence.goes_on()
        await asyncio.sleep(self._random.expovariate(1 / self._mix.vendor_delay))
        self._fence.goes_on()

    def _strikes(self, chance: float, name: str) -> bool:
        return self._faults.strikes(self._random, chance, name)
