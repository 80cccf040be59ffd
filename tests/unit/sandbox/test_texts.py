"""Texts arrive, tell how they fared, and are answered."""

import pytest

from sandbox.twilio.texts import segments

from .conftest import ANA, CUSTOMER, US, Stage


async def test_a_text_is_sent_and_delivered(stage: Stage) -> None:
    text = await stage.text(StatusCallback=f"{CUSTOMER}/sms")
    assert text["status"] == "queued"
    await stage.advance(5)
    assert [form["MessageStatus"] for form in stage.customer.got("/sms")] == ["sent", "delivered"]
    fetched = await stage.http.get(stage.twilio(f"Messages/{text['sid']}.json"))
    assert fetched.json()["status"] == "delivered"
    assert await stage.feed() == [("received", "Hello")]


@pytest.mark.parametrize(("sms", "code"), [("undelivered", "30003"), ("failed", "30005")])
async def test_a_text_can_get_lost(stage: Stage, sms: str, code: str) -> None:
    await stage.put(f"/phones/{ANA}", sms=sms)
    await stage.text(StatusCallback=f"{CUSTOMER}/sms")
    await stage.advance(5)
    last = stage.customer.got("/sms")[-1]
    assert (last["MessageStatus"], last["ErrorCode"]) == (sms, code)
    assert await stage.feed() == []


async def test_a_phone_replies_with_the_code_it_was_given(stage: Stage) -> None:
    await stage.put(f"/phones/{ANA}", reply="1{code}")
    stage.customer.twiml["/callbacks/twilio/sms/inbound"] = "<Response><Message>Noted.</Message></Response>"
    await stage.text(body="REDUCE 12.5 MW. Reply 1KQ=accept 3KQ=cannot")
    await stage.advance(10)
    form = stage.customer.got("/callbacks/twilio/sms/inbound")[0]
    assert (form["Body"], form["From"], form["To"]) == ("1KQ", ANA, US)
    assert (await stage.feed())[1:] == [("replied", "1KQ"), ("received", "Noted.")]


async def test_a_phone_that_was_given_no_code_says_nothing(stage: Stage) -> None:
    await stage.put(f"/phones/{ANA}", reply="1{code}")
    await stage.text(body="Stood down.")
    await stage.advance(10)
    assert await stage.events() == ["received"]


async def test_a_person_texts(stage: Stage) -> None:
    answer = await stage.http.post(f"/phones/{ANA}/sms", json={"body": "1A"})
    assert answer.json()["answer"] == {"status": 200, "body": ""}
    assert stage.customer.got("/callbacks/twilio/sms/inbound")[0]["Body"] == "1A"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"ValidityPeriod": "0"}, 20001),
    ],
)
async def test_wrong_texts_are_refused(stage: Stage, change: dict[str, str], code: int) -> None:
    answer = await stage.http.post(stage.twilio("Messages.json"), data={"From": US, "To": ANA, "Body": "x"} | change)
    assert answer.json()["code"] == code


@pytest.mark.parametrize(
    ("body", "parts"), [("a" * 160, 1), ("a" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("…" * 70, 1), ("…" * 71, 2)]
)
def test_parts(body: str, parts: int) -> None:
    assert segments(body) == parts
