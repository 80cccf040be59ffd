"""The watch from outside: what it takes for not well, whom it tells, and that it does not call twice."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from app import vendors
from app.duty_alarm import DutyAlarm, Told, alarm_level, told, warning_level
from app.outside import _look, judge
from app.watch_credentials import LEVEL, Credentials, checks
from app.watching import LOOK_EVERY, Place, Watch
from config.settings import duty_list, load_settings
from heartbeat.direct_alarm import Duty
from heartbeat.vital_signs import Condition
from model.attempt import Sent
from model.errors import OutcomeUnknown, SendError, SettingsError
from model.ids import SystemIds
from model.plan import ChannelName
from model.ports import Answers, Found

START = datetime(2026, 7, 14, 2, 0, tzinfo=UTC)
URL = "https://gridcall.example"
ANA, BEN = Duty("Ana", "+13125550101"), Duty("Ben", "+13125550102")
DOWN = (Condition("the database does not answer", calls=True),)
NO_QUEUE = (Condition("RabbitMQ does not confirm", calls=False),)
REFUSED = SendError("20003", retryable=False, stop_channel=True)
LOOK_AT_VENDORS = timedelta(minutes=10)


class Clock:
    def __init__(self):
        self.at = START

    def now(self):
        return self.at


class Vendor:
    """`errors` are raised first, one a send."""

    def __init__(self, name, *errors, repeatable=False, found=None):
        self.name, self.errors, self.repeatable, self.found = name, list(errors), repeatable, found
        self.sent, self.resolved, self.asked_since = [], set(), []

    async def send(self, send):
        if self.errors:
            raise self.errors.pop(0)
        if send.attempt.words.text.endswith("is well."):  # said once after a start
            self.resolved.add(send.details["dedup_key"])
        else:
            self.sent.append(send)
        return Sent(vendor_id=f"{self.name}-{len(self.sent)}")

    async def find(self, attempt, known_ids, since, thread=None):
        self.asked_since.append(since)
        return None if self.found in known_ids or self.found is None else Found(vendor_id=self.found)

    def told(self):
        return [(send.attempt.address, send.attempt.words.text) for send in self.sent]


class House:
    """`before`: the house whose watch has died; clock and vendors are the same."""

    def __init__(self, duty=(ANA, BEN), rank=0, before=None, **vendors):
        self.clock, self.pings, self.found = before.clock if before else Clock(), 0, ()
        self.voice, self.sms = vendors.get("voice") or Vendor("voice"), vendors.get("sms") or Vendor("sms")
        self.slack = Vendor("slack")
        self.pagerduty = (
            vendors.get("pagerduty") or (before and before.pagerduty) or Vendor("pagerduty", repeatable=True)
        )
        channels = {
            ChannelName.VOICE: self.voice,
            ChannelName.SMS: self.sms,
            ChannelName.SLACK_CHANNEL: self.slack,
            ChannelName.PAGERDUTY: self.pagerduty,
        }
        whom, settings = (
            Told(url=URL, duty=duty, pagerduty_key="R1", slack_channel="C1"),
            load_settings(watch_rank=rank),
        )
        self.hears = False
        alarm, warning = (
            DutyAlarm(whom, level, channels, self.clock, SystemIds(), lambda: self.hears)
            for level in (alarm_level(settings), warning_level(settings))
        )
        self.alarm = alarm
        self.asked, self.answer = 0, None  # what Twilio says of our credentials; None: it takes them
        of_watch = DutyAlarm(whom, LEVEL, channels, self.clock, SystemIds())
        self.credentials = Credentials({"Twilio": self.check}, of_watch, self.clock, LOOK_AT_VENDORS)
        self.watch = Watch(self.look, alarm, warning, self.ping, self.clock, self.credentials)

    async def check(self):
        self.asked += 1
        if self.answer is not None:
            raise self.answer
        return Answers("taken")

    async def look(self):
        return self.found

    async def ping(self):
        self.pings += 1

    async def at(self, seconds, *found):
        """Look every few seconds until then, and find this each time."""
        self.found = found
        while self.clock.at < START + timedelta(seconds=seconds):
            self.clock.at += LOOK_EVERY
            await self.watch.turn()

    def called(self):
        return [address for address, _ in self.voice.told()]


async def test_who_is_told_that_it_is_not_well_and_that_it_is_over():
    house = House()
    await house.at(60)
    await house.at(90, *DOWN)
    assert house.sms.sent == house.voice.sent == []
    await house.at(95, *DOWN)
    text = (
        "Gridcall at https://gridcall.example is not well since 02:01:05 UTC: the database does not answer. "
        "Nobody may be called about events now."
    )
    assert house.sms.told() == [(ANA.number, text), (BEN.number, text)]
    assert house.slack.told() == [("C1", text)]
    assert house.pagerduty.told() == [("R1", text)]
    assert house.called() == [ANA.number]
    said = house.voice.sent[0].attempt.words.payload
    assert said["prompt"].startswith("This is Gridcall's watch, calling Ana. Gridcall is not well: the database")
    assert said["asks"] is False, "nobody listens for a key"
    await house.at(245, *DOWN)
    assert house.called() == [ANA.number, BEN.number]
    await house.at(310)
    over = "Gridcall at https://gridcall.example is well again after 4 minutes."
    assert [told for told in house.sms.told() if told[1] == over] == [(ANA.number, over), (BEN.number, over)]
    assert [send.details["action"] for send in house.pagerduty.sent] == ["trigger", "resolve"]
    assert len({send.details["dedup_key"] for send in house.pagerduty.sent}) == 1
    await house.at(900)
    assert (len(house.sms.sent), len(house.slack.sent), len(house.voice.sent)) == (4, 2, 2)


async def test_who_presses_1_looks_after_it_and_the_others_hear_so():
    house = House()
    house.hears = True
    await house.at(35, *DOWN)
    [call] = house.voice.sent
    assert call.attempt.words.payload["asks"] is True
    assert call.attempt.words.payload["prompt"].endswith("Press 1 to say that you do.")
    assert house.alarm.pressed(call.attempt.id)
    assert not house.alarm.pressed("of another call")
    await house.at(800, *DOWN)
    said = f"Ana looks after Gridcall at {URL}."
    assert house.called() == [ANA.number], "nobody else is called for a quarter of an hour"
    assert [number for number, text in house.sms.told() if text == said] == [BEN.number]
    assert house.slack.told()[-1] == ("C1", said)
    assert [send.details["action"] for send in house.pagerduty.sent] == ["trigger", "acknowledge"]
    await house.at(940, *DOWN)
    assert house.called() == [ANA.number, BEN.number], "it is not mended"
    await house.at(1010)
    assert not house.alarm.pressed(call.attempt.id), "it is over"


async def test_the_alert_of_a_watch_that_died_is_resolved():
    first = House()
    await first.at(40, *DOWN)
    second = House(before=first)
    await second.at(60, *DOWN)
    assert [send.details["action"] for send in second.pagerduty.sent] == ["trigger"]
    await second.at(200)
    assert second.pagerduty.resolved == {f"gridcall-watch:{URL}{level}" for level in ("", ":warning", ":watch")}
    assert second.sms.sent == []


async def test_an_error_of_the_watch_is_trouble_and_not_its_end():
    house = House(sms=Vendor("sms", ValueError("a bug")))

    async def broken():
        raise RuntimeError("a bug")

    house.watch._look = broken
    await house.at(100)
    assert house.called() == [ANA.number]
    assert "whether it is well cannot be seen (RuntimeError)" in house.slack.told()[0][1]


async def test_the_switch_is_asked_each_minute_and_only_while_all_is_well():
    house = House()
    await house.at(175)
    assert house.pings == 3
    await house.at(400, *DOWN)
    assert house.pings == 3
    await house.at(480)
    assert house.pings == 4


async def test_while_a_credential_of_the_watch_is_refused_the_switch_is_not_asked_for():
    """Nothing else would tell: the watch's own account is used in no other night."""
    house = House()
    house.answer = REFUSED
    await house.at(300)
    assert (house.asked, house.pings) == (1, 0)
    text = (
        f"The watch over Gridcall at {URL} is not well since 02:00:05 UTC: Twilio: 20003. "
        "The watch tells nobody by that until its credentials are mended."
    )
    assert house.slack.told() == [("C1", text)]
    assert house.pagerduty.told() == [("R1", text)]
    house.answer = SendError("503", retryable=True)
    await house.at(900)
    assert (house.asked, house.pings) == (2, 0), "who cannot be asked has not taken it"
    house.answer = None
    await house.at(1205)
    assert (house.asked, house.pings) == (3, 0)
    await house.at(1210)
    assert house.pings == 1
    assert house.slack.told()[-1] == ("C1", f"The watch over Gridcall at {URL} is well again after 20 minutes.")
    assert house.voice.sent == house.sms.sent == []


async def test_what_cannot_be_asked_for_now_is_no_refused_credential():
    house = House()
    house.answer = OutcomeUnknown("?")
    await house.at(130)
    assert (house.asked, house.pings) == (1, 3)
    assert house.slack.sent == []


async def test_who_is_not_to_ask_the_vendors_asks_for_the_switch():
    house = House()
    house.credentials._every = timedelta()
    await house.at(60)
    assert (house.asked, house.pings) == (0, 1)


def test_the_watch_asks_those_vendors_by_which_it_tells():
    account = {f"watch_twilio_{name}": value for name, value in (("account_sid", "AC" + "1" * 32), ("auth_token", "t"))}
    slack = {"slack_bot_token": "xoxb-1", "slack_signing_secret": "s"}
    settings = load_settings(**account, watch_twilio_from=ANA.number, **slack)
    connected = vendors.connect(settings.for_watch, Clock(), callbacks=False)
    assert set(checks(connected, Told(url=URL, duty=[ANA]))) == {"Twilio"}
    assert set(checks(connected, Told(url=URL, pagerduty_key="R1", slack_channel="C1"))) == {"PagerDuty", "Slack"}


async def test_what_could_not_be_told_is_tried_again_and_what_is_refused_is_not():
    again, refused = SendError("503", retryable=True), SendError("no such number", retryable=False)
    house = House(sms=Vendor("sms", again, refused))
    await house.at(5, *DOWN)
    house.pagerduty.errors.append(OutcomeUnknown("?"))
    await house.at(35, *DOWN)
    assert (house.sms.sent, house.pagerduty.sent) == ([], [])
    await house.at(60, *DOWN)
    assert [address for address, _ in house.sms.told()] == [ANA.number]
    assert len(house.pagerduty.sent) == 1


async def test_a_text_that_may_have_gone_out_is_not_sent_again():
    house = House(sms=Vendor("sms", OutcomeUnknown("?")))
    await house.at(100, *DOWN)
    assert [address for address, _ in house.sms.told()] == [BEN.number]


async def test_who_cannot_be_called_makes_way_at_once():
    house = House(voice=Vendor("voice", SendError("busy here", retryable=True)))
    await house.at(40, *DOWN)
    assert house.called() == [BEN.number]


async def test_whom_another_watch_has_called_a_moment_ago_is_not_called():
    house = House(voice=Vendor("voice", found="CA-of-the-other"))
    await house.at(60)
    await house.at(160, *DOWN)
    assert house.called() == []
    assert house.voice.asked_since == 2 * [START + timedelta(seconds=65)], (
        "before that there was no trouble to call for"
    )


async def test_of_a_long_alarm_a_call_of_the_last_five_minutes_counts():
    house = House(duty=(ANA,))
    await house.at(60)
    await house.at(660, *DOWN)
    assert house.voice.asked_since[-1] == START + timedelta(seconds=395) - timedelta(minutes=5)


async def test_a_watch_that_begins_in_the_middle_of_it_does_not_know_since_when_another_calls():
    house = House(duty=(ANA,))
    await house.at(40, *DOWN)
    assert house.voice.asked_since[0] == START + timedelta(seconds=35) - timedelta(minutes=5)


async def test_whoever_comes_second_sends_no_texts_either():
    house = House(rank=1, voice=Vendor("voice", found="CA-of-the-other"))
    await house.at(90, *DOWN)
    assert house.pagerduty.sent == [], "it waits a minute longer"
    await house.at(100, *DOWN)
    assert house.sms.sent == []
    assert (len(house.pagerduty.sent), len(house.slack.sent)) == (1, 1)
    await house.at(200)
    assert house.sms.sent == [], "nor the all-clear"


async def test_what_leaves_people_told_is_a_warning_and_wakes_nobody():
    house = House()
    await house.at(60, *NO_QUEUE)
    assert house.slack.sent == []
    await house.at(70, *NO_QUEUE)
    text = (
        "Gridcall at https://gridcall.example is not well since 02:00:05 UTC: RabbitMQ does not confirm. "
        "People are still called about events."
    )
    assert house.slack.told() == [("C1", text)]
    assert house.pagerduty.sent[0].attempt.words.payload["severity"] == "warning"
    assert house.pings == 2, "all is well as far as the switch goes"
    await house.at(600, *NO_QUEUE)
    assert (house.sms.sent, house.voice.sent, len(house.slack.sent)) == ([], [], 1)


async def test_an_alarm_beside_a_warning_is_an_alert_of_its_own():
    house = House()
    await house.at(65, *NO_QUEUE)
    await house.at(130, *DOWN, *NO_QUEUE)
    assert house.called() == [ANA.number]
    await house.at(200)
    keys = [(send.details["action"], send.details["dedup_key"]) for send in house.pagerduty.sent]
    assert keys == [
        ("trigger", f"gridcall-watch:{URL}:warning"),
        ("trigger", f"gridcall-watch:{URL}"),
        ("resolve", f"gridcall-watch:{URL}"),
        ("resolve", f"gridcall-watch:{URL}:warning"),
    ]


def test_one_watch_for_an_address_on_a_host():
    first, second, other = Place("own", URL), Place("own", URL), Place("outside", URL)
    try:
        assert first.taken()
        assert first.taken()
        assert not second.taken()
        assert other.taken()
        first.leave()
        assert second.taken()
    finally:
        for place in (first, second, other):
            place.leave()


def test_its_own_account_calls_when_it_has_one():
    account = {
        "watch_twilio_account_sid": "AC" + "1" * 32,
        "watch_twilio_auth_token": "t",
        "watch_twilio_from": ANA.number,
    }
    settings = load_settings(watch_duty="Ben=+13125550102", **account)
    assert settings.for_watch.twilio_from == ANA.number
    assert settings.twilio_from is None
    assert [person.name for person in told(settings, URL + "/").duty] == ["Ben"]
    with pytest.raises(SettingsError, match="GRIDCALL_WATCH_TWILIO_FROM"):
        load_settings(**account | {"watch_twilio_from": None})


async def test_its_own_call_does_not_count_as_anothers():
    house = House(duty=(ANA,), voice=Vendor("voice", found="voice-1"))
    house.voice.found = None
    await house.at(35, *DOWN)
    house.voice.found = "voice-1"
    await house.at(190, *DOWN)
    assert house.called() == [ANA.number, ANA.number]


async def test_when_calls_cannot_be_listed_it_rings_rather_twice_than_never():
    async def away(attempt, known_ids, since):
        raise SendError("503", retryable=True)

    house = House()
    house.voice.find = away
    await house.at(35, *DOWN)
    assert house.called() == [ANA.number]


@pytest.mark.parametrize(
    ("status", "body", "reasons", "warnings"),
    [
        (200, {"status": "well"}, [], []),
        (200, {"status": "well", "warnings": ["RabbitMQ"]}, [], ["RabbitMQ"]),
        (200, {"status": "starting"}, ["it answers 200"], []),
        (200, "<html>", ["it answers 200"], []),
        (200, [], ["it answers 200"], []),
        (503, {"status": "not well", "reasons": ["no router"], "warnings": ["RabbitMQ"]}, ["no router"], ["RabbitMQ"]),
        (503, {"reasons": "none"}, ["it answers 503"], []),
        (502, "Bad Gateway", ["it answers 502"], []),
        (200, "[" * 60_000, ["it answers 200"], []),
        (503, {"reasons": ["x" * 500] * 9}, ["x" * 200] * 5, []),
    ],
)
def test_what_an_answer_says(status, body, reasons, warnings):
    found = judge(status, (body if isinstance(body, str) else json.dumps(body)).encode())
    assert [one.text for one in found if one.calls] == reasons
    assert [one.text for one in found if not one.calls] == warnings


@pytest.mark.parametrize("body", [{"status": "well", "warnings": ["a file of the spool is broken"] * 5}, None])
async def test_an_answer_that_comes_in_pieces_is_read_whole(body):
    """Half a sentence would be taken for an illness. Of one without an end no more than its beginning is read."""
    text = json.dumps(body).encode() if body else b"x" * 200_000

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text[:40])
        await asyncio.sleep(0.05)
        writer.write(text[40:])
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, aiohttp.ClientSession() as session:
        port = server.sockets[0].getsockname()[1]
        found = await _look(session, f"http://127.0.0.1:{port}")
    assert [one.text for one in found if one.calls] == ([] if body else ["it answers 200"])
    assert [one.text for one in found if not one.calls] == (body["warnings"] if body else [])


def test_the_duty_list():
    assert duty_list("Ana = +1 312 555 0101,Ben=+13125550102") == [ANA, BEN]


@pytest.mark.parametrize("text", ["Ana", "=+13125550101", "Ana=", "Ana=+13125550101,", "Ana=12", "Ana=5550101"])
def test_a_duty_list_that_cannot_be_read_is_refused_without_its_numbers(text):
    with pytest.raises(SettingsError) as refused:
        load_settings(watch_duty=text)
    assert "GRIDCALL_WATCH_DUTY" in str(refused.value)
    assert "555" not in str(refused.value).replace("+13125550101", "")
