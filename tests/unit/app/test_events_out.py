"""What upstreams and operators can read of events, and how an operator answers for a person."""

from urllib.parse import quote

from tests.app_fixture import NUMBERS, ROUTING_KEY, START, House


async def test_an_event_is_shown_with_all_that_is_known_of_it(house: House) -> None:
    """Revision, timetable, forecast, evidence and the three acknowledgements, each apart."""
    assert (await house.send("edr-1"))["http_status"] == 202
    answer = await house.get("/v1/events/miso/edr-1")
    assert answer.status_code == 200
    event = answer.json()
    assert event["status"] == "open"
    assert event["verdict"] is None
    [revision] = event["revisions"]
    assert revision["parsed"]["event_id"] == "edr-1"
    assert revision["received_at"] == START.isoformat()
    assert revision["content"]["instruction"]["target_mw"] == 12.5
    rows = event["plan"]["notifications"]
    assert [r["due_at"] for r in rows] == sorted(r["due_at"] for r in rows)
    assert {(r["person"], r["channel"]) for r in rows if r["step"] == 1} >= {("ana", "voice"), ("ana", "sms")}
    [delivery] = event["deliveries"]
    assert len(delivery["sha256"]) == 64
    assert "demo-upstream" in delivery["signature"]
    acknowledgements = event["acknowledgements"]
    assert set(acknowledgements) == {"transport", "operator", "issuer", "also_confirm"}
    assert acknowledgements["transport"][0]["received_at"] == START.isoformat()
    assert acknowledgements["operator"] == []
    assert acknowledgements["issuer"] == []
    assert event["verdict_lines"] == {"people": None, "issuer": None}
    assert acknowledgements["also_confirm"] == "MCS"
    assert [e["kind"] for e in event["timeline"]][:2] == ["received", "planned"]


async def test_the_forecast_asks_the_rota_of_the_instant_at_which_a_step_is_due(house: House) -> None:
    """Sleepers after 150 s, the backup at five minutes; nobody twice on one channel."""
    await house.send("edr-1")
    event = (await house.get("/v1/events/miso/edr-1")).json()
    steps = {(f["step"], f["asleep"]): f for f in event["plan"]["forecast"]}
    assert [p["person"] for p in steps[1, True]["people"]] == ["chie"]
    [backup] = steps[2, False]["people"]
    assert backup["person"] in ("dee", "eli")
    assert backup["channels"] == ["voice", "sms"]
    assert steps[2, False]["due_at"].startswith("2026-11-03T15:05:00")


async def test_no_whole_number_and_no_key_is_in_the_answer(house: House) -> None:
    await house.send("edr-1")
    text = (await house.get("/v1/events/miso/edr-1", "demo-admin")).text
    assert ROUTING_KEY not in text
    assert not [number for number in NUMBERS if number in text]


async def test_ids_with_slashes_are_percent_encoded(house: House) -> None:
    """As `unreadable/...` and `silence/...` are, and whatever an issuer thinks up."""
    event_id = "a/b c?d#é"
    await house.send(event_id)
    answer = await house.get(f"/v1/events/miso/{quote(event_id, safe='')}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["event_id"] == event_id
    assert (await house.get("/v1/events/miso/" + "x" * 201)).status_code == 422
    assert (await house.get("/v1/events/miso/nothing")).status_code == 404


async def test_pages_are_newest_first_and_stay_put_while_events_come_in(house: House) -> None:
    for number in range(5):
        await house.send(f"edr-{number}")
    first = (await house.get("/v1/events?limit=2")).json()
    await house.send("edr-later")
    second = (await house.get(f"/v1/events?limit=2&after={first['next']}")).json()
    third = (await house.get(f"/v1/events?limit=2&after={second['next']}")).json()
    pages = [e["event_id"] for page in (first, second, third) for e in page["events"]]
    assert pages == ["edr-4", "edr-3", "edr-2", "edr-1", "edr-0"]
    assert third["next"] is None
    assert (await house.get("/v1/events?limit=501")).status_code == 422
    assert (await house.get("/v1/events?limit=0")).status_code == 422
    assert (await house.get("/v1/events?after=nonsense")).status_code == 422


async def test_an_upstream_sees_its_own_source_only(house: House) -> None:
    await house.send("mine")
    await house.send("theirs", key="demo-fast")
    seen = (await house.get("/v1/events", "demo-upstream")).json()["events"]
    assert [e["event_id"] for e in seen] == ["mine"]
    assert (await house.get("/v1/events/miso-fast/theirs", "demo-upstream")).status_code == 403
    assert (await house.get("/v1/events/miso/mine", "demo-upstream")).status_code == 200
    assert (await house.get("/v1/events", None)).status_code == 401
    assert (await house.get("/v1/events", "wrong")).status_code == 401


async def test_an_operator_answers_for_a_person(house: House) -> None:
    """It counts like a key on the phone, and says whose key it was."""
    await house.send("edr-1")
    answer = await house.post("/v1/events/miso/edr-1/reply", json={"person": "ana", "reply": "acknowledge"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["counted"] is True
    event = {}
    for _ in range(200):
        event = (await house.get("/v1/events/miso/edr-1")).json()
        if event["verdict"]:
            break
    assert event["verdict"]["outcome"] == "met"
    [reply] = event["acknowledgements"]["operator"]
    assert (reply["person"], reply["channel"], reply["by"]) == ("ana", "api", "demo-operator")
    assert event["plan"]["forecast"] == []


async def test_replies_that_make_no_sense_are_refused(house: House) -> None:
    await house.send("edr-1")
    path = "/v1/events/miso/edr-1/reply"
    stranger = await house.post(path, json={"person": "zoe", "reply": "acknowledge"})
    assert stranger.status_code == 422
    assert stranger.json()["errors"][0]["field"] == "body.person"
    assert (await house.post(path, json={"person": "ana", "reply": "maybe"})).status_code == 422
    assert (await house.post(path, json={"person": "ana", "reply": "acknowledge", "revison": 1})).status_code == 422
    wrong = await house.post(path, json={"person": "ana", "reply": "acknowledge", "revision": 7})
    assert wrong.status_code == 409
    assert wrong.headers["content-type"] == "application/problem+json"
    await house.send("edr-1", "update")
    old = await house.post(path, json={"person": "ana", "reply": "acknowledge", "revision": 1})
    assert old.status_code == 409
    assert (
        await house.post("/v1/events/miso/none/reply", json={"person": "ana", "reply": "acknowledge"})
    ).status_code == 404
    forbidden = await house.post(path, "demo-upstream", json={"person": "ana", "reply": "acknowledge"})
    assert forbidden.status_code == 403


async def test_an_answer_after_the_end_is_kept_and_does_not_count(house: House) -> None:
    await house.send("edr-1")
    await house.send("edr-1", "cancel")
    answer = await house.post("/v1/events/miso/edr-1/reply", json={"person": "ana", "reply": "acknowledge"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["counted"] is False
    assert "cancelled" in answer.json()["detail"]
