"""The people of a story: what their phones rang, said and received. What a story does not expect is a surprise."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2

from sandbox import World as StandIns
from sandbox.feed import Entry
from sandbox.twilio.twiml import Gather, Message, Say, parse

REPLY = re.compile(r"Reply 1([A-Z]+)=ACK 2\1=CANNOT")
PART = re.compile(r" \((\d)/(\d)(?: [^()]*)?\)$")

Moment = Callable[[datetime], str]


@dataclass(slots=True)
class Call:
    """One ring of a phone. `script`: what it would say from the start; `heard`: what was said to the person."""

    phone: "Phone"
    sid: str
    at: str
    script: str
    heard: list[str] = field(default_factory=list)
    answered_at: str | None = None
    ended_at: str | None = None
    ended: str | None = None
    expected: bool = False

    async def presses(self, digits: str) -> "Call":
        """Pick up, if it still rings, and press."""
        await self.phone.put("post", "press", {"digits": digits})
        return self

    async def is_answered(self) -> "Call":
        await self.phone.put("post", "answer", None)
        return self

    async def is_declined(self) -> "Call":
        await self.phone.put("post", "hangup", None)
        return self

    def __str__(self) -> str:
        return f"call at {self.at}, ended {self.ended or 'not yet'}: {self.script[:300]}"


@dataclass(slots=True)
class Text:
    """One message, all its parts together. `code`: what an answer to it carries."""

    at: str
    text: str
    parts: int = 1
    of: int = 1
    expected: bool = False
    how: str = "text"

    @property
    def code(self) -> str:
        found = REPLY.search(self.text)
        assert found, f"no answer is asked for: {self.text}"
        return found[1]

    def __str__(self) -> str:
        return f"{self.how} at {self.at}: {self.text}"


class Phone:
    """A person's phone, with their direct messages in Slack."""

    def __init__(
        self, name: str, number: str, slack: str | None, standins: StandIns, client: httpx2.AsyncClient
    ) -> None:
        self.name = name
        self.number = number
        self.slack = slack
        self.calls: list[Call] = []
        self.texts: list[Text] = []
        self._standins = standins
        self._client = client

    # --- what the person does ---------------------------------------------------------------------------------------

    async def put(self, method: str, what: str, body: dict[str, Any] | None) -> dict[str, Any]:
        url = f"/phones/{self.number}" + (f"/{what}" if what else "")
        answer = await self._client.request(method.upper(), url, json=body)
        assert answer.status_code == 200, f"{self.name}: {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    async def behaves(self, **programme: Any) -> None:
        """See sandbox.phones.Behaviour: answer, after_seconds, press, press_after_seconds, talk_seconds, reply."""
        await self.put("put", "", programme)

    async def says(self, body: str) -> str:
        """Text to us; what is texted back, "" for nothing."""
        answer = (await self.put("post", "sms", {"body": body}))["answer"]
        assert answer["status"] == 200, answer
        return " ".join(verb.text for verb in parse(answer["body"]) if isinstance(verb, Message))

    def rings(self) -> bool:
        """Does it ring now?"""
        call = self._standins.calls.of(self.number)
        return call is not None and call.status == "ringing"

    # --- what the story expects -------------------------------------------------------------------------------------

    def expects_call(self, *contains: str, at: str | None = None) -> Call:
        """The next call not yet expected; it must say all of `contains` and have begun to ring `at`."""
        call = next((c for c in self.calls if not c.expected), None)
        assert call is not None, f"{self.name}: no call came\n{self}"
        call.expected = True
        _check(f"{self.name}'s call", call.script, contains, call.at, at)
        return call

    def expects_text(self, *contains: str, at: str | None = None) -> Text:
        """The next text not yet expected that has all of `contains`; it must have come `at`."""
        return self._expects("text", contains, at)

    def expects_direct_message(self, *contains: str, at: str | None = None) -> Text:
        return self._expects("direct message", contains, at)

    def _expects(self, how: str, contains: tuple[str, ...], at: str | None) -> Text:
        found = [t for t in self.texts if t.how == how and not t.expected]
        text = next((t for t in found if all(c in t.text for c in contains)), None)
        assert text is not None, f"{self.name}: no {how} with {contains}\n{self}"
        text.expected = True
        _check(f"{self.name}'s {how}", text.text, contains, text.at, at)
        return text

    def expects_everything(self) -> None:
        """Whoever says so looks at what came by other means."""
        for item in [*self.calls, *self.texts]:
            item.expected = True

    def surprises(self) -> Iterator[str]:
        """What came and was not expected, and texts of which a part never came."""
        for item in [*self.calls, *self.texts]:
            if not item.expected:
                yield f"{self.name}: unexpected {item}"
            elif isinstance(item, Text) and item.parts != item.of:
                yield f"{self.name}: incomplete {item}"

    def __str__(self) -> str:
        items = [*self.calls, *self.texts]
        return "\n".join(f"  {'expected' if i.expected else 'NEW'} {i}" for i in items) or "  nothing came"

    # --- what the stand-ins tell ------------------------------------------------------------------------------------

    def take(self, entry: Entry, at: str) -> None:
        if entry.channel == "voice":
            self._take_voice(entry, at)
        elif entry.event == "received" and entry.raw.get("direction") != "outbound-reply":
            self._take_text(entry.text, at)

    def take_direct_message(self, text: str, at: str) -> None:
        self.texts.append(Text(at, text, how="direct message"))

    def _take_voice(self, entry: Entry, at: str) -> None:
        sid = entry.raw.get("sid") or entry.raw.get("CallSid")
        if entry.event == "ringing":
            twiml = self._standins.calls.by_sid[str(sid)].order.twiml
            self.calls.append(Call(self, str(sid), at, _script(twiml or "<Response/>")))
            return
        call = next((c for c in self.calls if c.sid == sid), None)
        if call is None:
            return  # it waits for its turn, or was cancelled while it did
        if entry.event == "answered":
            call.answered_at = at
        elif entry.event == "spoken":
            call.heard.append(entry.text)
        elif entry.event.startswith("ended:"):
            call.ended, call.ended_at = entry.event.removeprefix("ended:"), at

    def _take_text(self, text: str, at: str) -> None:
        match = PART.search(text)
        if match is None:
            self.texts.append(Text(at, text))
            return
        number, of, words = int(match[1]), int(match[2]), text[: match.start()]
        begun = next((t for t in self.texts if t.of == of and t.parts == number - 1 and t.of > 1), None)
        if number == 1:
            self.texts.append(Text(at, words, of=of))
        elif begun is not None:
            begun.text, begun.parts = f"{begun.text} {words}", number
        else:
            self.texts.append(Text(at, f"part out of order: {text}", of=of, parts=0))


def _script(twiml: str) -> str:
    """The sentences of a call, each once."""
    said: list[str] = []
    for verb in parse(twiml):
        prompts = verb.prompts if isinstance(verb, Gather) else (verb,)
        said += [p.text for p in prompts if isinstance(p, Say)]
    return " ".join(dict.fromkeys(said))


def _check(what: str, text: str, contains: tuple[str, ...], at: str, expected_at: str | None) -> None:
    missing = [c for c in contains if c not in text]
    assert not missing, f"{what} does not say {missing}: {text}"
    assert expected_at in (None, at), f"{what} came at {at}, not at {expected_at}: {text}"


def story_time(start: datetime) -> Moment:
    """Instants as a story tells them: "m:ss" since its start, with a fraction where there is one."""

    def moment(at: datetime) -> str:
        since = at - start
        minutes, rest = divmod(since, timedelta(minutes=1))
        fraction = f".{rest.microseconds:06}".rstrip("0") if rest.microseconds else ""
        return f"{minutes}:{rest.seconds:02}{fraction}"

    return moment
