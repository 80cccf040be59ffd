"""The stories of `make demo`, in the order they are played. Each says what must happen and fails when it does not."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from app.demo_house import ASLEEP, AWAKE, BACKUP, House, Posted, clock_at, holds
from app.demo_stage import Message, require
from model.clock import SystemClock

Ok = Callable[[str], None]

PRESSES = {"answer": "human", "after_seconds": 1, "press": ["1"], "press_after_seconds": 1, "talk_seconds": 3}
DUPLICATES = 30


def seconds_between(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


# --- ring and accept ------------------------------------------------------------------------------------------------


def ring_and_accept(house: House, ok: Ok) -> None:
    """The awake are called at once; the first who accepts ends it."""
    house.scene("first person accepts")
    posted = house.post(house.example("edr"))
    slack: Message = house.wait("a line in Slack", lambda: next(iter(house.slack()), None), 5)
    pager: Message = house.wait("an alert in PagerDuty", lambda: next(iter(house.pager("trigger")), None), 5)
    slowest = max(seconds_between(posted.at, m.at) for m in (slack, pager))
    require(slowest <= 2, f"Slack and PagerDuty to know within 2 s, not {slowest:.1f}")
    ok(f"Slack and PagerDuty know {slowest:.1f} s after the event was received")
    for person in AWAKE:
        house.wait_call(person, 5, "ringing")
    ok("the phones of those awake ring, Chie sleeps on")
    _texts_are_right(house, posted)
    ok("the texts say what, where, by when on both clocks and until when")
    house.feed.until("somebody to press 1", lambda seen: house.voice("pressed", seen), 15)
    first = house.voice("pressed")[0][0]
    other = next(p for p in AWAKE if p != first)
    house.wait_call(other, 10, "ended")
    ok(f"{house.people[first].name} presses 1, the call to {house.people[other].name} ends")
    ok(f"the verdict is met: {house.require_met(posted.id)}")
    house.require_calls(*AWAKE)
    house.wait("nothing to be left to send, and no step to be left", lambda: not _left(house, posted), 5)
    ok("nobody else was called, nothing is left to send")


def _left(house: House, posted: Posted) -> list[object]:
    """What of the timetable is still to come."""
    plan = house.event(posted.id)["plan"]
    return [n for n in plan["notifications"] if n["state"] == "pending"] + [a for a in plan["agenda"] if a["step"]]


def _texts_are_right(house: House, posted: Posted) -> None:
    texted = house.wait("texts to both", lambda: t if set(t := house.texted()) >= set(AWAKE) else None, 5)
    for person in AWAKE:
        text, start = " ".join(texted[person]), posted.event["effective_at"]
        own = clock_at(start, house.people[person].timezone)
        wanted = ("12.5 MW", "Foundry 1", own, f"{clock_at(start, 'Etc/GMT+5')} EST", "until released")
        require(not (missing := holds(text, *wanted)), f"{missing} in the text to {person}: {text}")


# --- cancelled ------------------------------------------------------------------------------------------------------


def cancelled(house: House, ok: Ok) -> None:
    """A cancel reaches exactly those who were told."""
    house.scene("nobody answers")
    posted = house.post(house.example("edr"))
    for person in AWAKE:
        house.wait_call(person, 5, "ringing")
    house.wait("texts to both", lambda: set(house.texted()) >= set(AWAKE), 5)
    ended = house.post(house.example("cancel", posted.id))

    def stood_down() -> set[str]:
        return {p for p, texts in house.texted().items() if any("CANCEL" in t.upper() for t in texts)}

    house.wait("a text that it is cancelled to both", lambda: stood_down() >= set(AWAKE), 8)
    house.wait("a line in Slack that it is cancelled", lambda: house.slack("CANCEL"), 5)
    house.wait("PagerDuty's alert to be resolved", lambda: house.pager("resolve"), 8)
    for person in AWAKE:
        house.wait_call(person, 5, "ended")
    took = max(seconds_between(ended.at, m.at) for m in house.feed.seen if m.event == "received")
    ok(f"{took:.1f} s after the cancel everybody who was rung has read it; the phones are quiet, PagerDuty is resolved")
    # The sleeping group was due at +10 s and the story before had its backup at +20 s: neither may come now.
    _wait_until_past(house, posted.at, 12)
    house.require_calls(*AWAKE)
    require(set(house.texted()) == set(AWAKE), f"texts to {AWAKE} only, not to {set(house.texted())}")
    ok("nobody else is called or texted, not even when the next ones would have been due")


def _wait_until_past(house: House, start: datetime, seconds: float) -> None:
    """Until so much time has passed since `start`: what was due by then would have come."""
    clock = SystemClock()
    house.wait(f"{seconds:g} s to pass", lambda: seconds_between(start, clock.now()) > seconds, seconds + 5)


# --- duplicates -----------------------------------------------------------------------------------------------------


def duplicates(house: House, ok: Ok) -> None:
    """The same event thirty times at once is one event."""
    house.scene("first person accepts")
    event = house.example("edr")

    def post(_: int) -> tuple[int, dict[str, object]]:
        answer = house.posts("POST", "/v1/events", json=event, headers={"Prefer": "wait=5"})
        return answer.status_code, answer.json()

    with ThreadPoolExecutor(DUPLICATES) as pool:
        answers = list(pool.map(post, range(DUPLICATES)))
    statuses = Counter(status for status, _ in answers)
    require(statuses == {202: DUPLICATES}, f"{DUPLICATES} answers 202, not {dict(statuses)}")
    first = [body for _, body in answers if body["duplicate"] is False]
    require(len(first) == 1, f"one answer that is no duplicate, not {len(first)}: {answers[:3]}")
    said = [body for _, body in answers if body["duplicate"] and "nobody is called again" in str(body["detail"])]
    require(len(said) == DUPLICATES - 1, f"{DUPLICATES - 1} answers that say duplicate, not {len(said)}")
    ok(f"{DUPLICATES} at once: one is new, {DUPLICATES - 1} are told that nobody is called again")
    posted = Posted(event, datetime.fromisoformat(str(first[0]["received_at"])))
    house.require_met(posted.id)
    house.require_calls(*AWAKE)
    twice = {p: texts for p, texts in house.texted().items() if len(texts) != len(set(texts))}
    require(not twice, f"every text once, not {twice}")
    require(len(house.pager("trigger")) == 1, "one alert in PagerDuty")
    ok("each phone rang once, each text came once")


# --- nobody answers -------------------------------------------------------------------------------------------------


def nobody_answers(house: House, ok: Ok) -> None:
    """Those who sleep are woken at +10 s, the backup is called at +20 s."""
    house.scene("nobody answers")
    for person in BACKUP:
        house.phone(person, **PRESSES)
    posted = house.post(house.example("edr"))
    woken = house.wait_call(ASLEEP[0], 16)
    after = seconds_between(posted.at, woken.at)
    require(10 <= after <= 13, f"the sleeping to be called 10 s after the event, not {after:.1f}")
    require(not set(house.called()) & set(BACKUP), f"the backup not to be called yet: {house.called()}")
    ok(f"nobody answers: Chie is woken after {after:.1f} s")
    backup = house.feed.until(
        "the backup to be called", lambda seen: [m for p, m in house.voice("queued", seen) if p in BACKUP], 16
    )[0]
    after = seconds_between(posted.at, backup.at)
    require(20 <= after <= 23, f"the backup to be called 20 s after the event, not {after:.1f}")
    name = house.who(backup.to)
    ok(f"the backup, {house.people[name].name}, is called after {after:.1f} s")
    ok(f"and accepts: {house.require_met(posted.id)}")
    house.require_calls(*AWAKE, *ASLEEP, name)


def cannot_comply(house: House, ok: Ok) -> None:
    """Whoever cannot comply hands on to the next at once."""
    house.scene("nobody answers")
    house.phone(AWAKE[1], **PRESSES | {"press": ["2"]})
    house.phone(ASLEEP[0], **PRESSES)
    posted = house.post(house.example("edr"))
    declined = house.wait_call(AWAKE[1], 10, "pressed")
    following = house.wait_call(ASLEEP[0], 5)
    after = seconds_between(declined.at, following.at)
    require(after <= 2, f"the next person to be called within 2 s of the key, not after {after:.1f}")
    early = seconds_between(posted.at, following.at)
    require(early < 10, f"the next person before their turn at 10 s, not after {early:.1f}")
    ok(f"Ana does not answer, Ben presses 2 (cannot comply): Chie is called {after:.1f} s later, before her turn")
    ok(f"she accepts: {house.require_met(posted.id)}")
    house.require_calls(*AWAKE, *ASLEEP)
