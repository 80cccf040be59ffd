"""Phones and the people who hold them: they answer or not, press, talk over it, write back late, or change their mind.

What vendors tell Gridcall of it may come late, twice, in another order or not at all.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

from app import slack_actions
from app.answering import within_a_second
from app.api import callbacks
from app.service import Service
from app.texting import answer_text
from model.attempt import Receipt, ReceiptKind
from model.plan import ChannelName
from model.reply import Answer
from model.roster import Roster
from notifiers.channels import slack, slack_interactions, voice
from notifiers.wording.answers import DO_NOT_COUNT, SpokenAnswer
from store import replies
from store.replies import Code
from tests.simulation.faults import Faults
from tests.simulation.mix import Mix
from tests.simulation.vendors import Answered, Heard, Record, Vendors

CALL_ENDS = ("press", "late press", "nothing", "hang up", "voicemail", "busy", "no answer", "failed")
LOST = object()
_CODE = re.compile(r"Reply 1([A-Z]{1,2})=ACK")
_ONE_OF_SEVERAL = re.compile(r"(?<= )([A-Z]{1,3}): (?=[A-Z])")
_SPOKEN = {
    SpokenAnswer.ACCEPTED: Heard.COUNTED,
    SpokenAnswer.CANNOT: Heard.COUNTED,
    SpokenAnswer.OVER: Heard.REFUSED,
    SpokenAnswer.REPLACED: Heard.REFUSED,
    SpokenAnswer.INVALID: Heard.REFUSED,
}

CallUs = Callable[[str, Callable[[Service], Awaitable[Any]]], Awaitable[Any]]


class People:
    """`call_us` hands a request to whatever process runs; LOST when none took it to its end."""

    def __init__(
        self,
        roster: Roster,
        vendors: Vendors,
        mix: Mix,
        random: Random,
        faults: Faults,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        call_us: CallUs,
    ) -> None:
        self._roster = roster
        self._vendors = vendors
        self._mix = mix
        self._random = random
        self._faults = faults
        self._spawn = spawn
        self._call_us = call_us

    def begins(self, record: Record) -> None:
        """A vendor took something: from here on it leads its own life."""
        if record.channel is ChannelName.VOICE:
            self._spawn(self._call(record))
        elif record.channel is ChannelName.SMS:
            self._spawn(self._text(record))
        elif record.channel in (ChannelName.SLACK_DM, ChannelName.SLACK_CHANNEL):
            self._spawn(self._post(record))

    # --- calls ------------------------------------------------------------------------------------------------------

    async def _call(self, record: Record) -> None:
        """Rings at most as long as it was asked to, and is over at the latest after the policy's longest call."""
        self._tell_status(record, "initiated")
        await asyncio.sleep(self._random.uniform(0.2, 2))
        end = self._random.choices(CALL_ENDS, self._mix.people.weights)[0]
        if end == "failed":
            return self._over(record, "failed")
        self._tell_status(record, "ringing")
        if await self._cut_within(record, self._random.uniform(1, 20) if end != "no answer" else 22):
            return self._over(record, "canceled")
        if end in ("busy", "no answer"):
            return self._over(record, "busy" if end == "busy" else "no-answer")
        record.picked_up, record.by_machine = True, end == "voicemail"
        self._tell_status(record, "in-progress")
        self._spawn(self._detect(record))
        if not await self._cut_within(record, self._random.uniform(0.5, 3) if end == "hang up" else 12):
            await self._talk(record, end)
        return self._over(record, "completed")

    async def _detect(self, record: Record) -> None:
        """Twilio listens for some seconds, then says who picked up by a callback of its own, and in its list."""
        await asyncio.sleep(self._random.uniform(1, 4))
        if record.ended is not None:
            record.answered_by = "unknown"
        else:
            record.answered_by = "machine_start" if record.by_machine else "human"
        self._tell(record, voice.voice_receipt({"CallSid": record.sid, "AnsweredBy": record.answered_by}))

    async def _talk(self, record: Record, end: str) -> None:
        person = self._roster.person_at(ChannelName.VOICE, record.attempt.address)
        if end in ("press", "late press") and person is not None:
            if end == "late press" and await self._cut_within(record, 20):
                return
            heard = await self._press(record, person.id, self._answer())
            if heard is Heard.LOST and not await self._cut_within(record, 3):
                await self._press(record, person.id, self._answer())  # an error was spoken: once more
            if self._random.random() < self._mix.people.changes_mind and not await self._cut_within(record, 3):
                await self._press(record, person.id, Answer.CANNOT_COMPLY)
        await self._cut_within(record, self._random.uniform(0, 3))

    async def _cut_within(self, record: Record, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await record.cut.wait()
        except TimeoutError:
            return False
        return True

    async def _press(self, record: Record, person: str, answer: Answer) -> Heard:
        key = "1" if answer is Answer.ACKNOWLEDGE else "2"

        async def take(service: Service) -> Heard:
            more = {"attempt_id": record.attempt.id, "vendor_id": record.sid, "said": key}
            heard = callbacks._heard(service, answer, "voice", **more)
            led_to = await within_a_second(
                service, heard, lambda: callbacks._key_led_to(service, record.attempt.id, key, heard)
            )
            if led_to is None:
                return Heard.LOST  # it is in the queue: it may count, later
            return Heard.LOST if DO_NOT_COUNT in led_to.detail else _SPOKEN[led_to.kind]  # of several for some

        return await self._answered(record, person, answer, take, named=record.attempt.named)

    def _over(self, record: Record, status: str) -> None:
        record.ended = asyncio.get_running_loop().time()
        self._tell_status(record, status)

    def _tell_status(self, record: Record, status: str) -> None:
        record.sequence += 1
        record.status = status
        form = {"CallStatus": status, "CallSid": record.sid, "SequenceNumber": str(record.sequence)}
        self._tell(record, voice.voice_receipt(form))

    def _tell(self, record: Record, receipt: Receipt) -> None:
        """A callback: once, perhaps late, perhaps twice, perhaps never."""
        if self._faults.strikes(self._random, self._mix.callback_lost, "callback: lost"):
            return
        delay = self._random.uniform(0.02, 0.3)
        if self._faults.strikes(self._random, self._mix.callback_late, "callback: late"):
            delay += self._random.uniform(1, 30)
        self._spawn(self._deliver(record, receipt, delay))
        if self._faults.strikes(self._random, self._mix.callback_twice, "callback: twice"):
            self._spawn(self._deliver(record, receipt, delay + self._random.uniform(0, 20)))

    async def _deliver(self, record: Record, receipt: Receipt, delay: float) -> None:
        await asyncio.sleep(delay)
        attempt = record.attempt.id
        await self._call_us("callback", lambda service: callbacks._store_receipt(service, attempt, receipt))

    # --- texts and posts --------------------------------------------------------------------------------------------

    async def _text(self, record: Record) -> None:
        for kind in (ReceiptKind.SENT, ReceiptKind.DELIVERED):
            await asyncio.sleep(self._random.uniform(0.2, 4))
            self._tell(record, Receipt(kind=kind, vendor_id=record.sid))
        code = self._code(record.attempt.words.text)
        person = self._roster.person_at(ChannelName.SMS, record.attempt.address)
        if code is None or person is None or self._random.random() >= self._mix.people.texts_back:
            return
        await asyncio.sleep(self._random.expovariate(1 / 60))
        answer = self._answer()
        text = f"{1 if answer is Answer.ACKNOWLEDGE else 2}{code}"
        code_of: list[Code] = []

        async def take(service: Service) -> Heard:
            number, now = record.attempt.address, service.clock.now()
            known = await service.database.read(lambda conn: replies.open_codes(conn, number, now))
            code_of[:] = [one for one in known if one.code == code]
            said = await answer_text(service, number, text)
            if said.startswith("Received"):
                return Heard.LOST  # it is in the queue: it may count, later
            return Heard.COUNTED if said.startswith(("Accepted", "Noted")) else Heard.REFUSED

        await self._answered(
            record, person.id, answer, take, lambda: next(((c.event_pk, c.revision) for c in code_of), None)
        )

    def _code(self, text: str) -> str | None:
        """What an answer to it is sent with, to one of the events where it tells several."""
        if found := _CODE.search(text):
            return found[1]
        several = _ONE_OF_SEVERAL.findall(text)
        return self._random.choice(several) if several else None

    async def _post(self, record: Record) -> None:
        blocks = slack._addressed(record.attempt) or []
        buttons = [e for b in blocks if b.get("type") == "actions" for e in b.get("elements", [])[:1] if "value" in e]
        if not buttons or self._random.random() >= self._mix.people.presses_button:
            return
        await asyncio.sleep(self._random.expovariate(1 / 60))
        people = [p for p in self._roster.people.values() if p.address(ChannelName.SLACK_DM)]
        own = self._roster.person_at(ChannelName.SLACK_DM, record.attempt.address)
        person = own or self._random.choice(people)
        answer = self._answer()
        pressed = self._random.choice(buttons) if len(buttons) > 1 else buttons[0]
        about = slack_interactions.about(pressed["value"])
        channel, _, ts = record.sid.partition("/")
        action = slack_interactions.SlackAction(
            user_id=person.address(ChannelName.SLACK_DM) or "",
            action_id=slack_interactions.ACKNOWLEDGE
            if answer is Answer.ACKNOWLEDGE
            else slack_interactions.CANNOT_COMPLY,
            value=pressed["value"],
            channel=channel,
            ts=ts,
            response_url="",
        )

        async def take(service: Service) -> Heard:
            await slack_actions.press(service, action)
            return Heard.LOST  # Slack hears nothing but 200: whether it counts shows in the thread

        pressed_under = (about.event_pk or "", about.revision or 1)
        await self._answered(record, person.id, answer, take, lambda: pressed_under)

    async def _answered(
        self,
        record: Record,
        person: str,
        answer: Answer,
        take: Callable[[Service], Awaitable[Heard]],
        about: Callable[[], tuple[str, int] | None] = lambda: None,
        named: tuple[str, ...] = (),
    ) -> Heard:
        loop = asyncio.get_running_loop()
        at = loop.time()
        heard = await self._call_us(f"{person} {answer}", take)
        found = Heard.LOST if heard is LOST else heard
        attempt = record.attempt.id
        self._vendors.answers.append(Answered(at, loop.time(), person, answer, attempt, found, about(), named))
        return found

    def _answer(self) -> Answer:
        cannot = self._random.random() < self._mix.people.cannot
        return Answer.CANNOT_COMPLY if cannot else Answer.ACKNOWLEDGE
