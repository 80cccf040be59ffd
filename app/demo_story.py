"""The stories of `make demo`, in the order they are played. Each says what must happen and fails when it does not."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from app.demo_house import ASLEEP, AWAKE, BACKUP, SLACK, SOURCE, House, Posted, TwoProcesses, clock_at, holds
from app.demo_stage import Beats, Failed, Message
from model.clock import SystemClock

Ok = Callable[[str], None]

PRESSES = {"answer": "human", "after_seconds": 1, "press": ["1"], "press_after_seconds": 1, "talk_seconds": 3}
DUPLICATES = 30


def require(held: object, expected: str) -> None:
    if not held:
        raise Failed(expected)


def seconds_between(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


def require_calls(house: House, *people: str, perhaps: Sequence[str] = ()) -> None:
    """Exactly those people were called, each once; those of `perhaps` once or not at all."""
    house.feed.read()
    called = Counter(house.called())
    wanted = [*people, *(p for p in perhaps if p in called)]
    require(called == Counter(wanted), f"one call each to {', '.join(people) or 'nobody'}; there were {dict(called)}")


def require_met(house: House, posted: Posted) -> str:
    verdict = house.verdict(posted.id)
    require(verdict["outcome"] == "met", f"the verdict on {posted.id} to be met, not {verdict}")
    return str(verdict["reason"])


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
    ok(f"the verdict is met: {require_met(house, posted)}")
    require_calls(house, *AWAKE)
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
    require_calls(house, *AWAKE)
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
    require_met(house, posted)
    require_calls(house, *AWAKE)
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
    ok(f"and accepts: {require_met(house, posted)}")
    require_calls(house, *AWAKE, *ASLEEP, name)


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
    ok(f"she accepts: {require_met(house, posted)}")
    require_calls(house, *AWAKE, *ASLEEP)


# --- a vendor that swallows its answer ------------------------------------------------------------------------------


def lost_answer(house: House, ok: Ok) -> None:
    """Twilio places the call and its answer is lost: nobody is called twice."""
    house.scene("first person accepts")
    for person in AWAKE:  # Twilio is asked for 5 s, then looked at: longer than that
        house.phone(person, answer="human", after_seconds=5, press=["1"], press_after_seconds=3)
    house.standins.json("PUT", "/faults/twilio", json={"status": "accept_then_hang", "count": 1, "path": "/Calls"})
    posted = house.post(house.example("edr"))
    house.feed.until("somebody to press 1", lambda seen: house.voice("pressed", seen), 25)
    require_met(house, posted)
    require_calls(house, *AWAKE, perhaps=ASLEEP)  # on a slow machine it is her turn before the key
    ok("Twilio accepted a call and never said so: it was looked up, and each phone rang exactly once")


# --- unreadable -----------------------------------------------------------------------------------------------------


def unreadable(house: House, ok: Ok) -> None:
    """What nobody can read is kept, told, repaired and replayed."""
    house.scene("first person accepts")
    bad, good = house.example("bad"), house.example("edr")
    answer = house.posts("POST", "/v1/events", json=bad)
    require(answer.status_code == 422, f"a bad message to be answered 422, not {answer.status_code}")
    kept = answer.json()["unreadable_id"]
    found = house.wait("a line in Slack about it", lambda: house.slack("cannot be read"), 5)
    require_calls(house)
    require(len(found) == 1, f"one line in Slack, not {len(found)}")
    ok("a bad message is answered 422 with its id and what is wrong; Slack has one line, no phone rings")
    house.api.json("PUT", f"/v1/unreadable/{kept}", json={"body": json.dumps(good)})
    house.api.json("POST", f"/v1/unreadable/{kept}/replay")
    for person in AWAKE:
        house.wait_call(person, 5, "ringing")
    reason = require_met(
        house, Posted(good, datetime.fromisoformat(answer.headers.get("date", found[0].at.isoformat())))
    )
    require_calls(house, *AWAKE)
    ok(f"repaired and replayed it rings like any other: {reason}")


# --- silence --------------------------------------------------------------------------------------------------------


def silence(house: House, beats: Beats, ok: Ok) -> None:
    """A source that is silent is an alarm; when it is heard again, those who were told hear that."""
    beats.stop()
    house.scene("nobody answers")
    heard = beats.beat()
    late: Message = house.wait("a line in Slack that the source is late", lambda: next(iter(house.slack()), None), 15)
    after = seconds_between(heard, late.at)
    require(10 <= after <= 12.5, f"the line in Slack 10 s after the last beat, not {after:.1f}")
    ok(f"{SOURCE} is late: Slack knows {after:.1f} s after its last beat")
    rung = house.wait_call(AWAKE[0], 10, "ringing")
    after = seconds_between(heard, rung.at)
    require(15 <= after <= 18, f"the phones to ring 15 s after the last beat, not {after:.1f}")
    house.wait_call(AWAKE[1], 5, "ringing")
    house.wait("texts to both", lambda: set(house.texted()) >= set(AWAKE), 5)
    ok(f"it is silent: the phones ring {after:.1f} s after its last beat")
    before = len(house.feed.seen)
    house.api.json("POST", f"/v1/sources/{SOURCE}/heartbeat")

    def cleared() -> set[str]:
        return {house.who(m.to) for m in house.feed.seen[before:] if m.channel == "sms" and m.event == "received"}

    house.wait("an all-clear by text to both", lambda: cleared() >= set(AWAKE), 8)
    house.wait("an all-clear in Slack", lambda: [m for m in house.slack() if m.n > rung.n], 5)
    for person in AWAKE:
        house.wait_call(person, 5, "ended")
    require_calls(house, *AWAKE)
    require(cleared() == set(AWAKE), f"the all-clear to {AWAKE}, not to {cleared()}")
    ok("heard again: those who were told get the all-clear, and nobody else")


# --- killed ---------------------------------------------------------------------------------------------------------


def killed(play: TwoProcesses, ok: Ok) -> None:
    """kill -9 in the middle of ringing: the next process carries on, and calls nobody a second time."""
    play.start()
    house = play.house
    house.scene("nobody answers")
    house.phone(AWAKE[1], answer="human", after_seconds=3, press=["1"], press_after_seconds=2)
    posted = house.post(house.example("edr"))
    house.feed.until("the first phone to be called", lambda seen: house.voice("queued", seen), 5)
    play.kill()
    house.feed.read()
    before = house.called()
    ok(f"kill -9 as the first phone rings ({', '.join(before)} called)")
    took = play.start()
    # A call that was begun and never reached Twilio is looked for at 3, 10 and 25 s before it is placed again.
    house.wait_call(AWAKE[1], 35)
    ok(f"started again in {took:.1f} s, who was not called yet is called now")
    reason = require_met(house, posted)
    require_calls(house, *AWAKE, perhaps=(*ASLEEP, *BACKUP))  # their turn may come meanwhile
    twice = {p: texts for p, texts in house.texted().items() if len(texts) != len(set(texts))}
    require(not twice, f"every text once, not {twice}")
    require(any(m.to == SLACK for m in house.slack()), "the event in Slack")
    ok(f"told and settled, nobody twice: {reason}")
