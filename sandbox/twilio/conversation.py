"""A call from ringing to its end: it rings a phone, speaks TwiML to it, and listens for keys.

Everything that can interrupt a call (its end, a redirect, a key, a hand that picks up) sets `call.wake`; everything it
waits for goes through `_wait`, so an order is obeyed at the instant it is given.
"""

import logging
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

from sandbox.activity import Activity
from sandbox.courier import Courier
from sandbox.feed import Feed
from sandbox.phones import Behaviour
from sandbox.settings import Settings
from sandbox.signing import Form
from sandbox.twilio.call import Call, Status
from sandbox.twilio.twiml import Gather, Hangup, Message, Pause, Redirect, Say, TwimlError, Verb, parse

log = logging.getLogger(__name__)

DETECTION = timedelta(seconds=4)
GREETING = timedelta(seconds=8)
NEXT_KEY = timedelta(seconds=2)
VOICEMAIL_SECONDS = 60.0
APOLOGY = "We are sorry. An application error has occurred. Goodbye."


class Ended(Exception):
    """Not an error: unwinds the script of a call that is over."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


class Redirected(Exception):
    """Unwinds to where another document takes over."""

    def __init__(self, target: list[Verb] | str) -> None:
        super().__init__("redirected")
        self.target = target


class Conversation:
    """Plays one call against one phone."""

    def __init__(
        self,
        call: Call,
        phone: Behaviour,
        *,
        settings: Settings,
        activity: Activity,
        courier: Courier,
        feed: Feed,
    ) -> None:
        self._call = call
        self._phone = phone
        self._settings = settings
        self._activity = activity
        self._courier = courier
        self._feed = feed
        self._presses = list(phone.press) if phone.answer == "human" else []
        self._press_at: datetime | None = None
        self._hang_up_at: datetime | None = None
        self._url = call.order.url or ""

    async def run(self) -> Status:
        """Play the call and return how it ended."""
        try:
            await self._ring()
            self._answer()
            await self._talk()
        except Ended as end:
            return end.status
        return "completed"

    def _now(self) -> datetime:
        return self._activity.clock.now()

    async def _ring(self) -> None:
        """Return when somebody or something picks up. Raises Ended."""
        started = self._now()
        act_at = started + timedelta(seconds=self._phone.after_seconds)
        give_up_at = started + timedelta(seconds=self._call.order.ring_seconds)
        while True:
            self._obey()
            if self._call.picked_up:
                self._by_hand()
                return
            if self._now() >= give_up_at:
                raise Ended("no-answer")
            if self._phone.answer != "no-answer" and self._now() >= act_at:
                break
            await self._doze(give_up_at if self._phone.answer == "no-answer" else min(act_at, give_up_at))
        if self._phone.answer in ("busy", "failed"):
            raise Ended("busy" if self._phone.answer == "busy" else "failed")

    def _by_hand(self) -> None:
        """From here on the person at the page decides, not the programme."""
        self._phone = Behaviour(answer="human")
        self._presses = []

    def _answer(self) -> None:
        now = self._now()
        call = self._call
        call.status, call.answered_at, call.updated_at = "in-progress", now, now
        call.notify("answered", now)
        self._feed.add("voice", call.order.to, self._phone.answer, "answered", call.resource())
        self._press_at = now + timedelta(seconds=self._phone.press_after_seconds)
        talk = self._phone.talk_seconds
        if talk is None and self._phone.answer == "voicemail":
            talk = VOICEMAIL_SECONDS
        limit = self._call.order.limit_seconds
        self._hang_up_at = now + timedelta(seconds=limit if talk is None else min(talk, limit))

    async def _detect(self) -> None:
        """Find out who answered: before a word is spoken, or meanwhile when the caller wants it so (AsyncAmd)."""
        if self._call.order.detection is None:
            return
        if not self._call.order.detection_aside:
            await self._wait(self._now() + DETECTION)
            self._call.answered_by = self._verdict()
        else:
            self._activity.spawn(self._detect_aside(self._call.order.detection_url), f"detection {self._call.sid}")

    async def _detect_aside(self, url: str | None) -> None:
        machine_end = self._phone.answer == "voicemail" and self._call.order.detection == "DetectMessageEnd"
        length = GREETING if machine_end else DETECTION
        await self._activity.sleep_until(self._now() + length)
        if self._call.ended:
            return
        self._call.answered_by = self._verdict()
        if url is None or self._courier.disorder == "lose_detection":
            return
        form = [
            ("CallSid", self._call.sid),
            ("AccountSid", self._call.account_sid),
            ("AnsweredBy", self._call.answered_by),
            ("MachineDetectionDuration", str(int(length.total_seconds() * 1000))),
        ]
        await self._courier.twilio(url, form)

    def _verdict(self) -> str:
        if self._phone.answer == "human":
            return "human"
        return "machine_start" if self._call.order.detection == "Enable" else "machine_end_beep"

    async def _talk(self) -> None:
        """Execute TwiML until it ends. Raises Ended."""
        verbs = await self._or_redirected(self._begin())
        while verbs is not None:
            verbs = await self._or_redirected(self._perform(verbs))

    async def _or_redirected(self, step: Coroutine[Any, Any, list[Verb] | None]) -> list[Verb] | None:
        """Take one step; a redirect that comes meanwhile replaces what it returns."""
        try:
            return await step
        except Redirected as redirected:
            target = redirected.target
        return await self._fetch(target, []) if isinstance(target, str) else target

    async def _begin(self) -> list[Verb]:
        await self._detect()
        twiml = self._call.order.twiml
        return await self._fetch(self._url, []) if twiml is None else self._parse(twiml)

    async def _perform(self, verbs: list[Verb]) -> list[Verb] | None:
        """Execute `verbs`. Return the document that takes over, None when the call is to end."""
        for verb in verbs:
            match verb:
                case Say() | Pause():
                    await self._prompt(verb)
                case Gather():
                    digits = await self._gather(verb)
                    if digits or verb.action_on_empty:
                        return await self._fetch(verb.action, [("Digits", digits)])
                case Redirect(url):
                    return await self._fetch(url, [])
                case Hangup():
                    return None
                case Message():
                    log.warning("call %s: a message has no place in a call", self._call.sid)
        return None

    async def _prompt(self, verb: Say | Pause, *, listening: bool = False) -> bool:
        """Speak or be silent. Return True when a key cut it short."""
        if isinstance(verb, Pause):
            return await self._wait(self._now() + timedelta(seconds=verb.seconds), listening=listening)
        self._call.transcript.append(verb.text)
        self._feed.add("voice", self._call.order.to, verb.text, "spoken", {"CallSid": self._call.sid})
        length = timedelta(seconds=max(1.0, len(verb.text) / self._settings.speech_chars_per_second))
        return await self._wait(self._now() + length, listening=listening)

    async def _gather(self, gather: Gather) -> str:
        """Return the keys pressed, empty when there were none."""
        self._call.gathering = True
        try:
            if not await self._any_key(gather):
                return ""
            return await self._digits(gather)
        finally:
            self._call.gathering = False

    async def _any_key(self, gather: Gather) -> bool:
        for prompt in gather.prompts:
            if await self._prompt(prompt, listening=True):
                return True
        return await self._wait(self._now() + timedelta(seconds=gather.timeout_seconds), listening=True)

    async def _digits(self, gather: Gather) -> str:
        digits = ""
        while self._call.keys:
            key = self._call.keys.pop(0)
            if key and key in gather.finish_on_key:
                break
            digits += key
            if gather.num_digits is not None and len(digits) >= gather.num_digits:
                break
            if not self._call.keys:
                await self._wait(self._now() + timedelta(seconds=gather.timeout_seconds), listening=True)
        return digits

    async def _fetch(self, url: str, extra: Form) -> list[Verb]:
        """Ask the customer's server what comes next."""
        self._url = urljoin(self._url, url)
        if not self._url:
            return self._apologise("no URL to ask")
        answer = await self._courier.twilio(self._url, self._call.standard_fields("in-progress") + extra)
        if not answer.ok:
            return self._apologise(f"{self._url} answered {answer.status}")
        return self._parse(answer.body) if answer.body.strip() else []

    def _parse(self, document: str) -> list[Verb]:
        try:
            return parse(document)
        except TwimlError as error:
            return self._apologise(str(error))

    def _apologise(self, why: str) -> list[Verb]:
        log.warning("call %s to %s: %s", self._call.sid, self._call.order.to, why)
        return [Say(APOLOGY), Hangup()]

    async def _wait(self, until: datetime, *, listening: bool = False) -> bool:
        """Wait for `until`; when listening, return True as soon as a key was pressed. Raises Ended, Redirected."""
        while True:
            self._obey()
            now = self._now()
            if self._hang_up_at is not None and now >= self._hang_up_at:
                raise Ended("completed")
            if listening and self._pressed(now):
                return True
            if now >= until:
                return False
            await self._doze(self._next_instant(until, listening=listening))

    def _next_instant(self, until: datetime, *, listening: bool) -> datetime:
        instants = [until]
        if self._hang_up_at is not None:
            instants.append(self._hang_up_at)
        if listening and self._presses and self._press_at is not None:
            instants.append(self._press_at)
        return min(instants)

    def _pressed(self, now: datetime) -> bool:
        if self._presses and self._press_at is not None and now >= self._press_at:
            press(self._call, self._presses.pop(0), self._feed)
            self._press_at = now + NEXT_KEY
        return bool(self._call.keys)

    def _obey(self) -> None:
        """Carry out what was ordered from outside. Raises Ended, Redirected."""
        self._call.wake.clear()
        if self._call.end_as is not None:
            raise Ended(self._call.end_as)
        if self._call.redirect is not None:
            target, self._call.redirect = self._call.redirect, None
            raise Redirected(target)
        if self._call.picked_up:
            self._presses = []  # a hand at the page has taken over

    async def _doze(self, until: datetime) -> None:
        await self._activity.wait(until, self._call.wake)


def press(call: Call, digits: str, feed: Feed) -> None:
    """Press keys on the phone of `call`; they are heard as soon as the call asks for keys."""
    call.keys += digits
    call.pressed.append(digits)
    feed.add("voice", call.order.to, digits, "pressed", {"CallSid": call.sid, "Digits": digits})
    call.wake.set()
