"""Voice and SMS through Twilio's SDK against a server that answers as told."""

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from xml.etree import ElementTree

import pytest
from fake_vendor import ODD_ANSWERS, T0

from model.attempt import ReceiptKind, Words
from model.clock import SystemClock
from model.errors import OutcomeUnknown, SendError
from notifiers.channels import sms, voice
from notifiers.channels.sms import SmsChannel
from notifiers.channels.twilio_account import TwilioAccount
from notifiers.channels.twilio_lists import TwilioLists
from notifiers.channels.voice import VoiceChannel, answer_twiml, call_twiml, voice_key, voice_receipt
from notifiers.dialling import Dialling
from notifiers.wording.answers import SpokenAnswer

FROM = "+13125550100"
CA = "CA" + "0" * 32
PUBLIC = "https://grid.example.org"
PAYLOAD = {"prompt": "Reduce one two point five <b> & more.", "language": "en-US"}


def account(url):
    return TwilioAccount(account_sid="AC" + "1" * 32, auth_token="t", clock=SystemClock(), base_url=url)


@pytest.fixture
async def phone(vendor, patience):
    url = PUBLIC + "/"
    channel = VoiceChannel(account(vendor.url), dialling=Dialling(FROM), public_url=url, timeout_seconds=patience)
    yield channel
    await channel.close()


@pytest.fixture
async def texts(vendor, patience):
    channel = SmsChannel(account(vendor.url), dialling=Dialling(FROM), public_url=PUBLIC, timeout_seconds=patience)
    yield channel
    await channel.close()


def call(sid=CA, status="queued", created=T0, **more):
    return {"sid": sid, "status": status, "date_created": format_datetime(created) if created else None, **more}


async def test_call_is_created_with_everything_needed_to_hear_back(vendor, phone, make_send):
    vendor.answer = lambda seen: (201, call())
    sent = await phone.send(make_send(payload=PAYLOAD, ring_seconds=10))
    assert (sent.vendor_id, sent.vendor_at) == (CA, T0)
    form = vendor.seen[0].form
    assert form["To"] == ["+13125550101"]
    assert form["From"] == [FROM]
    assert form["Timeout"] == ["10"]
    assert form["StatusCallback"] == [f"{PUBLIC}/callbacks/twilio/voice/0198-a/status#rc=5&rp=5xx,ct,rt"]
    assert form["StatusCallbackEvent"] == ["initiated", "ringing", "answered", "completed"]
    assert form["MachineDetection"] == ["Enable"]
    assert form["AsyncAmd"] == ["true"]
    assert form["AsyncAmdStatusCallback"] == [f"{PUBLIC}/callbacks/twilio/voice/0198-a/amd#rc=5&rp=5xx,ct,rt"]
    twiml = ElementTree.fromstring(form["Twiml"][0])
    gathers = twiml.findall("Gather")
    assert [g.get("action") for g in gathers] == [f"{PUBLIC}/callbacks/twilio/voice/0198-a/key#rc=5&rp=5xx,ct,rt"] * 2
    assert gathers[0].find("Say").text == PAYLOAD["prompt"]
    assert twiml[-1].tag == "Hangup"


@pytest.mark.parametrize("detects", [True, False])
async def test_where_twilio_cannot_call_back_it_is_not_asked_to(vendor, phone, make_send, detects):
    """A call that asks nothing, and whose answering machine, if wished, is found in the list of calls."""
    quiet = voice.VoiceChannel(phone.account, dialling=Dialling(FROM), public_url=None, detects=detects)
    vendor.answer = lambda seen: (201, call())
    await quiet.send(make_send(payload=PAYLOAD | {"asks": False}))
    form = vendor.seen[0].form
    assert "Gather" not in form["Twiml"][0]
    detection = {"MachineDetection": ["Enable"], "AsyncAmd": ["true"]} if detects else {}
    assert {name: form[name] for name in form if name not in ("To", "From", "Timeout", "Twiml")} == detection


@pytest.mark.parametrize(
    ("status", "answered_by", "kinds"),
    [
        ("queued", None, [ReceiptKind.QUEUED]),
        ("in-progress", None, [ReceiptKind.ANSWERED]),
        ("in-progress", "machine_start", [ReceiptKind.MACHINE]),
        ("completed", "human", [ReceiptKind.ANSWERED, ReceiptKind.COMPLETED]),
        ("completed", "machine_start", [ReceiptKind.MACHINE, ReceiptKind.COMPLETED]),
        ("no-answer", None, [ReceiptKind.NO_ANSWER]),
    ],
)
async def test_what_a_listed_call_would_have_told(vendor, phone, status, answered_by, kinds):
    listed = [
        call(status=status, answered_by=answered_by, to="+13125550101", end_time=None, start_time=format_datetime(T0)),
        call("CA-old", "busy", created=T0 - timedelta(hours=1), to="+13125550101"),
    ]
    vendor.answer = lambda seen: (200, {"calls": listed, "next_page_uri": None})
    [known] = await TwilioLists(phone.account, Dialling(FROM)).calls(T0 - timedelta(minutes=1))
    assert (known.vendor_id, known.number) == (CA, "+13125550101")
    assert [receipt.kind for receipt in known.receipts] == kinds
    assert vendor.seen[0].query == {"From": FROM, "PageSize": "200"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"code": 21211, "message": "no", "status": 400}, (False, "21211", True, False)),
        (400, {"code": 21214, "message": "no", "status": 400}, (False, "21214", False, False)),
        (400, {"code": 21215, "message": "no", "status": 400}, (False, "21215", False, False)),
        (400, {"code": 21217, "message": "no", "status": 400}, (False, "21217", True, False)),
        (400, {"code": 21219, "message": "no", "status": 400}, (False, "21219", False, False)),
        (400, {"code": 10004, "message": "no", "status": 400}, (True, "10004", False, False)),
        (400, {"code": 21610, "message": "no", "status": 400}, (False, "21610", True, False)),
        (400, {"code": 99999, "message": "new", "status": 400}, (True, "99999", False, False)),
        (401, {"code": 20003, "message": "no", "status": 401}, (False, "20003", False, True)),
        (401, "<html>", (False, "401", False, True)),
        (429, {"code": 20429, "message": "slow", "status": 429}, (True, "20429", False, False)),
        (503, "<html>", (True, "503", False, False)),
        (
            400,
            {"type": "about:blank", "title": "Bad", "status": 400, "code": 21211, "detail": "x"},
            (False, "21211", True, False),
        ),
    ],
)
async def test_errors_by_table(vendor, phone, make_send, status, body, expected):
    vendor.answer = lambda seen: (status, body)
    with pytest.raises(SendError) as caught:
        await phone.send(make_send(payload=PAYLOAD))
    error = caught.value
    assert not isinstance(error, OutcomeUnknown)
    assert (error.retryable, error.code, error.bad_address, error.stop_channel) == expected
    assert error.answered is (status < 500)  # it is well, whatever it refuses
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("number", ["+13125550101", "13125550101", "+1 (312) 555-0101", "312.555.0101"])
@pytest.mark.parametrize("status", [400, 500])
async def test_no_number_is_in_what_an_error_says(vendor, phone, make_send, status, number):
    """Evidence keeps it, and the key of the upstream reads it."""
    message = f"The 'To' number {number} is not a valid phone number. Error 21211 on 3 lines."
    vendor.answer = lambda seen: (status, {"code": 21211, "message": message, "status": status})
    with pytest.raises(SendError) as caught:
        await phone.send(make_send(payload=PAYLOAD))
    assert str(caught.value).endswith("The 'To' number …01 is not a valid phone number. Error 21211 on 3 lines.")


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_server_error_on_create_is_unknown(vendor, phone, make_send, status):
    vendor.answer = lambda seen: (status, "<html>")
    with pytest.raises(OutcomeUnknown):
        await phone.send(make_send(payload=PAYLOAD))
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("patience", [0.4])
@pytest.mark.parametrize("fault", ["hang", "reset"])
async def test_lost_answer_is_unknown_and_asked_once(vendor, phone, make_send, fault):
    vendor.fault = fault
    with pytest.raises(OutcomeUnknown):
        await phone.send(make_send(payload=PAYLOAD))
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("body", ["<html>", [], {}, "null"])
async def test_an_answer_that_cannot_be_read(vendor, phone, make_send, body):
    """After a create it leaves the outcome open; after a question it is asked again."""
    vendor.answer = lambda seen: (201 if seen.method == "POST" else 200, body)
    with pytest.raises(OutcomeUnknown):
        await phone.send(make_send(payload=PAYLOAD))
    with pytest.raises(SendError) as caught:
        await phone.find(make_send().attempt, frozenset(), T0)
    assert caught.value.retryable


@pytest.mark.parametrize("answer", ODD_ANSWERS)
async def test_an_answer_nobody_can_read_is_trouble_of_the_vendor(vendor, phone, answer):
    vendor.answer = lambda seen: answer
    with pytest.raises(SendError):
        await phone.cut(CA, answered=False, spoken="x")


@pytest.mark.parametrize("balance", [None, "1,234.5", "x", {}])
async def test_credentials_are_good_whatever_the_balance_looks_like(vendor, balance):
    vendor.answer = lambda seen: (200, {"status": "active", "balance": balance, "currency": "USD"})
    twilio = account(vendor.url)
    found = await twilio.check()
    await twilio.close()
    assert (found.detail, found.balance) == ("the account is active, its balance cannot be read", None)


async def test_no_connection_is_certainly_not_sent(closed_port, make_send):
    channel = VoiceChannel(account(closed_port), dialling=Dialling(FROM), public_url=PUBLIC)
    with pytest.raises(SendError) as caught:
        await channel.send(make_send(payload=PAYLOAD))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.retryable
    await channel.close()
    await channel.close()


async def test_find_takes_ours_and_no_other(vendor, phone, make_send):
    """Older calls, calls of other attempts and none at all are not ours; a queued call without dates may be."""
    listed = [
        call("CA" + "b" * 32, "in-progress", T0 + timedelta(seconds=1), answered_by="machine_start"),
        call("CA" + "c" * 32, "queued", T0 + timedelta(seconds=1)),
        call("CA" + "d" * 32, "completed", T0 - timedelta(minutes=3)),
    ]
    vendor.answer = lambda seen: (200, {"calls": listed, "next_page_uri": None})
    attempt = make_send().attempt
    found = await phone.find(attempt, frozenset({"CA" + "c" * 32}), T0)
    assert found.vendor_id == "CA" + "b" * 32
    assert found.receipt.kind is ReceiptKind.MACHINE
    assert vendor.seen[0].query == {"To": attempt.address, "From": FROM, "PageSize": "50"}
    assert await phone.find(attempt, frozenset(c["sid"] for c in listed), T0) is None
    listed[:] = [call(created=None)]
    assert (await phone.find(attempt, frozenset(), T0)).vendor_id == CA


@pytest.mark.parametrize("patience", [0.4])
@pytest.mark.parametrize("fault", ["hang", "reset"])
async def test_find_that_cannot_ask_says_so(vendor, phone, make_send, fault):
    vendor.fault = fault
    with pytest.raises(SendError) as caught:
        await phone.find(make_send().attempt, frozenset(), T0)
    assert caught.value.retryable


async def test_cut_cancels_while_it_rings(vendor, phone):
    vendor.answer = lambda seen: (200, call(status="canceled"))
    await phone.cut(CA, answered=False, spoken="Cancelled.")
    assert [s.form for s in vendor.seen] == [{"Status": ["canceled"]}]


async def test_cut_speaks_when_somebody_listens(vendor, phone):
    vendor.answer = lambda seen: (200, call(status="in-progress"))
    await phone.cut(CA, answered=True, spoken="Ana has it.")
    (seen,) = vendor.seen
    assert "Ana has it." in seen.form["Twiml"][0]
    assert "<Hangup" in seen.form["Twiml"][0]


async def test_cut_speaks_to_who_picked_up_meanwhile(vendor, phone):
    vendor.answer = lambda seen: (200, call(status="in-progress"))
    await phone.cut(CA, answered=False, spoken="Ana has it.")
    assert [list(s.form) for s in vendor.seen] == [["Status"], ["Twiml"]]


async def test_who_listens_hears_what_is_left_and_may_press_as_before(vendor, phone, make_send):
    vendor.answer = lambda seen: (200, call(status="in-progress"))
    words = Words(text="x", template="t", payload={"prompt": "three", "times": 2, "asks": True})
    attempt = replace(make_send().attempt, vendor_id=CA, words=words)
    await phone.say_instead(attempt, "one of the three is over")
    (seen,) = vendor.seen
    assert seen.path.endswith(f"/Calls/{CA}.json")
    assert "one of the three is over" in seen.form["Twiml"][0]
    assert (
        f'<Gather action="{PUBLIC}/callbacks/twilio/voice/{attempt.id}/key#rc=5&amp;rp=5xx,ct,rt"'
        in seen.form["Twiml"][0]
    )
    vendor.answer = lambda seen: (400, {"code": 21220, "message": "over", "status": 400})
    await phone.say_instead(attempt, "x")


@pytest.mark.parametrize("code", [21220, 20404])
async def test_cut_of_an_ended_call_is_nothing(vendor, phone, code):
    vendor.answer = lambda seen: (400, {"code": code, "message": "over", "status": 400})
    await phone.cut(CA, answered=True, spoken="x")


async def test_cut_that_fails_says_so(vendor, phone):
    vendor.answer = lambda seen: (503, "x")
    with pytest.raises(SendError):
        await phone.cut(CA, answered=True, spoken="x")


async def test_text_is_sent_for_as_long_as_it_is_worth(vendor, texts, make_send):
    vendor.answer = lambda seen: (201, {"sid": "SM1", "status": "queued", "date_created": format_datetime(T0)})
    sent = await texts.send(make_send(text="hello (1/2)"))
    assert sent.vendor_id == "SM1"
    assert vendor.seen[0].form == {
        "To": ["+13125550101"],
        "From": [FROM],
        "Body": ["hello (1/2)"],
        "ValidityPeriod": ["600"],
        "StatusCallback": [f"{PUBLIC}/callbacks/twilio/sms/0198-a/status#rc=5&rp=5xx,ct,rt"],
    }
    await texts.cut("SM1", False, "")


async def test_find_a_text_by_its_exact_words(vendor, texts, make_send):
    dated = {"date_created": format_datetime(T0), "date_updated": format_datetime(T0)}
    listed = [
        {"sid": "SM1", "status": "sent", "body": "other", **dated},
        {"sid": "SM2", "status": "undelivered", "error_code": 30003, "body": "mine", **dated},
    ]
    vendor.answer = lambda seen: (200, {"messages": listed, "next_page_uri": None})
    found = await texts.find(make_send(text="mine").attempt, frozenset(), T0)
    assert (found.vendor_id, found.receipt.kind, found.receipt.code) == ("SM2", ReceiptKind.FAILED, "30003")
    assert (found.receipt.refused, found.receipt.unreachable) == (False, True)


def test_voice_receipts():
    form = {
        "CallSid": CA,
        "CallStatus": "in-progress",
        "SequenceNumber": "2",
        "Timestamp": "Tue, 14 Jul 2026 17:59:00 +0000",
    }
    receipt = voice_receipt(form)
    assert (receipt.kind, receipt.sequence, receipt.vendor_at) == (ReceiptKind.ANSWERED, 2, T0)
    assert voice_receipt(form | {"AnsweredBy": "fax"}).kind is ReceiptKind.MACHINE
    over = voice_receipt(form | {"CallStatus": "completed", "AnsweredBy": "machine_start"})
    assert (over.kind, over.by_machine) == (ReceiptKind.COMPLETED, True)
    for status, kind in voice.KINDS.items():
        assert voice_receipt({"CallSid": CA, "CallStatus": status}).kind is kind
    assert voice_receipt({"CallSid": CA, "CallStatus": "new-one"}).kind is ReceiptKind.SENT
    assert voice_receipt({"CallSid": CA, "CallStatus": "completed", "Timestamp": "?"}).vendor_at is None
    assert voice_receipt({"CallSid": CA, "AnsweredBy": "machine_start"}).kind is ReceiptKind.MACHINE
    assert voice_receipt({"CallSid": CA, "AnsweredBy": "human"}).kind is ReceiptKind.ANSWERED
    assert voice_receipt({"CallSid": CA, "CallStatus": "no-answer", "SipResponseCode": "487"}).code == "487"
    assert voice_key({"Digits": "1"}) == "1"
    assert voice_key({}) == ""


def test_sms_forms():
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30006"}
    receipt = sms.sms_receipt(form)
    assert (receipt.kind, receipt.code) == (ReceiptKind.FAILED, "30006")
    for code, means in {"30003": (False, True), "30005": (True, False), "30006": (True, False)}.items():
        found = sms.sms_receipt(form | {"ErrorCode": code})
        assert (found.refused, found.unreachable) == means
    for code in ("30007", "30034", ""):
        found = sms.sms_receipt(form | {"ErrorCode": code})
        assert (found.refused, found.unreachable) == (False, False)
    assert not sms.sms_receipt({"SmsSid": "SM1", "SmsStatus": "delivered", "ErrorCode": "30006"}).refused
    assert sms.inbound_sms({"From": "+13125550101", "Body": "1A", "MessageSid": "SM9"}) == ("+13125550101", "1A", "SM9")
    assert "<Message>a &lt;b&gt;</Message>" in sms.reply_twiml("a <b>")
    assert ElementTree.fromstring(sms.reply_twiml()).tag == "Response"


def test_what_the_phone_plays_after_a_key():
    accepted = ElementTree.fromstring(answer_twiml(SpokenAnswer.ACCEPTED, detail="Also confirm in the portal."))
    assert [e.tag for e in accepted] == ["Say", "Hangup"]
    assert "counts" in accepted[0].text
    assert "portal" in accepted[0].text
    cannot = ElementTree.fromstring(answer_twiml(SpokenAnswer.CANNOT, key_url="https://x/key"))
    assert "press 1" in cannot.find("Gather/Say").text
    again = ElementTree.fromstring(answer_twiml(SpokenAnswer.REPEAT, key_url="https://x/key", prompt="Reduce."))
    assert again.find("Gather/Say").text == "Reduce."
    assert "press 1" in answer_twiml(SpokenAnswer.INVALID, key_url="https://x/key")
    over = answer_twiml(SpokenAnswer.OVER, detail="Ana has it since 02:14.", drill=True)
    assert "Ana has it since 02:14. Nothing to do. Goodbye. This is a drill." in over
    assert "received" in answer_twiml(SpokenAnswer.RECEIVED)


def test_a_script_never_outgrows_twiml():
    for prompt in ("&" * 5000, "word " * 2000, "x\x00\x1b\ud83dy"):
        twiml = call_twiml({"prompt": prompt}, "https://grid.example.org/k")
        assert len(twiml) <= 4000
        ElementTree.fromstring(twiml)
