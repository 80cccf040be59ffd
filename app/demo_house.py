"""One Gridcall on the stage: its address, its people, their phones, and what happened to its events."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from app.demo_stage import Failed, Feed, Http, Message, require
from app.serve import DEMO_ROSTER
from intake.examples import example
from model.clock import SystemClock
from model.ids import SystemIds

SOURCE = "miso-fast"
SLACK = "C0OPS"
AWAKE, ASLEEP, BACKUP = ("ana", "ben"), ("chie",), ("dee", "eli")
SETTLE_SECONDS = 20.0
ON_ITS_WAY = ("pending", "sending", "unknown", "sent")


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    phone: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Posted:
    """An event that was accepted; `at` is when Gridcall received it."""

    event: dict[str, Any]
    at: datetime

    @property
    def id(self) -> str:
        return str(self.event["event_id"])


def demo_roster() -> Any:
    """As plain text throughout: YAML would take a phone number for a number."""
    return yaml.load(DEMO_ROSTER.read_text(), yaml.BaseLoader)  # noqa: S506 - makes nothing but text


class House:
    """`posts` speaks as the upstream system, `api` as an administrator, `standins` to the phones."""

    def __init__(self, api_url: str, standins_url: str) -> None:
        self.posts = Http(api_url, "demo-fast")
        self.api = Http(api_url, "demo-admin")
        self.standins = Http(standins_url)
        self.feed = Feed(self.standins)
        people = demo_roster()["people"]
        self.people = {i: Person(i, p["name"], p["phone"], p["timezone"]) for i, p in people.items()}
        self._posted: list[str] = []
        self._by_phone = {p.phone: p for p in self.people.values()}

    def close(self) -> None:
        for http in (self.posts, self.api, self.standins):
            http.close()

    # --- phones -----------------------------------------------------------------------------------------------------

    def scene(self, name: str) -> None:
        """The story before comes to rest; then every phone behaves as the scene says, and a new story begins."""
        self.wait("every phone to be quiet and every text to be there", self._at_rest, SETTLE_SECONDS)
        self._posted.clear()
        for person in self.people.values():
            self.standins.json("DELETE", f"/phones/{person.phone}")
        self.standins.json("PUT", "/scene", json={"scene": name})
        self.feed.start()

    def _at_rest(self) -> bool:
        phones = self.standins.json("GET", "/phones")["phones"]
        if self.standins.json("GET", "/state")["busy"] or any(p["state"] != "idle" for p in phones):
            return False
        rows = [row for event_id in self._posted for row in self.event(event_id)["plan"]["notifications"]]
        return not any(row["state"] in ON_ITS_WAY for row in rows if row["channel"] == "sms")

    def phone(self, person: str, **behaviour: Any) -> None:
        self.standins.json("PUT", f"/phones/{self.people[person].phone}", json=behaviour)

    def who(self, number: str) -> str:
        found = self._by_phone.get(number)
        return found.id if found else number

    def voice(self, event: str, messages: Iterable[Message] | None = None) -> list[tuple[str, Message]]:
        """(person, line) of every voice line of that kind, such as "queued" (called) or "pressed"."""
        lines = self.feed.seen if messages is None else messages
        return [(self.who(m.to), m) for m in lines if m.channel == "voice" and m.event.startswith(event)]

    def called(self) -> list[str]:
        """Whom Twilio was asked to call in this story, once for each call."""
        return [person for person, _ in self.voice("queued")]

    def texted(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for m in self.feed.seen:
            if m.channel == "sms" and m.event == "received":
                found.setdefault(self.who(m.to), []).append(m.text)
        return found

    def slack(self, words: str = "") -> list[Message]:
        return [m for m in self.feed.seen if m.channel == "slack" and m.event == "posted" and words in m.text]

    def pager(self, action: str) -> list[Message]:
        return [m for m in self.feed.seen if m.channel == "pagerduty" and m.event == action]

    # --- waiting ----------------------------------------------------------------------------------------------------

    def wait_call(self, person: str, seconds: float, event: str = "queued") -> Message:
        """Until that person's phone is called (or what else `event` says)."""
        return self.feed.until(
            f"{self.people[person].name}'s phone: {event}",
            lambda seen: next((m for p, m in self.voice(event, seen) if p == person), None),
            seconds,
        )

    def wait(self, expected: str, found: Callable[[], Any], seconds: float) -> Any:
        return self.feed.until(expected, lambda _: found(), seconds)

    # --- events -----------------------------------------------------------------------------------------------------

    def example(self, kind: str, event_id: str | None = None) -> dict[str, Any]:
        now = SystemClock().now()
        return example(kind, now, event_id or f"DEMO-{now:%H%M%S}-{SystemIds().code(4)}", speed="fast")

    def post(self, event: dict[str, Any]) -> Posted:
        answer = self.posts("POST", "/v1/events", json=event)
        if answer.status_code != 202:
            raise Failed(f"the event to be accepted with 202, not {answer.status_code}: {answer.text[:300]}")
        self._posted.append(str(event["event_id"]))
        return Posted(event, datetime.fromisoformat(answer.json()["received_at"]))

    def verdict(self, event_id: str, seconds: float = SETTLE_SECONDS) -> dict[str, Any]:
        """The event's verdict by the API, waited for."""

        def look(_: list[Message]) -> dict[str, Any] | None:
            found = self.event(event_id).get("verdict")
            return found if found else None

        return self.feed.until(f"a verdict on {event_id}", look, seconds)

    def require_calls(self, *people: str, perhaps: Sequence[str] = ()) -> None:
        """Exactly those people were called in this story, each once; those of `perhaps` once or not at all."""
        self.feed.read()
        called = Counter(self.called())
        wanted = Counter([*people, *(p for p in perhaps if p in called)])
        require(called == wanted, f"one call each to {', '.join(people) or 'nobody'}; there were {dict(called)}")

    def require_met(self, event_id: str) -> str:
        """The event's verdict is that it was accepted in time. Returns its reason."""
        verdict = self.verdict(event_id)
        require(verdict["outcome"] == "met", f"the verdict on {event_id} to be met, not {verdict}")
        return str(verdict["reason"])

    def event(self, event_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.json("GET", f"/v1/events/{SOURCE}/{event_id}")
        return found


def clock_at(instant: str, timezone: str) -> str:
    """ "11:32" of an instant in somebody's zone, as texts say it."""
    return f"{datetime.fromisoformat(instant).astimezone(ZoneInfo(timezone)):%H:%M}"


def holds(text: str, *words: str) -> list[str]:
    """Those of `words` that are missing in `text`."""
    return [word for word in words if not re.search(re.escape(word), text)]
