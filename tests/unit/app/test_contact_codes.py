"""A number is somebody's when they say back what was sent there. It is never more than a remark."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from app import contact_codes
from app.contact_codes import CODE_AGE, CODES_A_DAY, PAUSE, TRIES, Said
from app.vendors import Vendors
from model.attempt import Sent
from model.errors import OutcomeUnknown, SendError, Unavailable
from model.plan import ChannelName
from model.ports import Send
from notifiers.wording.answers import code_words
from notifiers.wording.sms_parts import fits
from store.contacts import Contact
from tests.app_fixture import NUMBERS, START, House, opened


class Mailbox:
    """A vendor that takes everything, unless told otherwise."""

    timeout_seconds = 5.0
    repeatable = False

    def __init__(self, name: ChannelName) -> None:
        self.name = name
        self.got: list[Send] = []
        self.error: SendError | None = None

    async def send(self, send: Send) -> Sent:
        if self.error is not None:
            raise self.error
        self.got.append(send)
        return Sent(vendor_id="SM1")

    async def close(self) -> None: ...

    def code(self) -> str:
        """That of the last message."""
        return next(word for word in self.got[-1].attempt.words.text.split() if word.isdigit() and len(word) == 6)


@pytest.fixture
def texts() -> Mailbox:
    return Mailbox(ChannelName.SMS)


@pytest.fixture
def slack() -> Mailbox:
    return Mailbox(ChannelName.SLACK_DM)


@pytest.fixture
async def house(tmp_path: Path, texts: Mailbox, slack: Mailbox) -> AsyncIterator[House]:
    async with opened(tmp_path, loops=False) as found:
        found.service.vendors = Vendors({ChannelName.SMS: texts, ChannelName.SLACK_DM: slack})  # type: ignore[dict-item]
        yield found


async def send(house: House, channel: str = "voice", person: str = "ana", key: str = "demo-admin") -> httpx2.Response:
    return await house.post(f"/v1/people/{person}/methods/{channel}/code", key)


async def say(house: House, code: str, channel: str = "voice", key: str = "demo-admin") -> httpx2.Response:
    return await house.post(f"/v1/people/ana/methods/{channel}/verify", key, json={"code": code})


async def verified(house: House, key: str = "demo-operator") -> dict[str, Any]:
    """By channel, of Ana."""
    return {m["channel"]: m["verified"] for m in (await house.get("/v1/people/ana", key)).json()["methods"]}


async def test_a_phone_gets_a_text_and_its_code_verifies_the_number(house: House, texts: Mailbox) -> None:
    """The same number by voice and by text is one number; Slack is another thing."""
    assert await verified(house) == {"voice": False, "sms": False, "slack_dm": False}
    answer = await send(house)
    assert answer.status_code == 202, answer.text
    assert answer.json() == {
        "channel": "voice",
        "address": NUMBERS[0],
        "good_until": (START + CODE_AGE).isoformat(),
        "tries": TRIES,
    }
    [sent] = texts.got
    assert (sent.attempt.address, sent.valid_seconds) == (NUMBERS[0], 600)
    said = await say(house, texts.code())
    assert (said.status_code, said.json()["verified"]) == (200, True)
    assert await verified(house) == {"voice": True, "sms": True, "slack_dm": False}
    listed = {p["id"]: p for p in (await house.get("/v1/people")).json()["people"]}
    assert [m["verified"] for m in listed["ana"]["methods"]] == [True, True, False]
    assert (await say(house, texts.code())).status_code == 409  # a code is good once
    [row] = (await house.get("/v1/audit?limit=1", "demo-admin")).json()["audit"]
    assert (row["what"], row["key_id"]) == ("contacts/ana", "demo-admin")
    assert NUMBERS[0] not in str(row)


async def test_slack_gets_a_direct_message(house: House, slack: Mailbox) -> None:
    assert (await send(house, "slack_dm")).status_code == 202
    assert (await say(house, slack.code(), "slack_dm")).status_code == 200
    assert await verified(house) == {"voice": False, "sms": False, "slack_dm": True}


async def test_the_other_phone_is_verified_by_itself(house: House, texts: Mailbox) -> None:
    path, other = "/v1/people/ana", "+13125550188"
    assert (await send(house, "other_phone")).status_code == 404
    entry = (await house.get(path, "demo-admin")).json()["entry"] | {"other_phone": other}
    assert (await house.put(path, "demo-admin", headers={"If-Match": "*"}, json=entry)).status_code == 200
    answer = await send(house, "other_phone")
    assert (answer.status_code, answer.json()["channel"], answer.json()["address"]) == (202, "voice", other)
    assert texts.got[-1].attempt.address == other
    assert (await say(house, texts.code())).status_code == 409  # none was sent to the first one
    assert (await say(house, texts.code(), "other_phone")).json()["verified"] is True
    methods = (await house.get(path, "demo-admin")).json()["methods"]
    assert [(m["address"], m["verified"]) for m in methods[:2]] == [(NUMBERS[0], False), (other, True)]


async def test_another_number_is_unverified_again_and_the_edit_says_so(house: House, texts: Mailbox) -> None:
    """And the former one is still verified when it comes back: it is kept by what it is, exactly."""
    await send(house)
    await say(house, texts.code())
    path = "/v1/people/ana"
    entry = (await house.get(path, "demo-admin")).json()["entry"]
    other = {"headers": {"If-Match": "*"}, "json": entry | {"phone": "+13125550199"}}
    changed = (await house.put(path, "demo-admin", **other)).json()
    assert [n["kind"] for n in changed["notices"]] == ["unverified"] * 3
    assert changed["notices"][0]["text"].startswith("voice **********99 of Ana Reyes is not verified")
    assert await verified(house) == {"voice": False, "sms": False, "slack_dm": False}
    back = (await house.put(path, "demo-admin", headers={"If-Match": "*"}, json=entry)).json()
    assert [n["text"].split()[0] for n in back["notices"]] == ["slack_dm"]
    assert (await verified(house))["voice"] is True


async def test_a_code_has_few_tries(house: House, texts: Mailbox) -> None:
    await send(house)
    right = texts.code()
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for left in reversed(range(TRIES)):
        answer = await say(house, wrong)
        assert answer.status_code == 422
        assert f"{left} tries are left" in answer.json()["detail"]
    assert (await say(house, right)).status_code == 409
    assert (await verified(house))["voice"] is False


async def test_a_code_grows_old(house: House, texts: Mailbox) -> None:
    await send(house)
    house.advance(CODE_AGE.total_seconds())
    assert (await say(house, texts.code())).status_code == 409


async def test_codes_come_one_a_minute_and_the_newest_counts(house: House, texts: Mailbox) -> None:
    await send(house)
    first = texts.code()
    house.advance(20)
    answer = await send(house, "sms")  # the same number
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "40")
    house.advance(40)
    assert (await send(house, "sms")).status_code == 202
    if first != texts.code():
        assert (await say(house, first)).status_code == 422
    assert (await say(house, texts.code())).status_code == 200


async def test_codes_leave_half_of_the_texts_to_events(house: House, texts: Mailbox, slack: Mailbox) -> None:
    """Whoever verifies everybody at once is held back, whosever numbers they are; Slack has no such queue."""
    rate = house.service.settings.twilio_texts_per_second
    answers = [await send(house, person=person) for person in ("ana", "ben", "chie")]
    assert [a.status_code for a in answers] == [202, 202, 429]
    assert answers[-1].headers["retry-after"] == str(math.ceil(2 / rate))
    assert (await send(house, "slack_dm")).status_code == 202
    house.advance(2 / rate)
    assert (await send(house, person="chie")).status_code == 202
    assert len(texts.got) == 3


async def test_people_do_it_themselves_and_operators_not_for_others(house: House, texts: Mailbox) -> None:
    body = {"name": "ana", "role": "operator", "person": "ana"}
    key = (await house.post("/v1/keys", "demo-admin", json=body)).json()["secret"]
    answer = await send(house, key=key)
    assert (answer.status_code, answer.json()["address"]) == (202, "**********01")
    assert (await say(house, texts.code(), key="demo-operator")).status_code == 403
    assert (await send(house, person="ben", key=key)).status_code == 403
    assert (await say(house, texts.code(), key=key)).status_code == 200


async def test_what_cannot_be_sent_is_said(house: House, texts: Mailbox, slack: Mailbox) -> None:
    texts.error = SendError("Twilio 21211: not a phone number", retryable=False)
    answer = await send(house)
    assert (answer.status_code, "21211" in answer.json()["detail"]) == (502, True)
    slack.error = OutcomeUnknown("the answer was lost")
    assert (await send(house, "slack_dm")).status_code == 202
    house.service.vendors = Vendors({})
    assert (await send(house, person="ben")).status_code == 409
    assert (await send(house, person="zoe")).status_code == 404
    assert (await send(house, "pager")).status_code == 422


async def test_neither_code_nor_number_comes_into_the_log(house: House, texts: Mailbox) -> None:
    with capture_logs() as lines:
        await send(house)
        await say(house, texts.code())
        house.advance(60)
        texts.error = SendError("no", retryable=False)
        await send(house)
    assert lines
    assert [x for x in (texts.code(), NUMBERS[0]) if x in str(lines)] == []


def test_the_text_is_one_part() -> None:
    assert fits(code_words("123456", 10).text)


def test_codes_of_a_day_are_few() -> None:
    known, now = Contact(address="a"), START
    for _ in range(CODES_A_DAY):
        assert contact_codes.wait(known, now) is None
        known, now = contact_codes.sent(known, "000000", now), now + PAUSE
    assert contact_codes.wait(known, now) == START + timedelta(days=1) - now
    assert contact_codes.wait(known, START + timedelta(days=1)) is None
    assert contact_codes.sent(known, "000000", START + timedelta(days=1)).day_codes == 1


def test_who_was_verified_stays_so_while_another_code_is_open() -> None:
    known = contact_codes.sent(Contact(address="a", verified_at=START, verified_by="key ana"), "123456", START)
    after, led_to = contact_codes.said(known, "000000", "key ben", START)
    assert (led_to, after) == (Said.WRONG, replace(known, tries_left=TRIES - 1))
    assert after.verified_at == START


async def test_people_are_shown_while_the_database_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: Any) -> None:
        raise Unavailable("on purpose")

    monkeypatch.setattr(house.service.database, "read", away)
    assert await verified(house) == {"voice": None, "sms": None, "slack_dm": None}
    assert (await house.get("/v1/people")).status_code == 200
