"""The stories of `make demo` in which something goes wrong: lost answers, unreadable messages, silence, kill -9."""

import json
from collections.abc import Callable

from app.demo_house import ASLEEP, AWAKE, BACKUP, SLACK, SOURCE, House
from app.demo_servers import TwoProcesses
from app.demo_stage import Beats, Message, require
from app.demo_story import seconds_between

Ok = Callable[[str], None]

# --- a vendor that swallows its answer ------------------------------------------------------------------------------


def lost_answer(house: House, ok: Ok) -> None:
    """Twilio places the call and its answer is lost: nobody is called twice."""
    house.scene("first person accepts")
    for person in AWAKE:  # Twilio is asked for 5 s, then looked at: longer than that
        house.phone(person, answer="human", after_seconds=5, press=["1"], press_after_seconds=3)
    house.standins.json("PUT", "/faults/twilio", json={"status": "accept_then_hang", "count": 1, "path": "/Calls"})
    posted = house.post(house.example("edr"))
    house.feed.until("somebody to press 1", lambda seen: house.voice("pressed", seen), 25)
    house.require_met(posted.id)
    house.require_calls(*AWAKE, perhaps=ASLEEP)  # on a slow machine it is her turn before the key
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
    house.require_calls()
    require(len(found) == 1, f"one line in Slack, not {len(found)}")
    ok("a bad message is answered 422 with its id and what is wrong; Slack has one line, no phone rings")
    house.api.json("PUT", f"/v1/unreadable/{kept}", json={"body": json.dumps(good)})
    house.api.json("POST", f"/v1/unreadable/{kept}/replay")
    for person in AWAKE:
        house.wait_call(person, 5, "ringing")
    reason = house.require_met(good["event_id"])
    house.require_calls(*AWAKE)
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
    house.api.json("POST", f"/v1/sources/{SOURCE}/heartbeat")

    def cleared() -> set[str]:
        return {person for person, texts in house.texted().items() if any("heard again" in t for t in texts)}

    house.wait("an all-clear by text to both", lambda: cleared() >= set(AWAKE), 8)
    house.wait("an all-clear in Slack", lambda: house.slack("heard again"), 5)
    for person in AWAKE:
        house.wait_call(person, 5, "ended")
    house.require_calls(*AWAKE)
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
    reason = house.require_met(posted.id)
    house.require_calls(*AWAKE, perhaps=(*ASLEEP, *BACKUP))  # their turn may come meanwhile
    twice = {p: texts for p, texts in house.texted().items() if len(texts) != len(set(texts))}
    require(not twice, f"every text once, not {twice}")
    house.wait("the event in Slack", lambda: [m for m in house.slack() if m.to == SLACK], 35)
    ok(f"told and settled, nobody twice: {reason}")
