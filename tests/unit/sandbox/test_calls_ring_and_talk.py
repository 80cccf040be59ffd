"""A call rings a phone, speaks, hears keys, and tells the customer each step."""

from datetime import timedelta
from itertools import pairwise

import pytest

from sandbox.signing import twilio_signature

from .conftest import ANA, BO, CUSTOMER, Stage, Staging

MENU = (
    f'<Response><Gather numDigits="1" timeout="10" action="{CUSTOMER}/menu"><Say>Reduce 12.5 megawatts. Press 1.</Say>'
    "</Gather><Say>No answer.</Say></Response>"
)
THANKS = "<Response><Say>Thank you.</Say><Hangup/></Response>"
ALL_EVENTS = ["initiated", "ringing", "answered", "completed"]


async def test_the_default_scene_picks_up_and_presses_1(stage: Stage) -> None:
    stage.customer.twiml["/menu"] = THANKS
    call = await stage.call(Twiml=MENU)
    assert call["status"] == "queued"
    assert call["start_time"] is None
    await stage.advance(1)
    assert await stage.status(call) == "ringing"
    await stage.advance(2)
    assert await stage.status(call) == "in-progress"
    await stage.advance(20)
    assert await stage.feed() == [
        ("queued", "call from +15550100"),
        ("ringing", "call from +15550100"),
        ("answered", "human"),
        ("spoken", "Reduce 12.5 megawatts. Press 1."),
        ("pressed", "1"),
        ("spoken", "Thank you."),
        ("ended:completed", "Reduce 12.5 megawatts. Press 1. / Thank you."),
    ]
    assert stage.customer.got("/menu")[0]["Digits"] == "1"


async def test_the_key_comes_8_seconds_after_the_first_ring(stage: Stage) -> None:
    await stage.call(Twiml=MENU)
    await stage.advance(7.9)
    assert "pressed" not in await stage.events()
    await stage.advance(0.1)
    assert "pressed" in await stage.events()


async def test_no_key_falls_through_to_the_next_verb(stage: Stage) -> None:
    await stage.put(f"/phones/{ANA}", answer="human")
    await stage.call(Twiml=MENU)
    await stage.advance(60)
    assert stage.customer.got("/menu") == []
    assert ("spoken", "No answer.") in await stage.feed()


async def test_status_callbacks_come_in_order_and_signed(stage: Stage) -> None:
    url = f"{CUSTOMER}/status?attempt=7"
    await stage.call(StatusCallback=url, StatusCallbackEvent=ALL_EVENTS)
    await stage.advance(60)
    forms = stage.customer.got("/status?attempt=7")
    assert [form["CallStatus"] for form in forms] == ["initiated", "ringing", "in-progress", "completed"]
    assert [form["SequenceNumber"] for form in forms] == ["0", "1", "2", "3"]
    assert (forms[-1]["CallDuration"], forms[-1]["Duration"]) == ("1", "1")
    for _, form, headers, _ in stage.customer.calls:
        expected = twilio_signature(stage.world.settings.twilio_auth_token, url, list(form.items()))
        assert headers["x-twilio-signature"] == expected


async def test_only_the_end_is_told_unless_more_is_asked(stage: Stage) -> None:
    await stage.call(StatusCallback=f"{CUSTOMER}/status")
    await stage.advance(60)
    assert [form["CallStatus"] for form in stage.customer.got("/status")] == ["completed"]


@pytest.mark.parametrize(
    ("switch", "order"),
    [
        ("swap", ["ringing", "initiated", "completed", "in-progress"]),
        ("duplicate", [status for status in ["initiated", "ringing", "in-progress", "completed"] for _ in "12"]),
    ],
)
async def test_callbacks_can_be_disordered(stage: Stage, switch: str, order: list[str]) -> None:
    await stage.put("/faults/twilio", callbacks=switch)
    await stage.call(StatusCallback=f"{CUSTOMER}/status", StatusCallbackEvent=ALL_EVENTS)
    await stage.advance(60)
    assert [form["CallStatus"] for form in stage.customer.got("/status")] == order


@pytest.mark.parametrize(
    ("fragment", "answers", "heard"),
    [
        ("", [503], 1),  # lost: by itself Twilio asks again only where it could not connect
        ("#rc=5&rp=5xx,ct,rt", [503], 2),
        ("#rc=5&rp=5xx,ct,rt", [503] * 9, 6),
        ("#rc=5&rp=ct", [503], 1),
        ("#rc=5&rp=5xx", [404], 1),
    ],
)
async def test_what_is_answered_5xx_comes_again_when_it_was_asked_for(
    stage: Stage, fragment: str, answers: list[int], heard: int
) -> None:
    """Signed over the address without its fragment, which nobody sends."""
    stage.customer.statuses = list(answers)
    await stage.call(StatusCallback=f"{CUSTOMER}/status{fragment}")
    await stage.advance(30)
    forms = stage.customer.got("/status")
    assert [form["CallStatus"] for form in forms] == ["completed"] * heard


async def test_a_callback_held_back_is_sent_at_the_latest_when_the_call_ends(stage: Stage) -> None:
    await stage.put("/faults/twilio", callbacks="swap")
    await stage.call(StatusCallback=f"{CUSTOMER}/status", StatusCallbackEvent=["answered"])
    await stage.advance(60)
    assert [form["CallStatus"] for form in stage.customer.got("/status")] == ["in-progress"]


@pytest.mark.parametrize(("answer", "status"), [("busy", "busy"), ("failed", "failed"), ("no-answer", "no-answer")])
async def test_a_call_nobody_takes_ends_as_it_should(stage: Stage, answer: str, status: str) -> None:
    await stage.put(f"/phones/{ANA}", answer=answer)
    call = await stage.call(Timeout="25", StatusCallback=f"{CUSTOMER}/status")
    await stage.advance(24)
    assert await stage.status(call) == ("ringing" if answer == "no-answer" else status)
    await stage.advance(1)
    assert await stage.status(call) == status
    assert stage.customer.got("/status")[0]["CallDuration"] == "0"


async def test_calls_wait_for_their_turn_one_a_second(stage: Stage) -> None:
    await stage.put("/scene", scene="NOBODY answers")
    calls = [await stage.call(f"+155501{number}") for number in (11, 12, 13)]
    await stage.advance(1)
    assert [await stage.status(call) for call in calls] == ["ringing", "ringing", "queued"]
    await stage.advance(1)
    starts = [stage.world.calls.by_sid[call["sid"]].started_at for call in calls]
    assert [after - before for before, after in pairwise(filter(None, starts))] == [timedelta(seconds=1)] * 2


async def test_a_queued_call_is_found_only_without_a_time_filter(stage: Stage) -> None:
    await stage.call(BO)
    await stage.advance(0)
    await stage.call(ANA)
    by_to = await stage.http.get(stage.twilio("Calls.json"), params={"To": ANA})
    assert [call["status"] for call in by_to.json()["calls"]] == ["queued"]
    by_time = await stage.http.get(stage.twilio("Calls.json"), params={"To": ANA, "StartTime>": "2026-11-01"})
    assert by_time.json()["calls"] == []


@pytest.mark.parametrize("queued", [True, False])
async def test_a_call_can_be_canceled_before_it_is_answered(stage: Stage, queued: bool) -> None:
    if queued:
        await stage.call(BO)
    call = await stage.call()
    await stage.advance(0.5)
    answer = await stage.http.post(stage.twilio(f"Calls/{call['sid']}.json"), data={"Status": "canceled"})
    assert answer.json()["status"] == "canceled"
    await stage.advance(10)
    assert await stage.status(call) == "canceled"


async def test_a_call_in_progress_can_be_redirected_and_ended(stage: Stage) -> None:
    call = await stage.call(Twiml='<Response><Pause length="300"/></Response>')
    path = stage.twilio(f"Calls/{call['sid']}.json")
    early = await stage.http.post(path, data={"Twiml": THANKS})
    assert early.json()["code"] == 21220
    await stage.advance(3)
    await stage.http.post(path, data={"Twiml": '<Response><Say>Stood down.</Say><Pause length="99"/></Response>'})
    await stage.advance(5)
    assert ("spoken", "Stood down.") in await stage.feed()
    await stage.http.post(path, data={"Status": "completed"})
    await stage.advance(0)
    assert await stage.status(call) == "completed"


@pytest.mark.parametrize(
    ("phone", "detection", "verdict", "after"),
    [
        ("human", "Enable", "human", 4),
        ("voicemail", "Enable", "machine_start", 4),
        ("voicemail", "DetectMessageEnd", "machine_end_beep", 8),
    ],
)
async def test_machines_are_told_from_people(
    stage: Stage, phone: str, detection: str, verdict: str, after: int
) -> None:
    await stage.put(f"/phones/{ANA}", answer=phone)
    await stage.call(
        Twiml='<Response><Pause length="30"/></Response>',
        MachineDetection=detection,
        AsyncAmd="true",
        AsyncAmdStatusCallback=f"{CUSTOMER}/amd",
    )
    await stage.advance(2 + after - 0.1)
    assert stage.customer.got("/amd") == []
    await stage.advance(0.1)
    assert [form["AnsweredBy"] for form in stage.customer.got("/amd")] == [verdict]


async def test_voicemail_then_the_next(stage: Stage) -> None:
    """The first number rung goes to voicemail, as often as it is rung; the others accept."""
    stage.customer.twiml["/menu"] = THANKS
    await stage.put("/scene", scene="voicemail, then the next")
    await stage.call(ANA, Twiml=MENU)
    await stage.call(BO, Twiml=MENU)
    await stage.advance(60)
    assert [form["To"] for form in stage.customer.got("/menu")] == [BO]


@pytest.mark.parametrize("mode", ["reject", "fail"])
async def test_too_many_calls_at_once(staging: Staging, mode: str) -> None:
    stage = staging(max_calls=1, over_capacity=mode)
    await stage.put("/scene", scene="nobody answers")
    await stage.call(BO)
    if mode == "reject":
        form = {"From": "+15550100", "To": ANA, "Twiml": THANKS}
        answer = await stage.http.post(stage.twilio("Calls.json"), data=form)
        assert (answer.status_code, answer.json()["code"]) == (429, 10004)
    else:
        call = await stage.call(ANA)
        await stage.advance(1)
        assert await stage.status(call) == "failed"


async def test_a_person_at_the_page_answers_and_presses(stage: Stage) -> None:
    stage.customer.twiml["/menu"] = THANKS
    await stage.put("/scene", scene="nobody answers")
    await stage.call(Twiml=MENU)
    assert (await stage.http.post(f"/phones/{ANA}/press", json={"digits": "3"})).status_code == 409
    await stage.advance(1)
    assert (await stage.http.get("/phones")).json()["phones"][0]["state"] == "ringing"
    await stage.http.post(f"/phones/{ANA}/press", json={"digits": "3"})
    await stage.advance(0)
    assert stage.customer.got("/menu")[0]["Digits"] == "3"


@pytest.mark.parametrize(("answered", "status"), [(False, "busy"), (True, "completed")])
async def test_a_person_at_the_page_hangs_up(stage: Stage, answered: bool, status: str) -> None:
    await stage.put("/scene", scene="nobody answers")
    call = await stage.call(Twiml=MENU)
    await stage.advance(1)
    if answered:
        await stage.http.post(f"/phones/{ANA}/answer")
        await stage.advance(1)
    await stage.http.post(f"/phones/{ANA}/hangup")
    await stage.advance(0)
    assert await stage.status(call) == status


async def test_a_customer_who_does_not_answer_is_apologised_for(stage: Stage) -> None:
    stage.customer.twiml["/menu"] = "not TwiML"
    await stage.call(Twiml=MENU)
    await stage.advance(30)
    assert ("spoken", "We are sorry. An application error has occurred. Goodbye.") in await stage.feed()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": ""}, 21201),
        ({"To": "5550101"}, 21211),
        ({"From": ANA}, 21211),
        ({"To": "+15005550002"}, 21214),
        ({"To": "+15005551010"}, 10004),
        ({"Twiml": ""}, 21205),
        ({"Twiml": "<Response/>" * 400}, 21623),
        ({"Timeout": "abc"}, 20001),
        ({"StatusCallback": "nowhere"}, 21609),
        ({"StatusCallbackEvent": "done"}, 21626),
    ],
)
async def test_wrong_parameters_are_refused_with_twilios_codes(stage: Stage, change: dict[str, str], code: int) -> None:
    form = {"From": "+15550100", "To": ANA, "Twiml": THANKS} | change
    answer = await stage.http.post(stage.twilio("Calls.json"), data=form)
    assert answer.json()["code"] == code
    assert answer.json()["status"] == answer.status_code >= 400


async def test_a_wrong_password_is_refused(stage: Stage) -> None:
    answer = await stage.http.get(stage.twilio("Calls.json"), auth=("AC1", "x"))
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


async def test_reset_forgets_everything(stage: Stage) -> None:
    await stage.put(f"/phones/{BO}", answer="busy")
    await stage.put("/scene", scene="all busy")
    await stage.call()
    await stage.advance(1)
    await stage.http.post("/reset")
    assert await stage.feed() == []
    assert (await stage.http.get("/phones")).json() == {"phones": []}
    assert (await stage.http.get("/scene")).json()["scene"] == "first person accepts"
    await stage.advance(100)
    assert await stage.feed() == []
