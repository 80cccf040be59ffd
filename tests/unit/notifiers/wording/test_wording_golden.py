"""The canonical MISO EDR chain, word for word."""

from dataclasses import replace
from datetime import timedelta

import pytest
from wording_world import ANA, CANCEL, CONTEXT, DRILL, NEW, TERMINATE, UPDATE, at, event, say, text

from model.event import Mode
from model.plan import Kind

WHO = "MISO emergency demand response."
CLOCKS = "thirteen thirty Central, thirteen thirty Eastern Standard"
END = "Reference zero zero zero seven, revision one. Call back one three one two five five five zero one zero zero."
EXTENDED = {"changes": ("EXTENDED to 18:30 EST",), "kind": Kind.ALERT, "now": at("20:41:20")}


def test_voice_alert():
    assert text("voice") == (
        f"This is not a drill. {WHO} Reduce one two point five megawatts by {CLOCKS}, thirty one minutes left. "
        "Hold until released. At Foundry 1, zone 4. Max Gen Event Step 2, E E A two. Also confirm in MCS. "
        f"Press 1 to accept, 2 if you cannot comply, 3 to repeat, 9 for the next person. {END}"
    )


def test_voice_extension():
    assert text("voice", UPDATE, **EXTENDED) == (
        f"This is not a drill. {WHO} Reduce one two point five megawatts since {CLOCKS}. "
        "Changed: EXTENDED to 18:30 EST. Hold until released. At Foundry 1, zone 4. "
        "Max Gen Event Step 2, E E A two. Also confirm in MCS. "
        f"Press 1 to accept, 2 if you cannot comply, 3 to repeat, 9 for the next person. {END}"
    )


def test_voice_cancel():
    assert text("voice", CANCEL, Kind.STAND_DOWN, at("18:06:10")) == (
        f"This is not a drill. {WHO} Stand down. Cancelled, take no action, was to start at {CLOCKS}. "
        f"At Foundry 1, zone 4. {END}"
    )


def test_voice_release():
    assert text("voice", TERMINATE, Kind.STAND_DOWN, at("21:45:10")) == (
        f"This is not a drill. {WHO} Stand down. Released, resume, as of sixteen forty five Central, "
        f"sixteen forty five Eastern Standard. At Foundry 1, zone 4. {END}"
    )


def test_voice_courtesy():
    assert text("voice", NEW, Kind.COURTESY) == (
        f"This is not a drill. {WHO} Ana has it since twelve fifty nine Central Daylight. Nothing to do. "
        "Reference zero zero zero seven, revision one."
    )


def test_voice_confirm():
    assert text("voice", NEW, Kind.CONFIRM) == (
        f"This is not a drill. {WHO} You accepted this, and nothing was heard since. Is it in hand? "
        "Press 1 if it is, 2 if you cannot comply, 3 to repeat. Reduce one two point five megawatts by "
        f"{CLOCKS}. Reference zero zero zero seven, revision one."
    )


NOTE = "You come on call for Operations Mon 9 Nov 09:00 CST. Ben Okafor goes off."


@pytest.mark.parametrize("channel", ["sms", "slack_dm"])
def test_a_reminder_is_its_sentence(channel):
    assert text(channel, NEW, Kind.REMINDER, details={"note": NOTE}) == f"Gridcall: {NOTE}"


def test_voice_payload():
    (words,) = say("voice")
    assert words.payload == {"prompt": words.text, "language": "en-US", "asks": True, "times": 2}
    assert words.template == "voice/alert@6"


@pytest.mark.parametrize(
    ("content", "more", "parts"),
    [
        (
            NEW,
            {},
            (
                "MISO EDR ACT NOW: cut 12.5 MW at Foundry 1 by 13:30 CDT (13:30 EST), hold until released. "
                "Ref 0007 r1. Reply 1A=ACK 2A=CANNOT (1/2 A)",
                "Planned end 17:30 CDT (17:30 EST). 31 min left. Foundry 1, MISO-LRZ 4. "
                "Max Gen Event Step 2, EEA 2. Also confirm in MCS. Call +13125550100. (2/2 A)",
            ),
        ),
        (
            UPDATE,
            EXTENDED,
            (
                "MISO EDR ACT NOW: EXTENDED to 18:30 EST. Cut 12.5 MW at Foundry 1 since 13:30 CDT (13:30 EST), "
                "hold until released. Ref 0007 r1. Reply 1A=ACK 2A=CANNOT (1/2 A)",
                "Planned end 18:30 CDT (18:30 EST). Foundry 1, MISO-LRZ 4. Max Gen Event Step 2, EEA 2. "
                "Also confirm in MCS. Call +13125550100. (2/2 A)",
            ),
        ),
        (
            CANCEL,
            {"kind": Kind.STAND_DOWN, "now": at("18:06:10")},
            ("MISO EDR CANCELLED: take no action at Foundry 1, was to start at 13:30 CDT (13:30 EST). Ref 0007 r1.",),
        ),
        (
            TERMINATE,
            {"kind": Kind.STAND_DOWN, "now": at("21:45:10")},
            ("MISO EDR RELEASED: resume at Foundry 1, as of 16:45 CDT (16:45 EST). Ref 0007 r1.",),
        ),
        (
            NEW,
            {"kind": Kind.COURTESY, "now": at("18:05:00")},
            ("MISO EDR: Ana has it since 12:59 CDT. Nothing to do. Ref 0007 r1.",),
        ),
        (
            DRILL,
            {},
            (
                "DRILL MISO EDR: cut 12.5 MW at Foundry 1 by 13:30 CDT (13:30 EST), hold until released. "
                "Ref 0007 r1. Reply 1A=ACK 2A=CANNOT DRILL (1/2 A)",
                "Planned end 17:30 CDT (17:30 EST). 31 min left. Foundry 1, MISO-LRZ 4. "
                "Max Gen Event Step 2, EEA 2. Also confirm in MCS. Call +13125550100. DRILL (2/2 A)",
            ),
        ),
    ],
)
def test_sms(content, more, parts):
    assert tuple(w.text for w in say("sms", content, **more)) == parts


@pytest.mark.parametrize("channel", ["slack_channel", "slack_dm"])
def test_slack_alert(channel):
    (words,) = say(channel)
    assert words.text == "MISO EDR ACT NOW: Reduce 12.5 MW at Foundry 1 by 13:30 CDT (13:30 EST)"
    header, fields, said, actions, context = words.payload["blocks"]
    assert header["text"]["text"] == "MISO EDR event: Reduce 12.5 MW"
    assert [f["text"] for f in fields["fields"]] == [
        "*When* by 13:30 CDT (13:30 EST), 31 min left",
        "*Until* hold until released, planned 17:30 CDT (17:30 EST)",
        "*Where* Foundry 1, MISO-LRZ 4",
        "*Why* Max Gen Event Step 2, EEA 2",
        "*Answer by* 13:08 CDT",
        "*Ref* 0007 r1",
        "*Also confirm in* MCS",
    ]
    assert said["text"]["text"] == NEW.text
    assert [b["action_id"] for b in actions["elements"]] == ["acknowledge", "cannot_comply", "who_else"]
    assert actions["elements"][0]["value"] == '{"event": "e1", "revision": 1}'
    assert context["elements"][0]["text"].startswith("This is not a drill. MISO-EDR-2026-07-14-0007 for Operations")


def test_slack_without_a_person_takes_the_sites_clock_or_the_given_one():
    assert "13:30 CDT (13:30 EST)" in text("slack_channel", person=None)
    there = replace(CONTEXT, timezone="America/New_York")
    assert "14:30 EDT (13:30 EST)" in text("slack_channel", person=None, ctx=there)


def test_buttons_only_where_an_answer_is_wanted():
    def buttons(**more):
        (words,) = say("slack_channel", **more)
        return [b for b in words.payload.get("blocks", []) if b["type"] == "actions"]

    assert buttons()
    assert not buttons(kind=Kind.UPDATE)
    assert not buttons(kind=Kind.STAND_DOWN, content=TERMINATE)
    newer = replace(event(NEW, NEW), answer_revision=2)
    assert not buttons(ev=newer, revision=1)


def test_what_is_over_says_so_first_and_asks_nothing():
    """The rest stays as it was, but for the minutes that were left."""
    ended = event(NEW, TERMINATE)
    (words,) = say("slack_channel", ev=ended, kind=Kind.EDIT, revision=1, person=None, now=at("21:46:00"))
    over = "RELEASED, accepted by Ana 12:59 CDT. MISO EDR"
    assert words.text == f"{over}: Reduce 12.5 MW at Foundry 1 since 13:30 CDT (13:30 EST)"
    header, fields, *_ = words.payload["blocks"]
    assert header["text"]["text"] == f"{over} event: Reduce 12.5 MW"
    assert "left" not in str(fields)
    assert "Answer by" not in str(fields)
    assert [b for b in words.payload["blocks"] if b["type"] == "actions"] == []


def test_slack_lines():
    note = say("slack_channel", NEW, Kind.NOTE, details={"note": "Ana accepted at 12:59 CDT"})
    assert (note[0].text, note[0].payload) == ("Ana accepted at 12:59 CDT", {})
    assert text("slack_channel", NEW, Kind.ADMIN, details={"note": "Nobody on call"}) == "Gridcall: Nobody on call"
    assert text("slack_dm", NEW, Kind.COURTESY) == "MISO EDR 0007 r1: Ana has it since 12:59 CDT. Nothing to do."
    assert (
        text("slack_channel", UPDATE, **(EXTENDED | {"kind": Kind.UPDATE}))
        == "MISO EDR UPDATE: EXTENDED to 18:30 EST. Reduce 12.5 MW at Foundry 1 since 13:30 CDT (13:30 EST)"
    )


def test_pagerduty():
    (words,) = say("pagerduty", details={"action": "trigger", "severity": "info"})
    assert words.text == "MISO EDR: cut 12.5 MW by 13:30 EST, zone 4"
    payload = dict(words.payload)
    data = payload.pop("custom_details")
    assert payload == {
        "summary": words.text,
        "source": "MISO feed",
        "severity": "info",
        "timestamp": "2026-07-14T17:58:40+00:00",
        "component": "Foundry 1",
        "group": "Operations",
        "class": "MISO EDR",
    }
    assert data["event_id"] == "MISO-EDR-2026-07-14-0007"
    assert data["instruction"]["target_mw"] == 12.5
    assert text("pagerduty", TERMINATE, Kind.STAND_DOWN) == "MISO EDR RELEASED: return to normal from 16:45 EST"
    assert say("pagerduty", details={"severity": "critical"})[0].payload["severity"] == "critical"


@pytest.mark.parametrize("mode", [Mode.DRILL, Mode.TEST])
@pytest.mark.parametrize("kind", [Kind.ALERT, Kind.UPDATE, Kind.STAND_DOWN, Kind.COURTESY])
@pytest.mark.parametrize("channel", ["voice", "sms", "slack_dm", "slack_channel", "pagerduty"])
def test_a_drill_is_one_first_and_last(channel, kind, mode):
    word = mode.value.upper()
    for content in (DRILL, TERMINATE, replace(DRILL, program="OPERATIONS", headline="Feed is silent")):
        all_words = say(channel, replace(content, mode=mode), kind)
        spoken = [w.text.rpartition(" (")[0] if len(all_words) > 1 else w.text for w in all_words]
        assert spoken[0].startswith(word)
        assert spoken[0].rstrip(".").endswith(word) or channel == "voice"
        assert spoken[-1].rstrip(".").endswith(word)
        assert "not a drill" not in " ".join(spoken)
        for block in all_words[0].payload.get("blocks", [])[:1]:
            assert block["text"]["text"].startswith(word)
            assert block["text"]["text"].endswith(word)


def test_the_person_has_a_clock_of_their_own():
    """A day is named where it is not today's; one clock is said once."""
    tokyo = replace(ANA, timezone="Asia/Tokyo")
    assert "by 03:30 JST (Tue 13:30 EST)" in say("sms", person=tokyo)[0].text
    assert "by oh three thirty JST" not in text("voice", person=tokyo)
    jamaica = replace(ANA, timezone="America/Jamaica")
    assert "by 13:30 EST, hold" in say("sms", person=jamaica)[0].text
    nowhere = replace(ANA, timezone="Not/AZone")
    assert "by 18:30 UTC (13:30 EST)" in say("sms", person=nowhere)[0].text


def test_far_off_starts_name_the_day():
    content = replace(NEW, effective_at=at("18:30:00") + timedelta(days=1))
    assert "by Wed 13:30 CDT (13:30 EST)" in say("sms", content)[0].text
    assert "24 h 31 min left" in say("sms", content)[1].text
    assert "Wednesday thirteen thirty Central, " in text("voice", content)
    later = replace(NEW, effective_at=at("18:30:00") + timedelta(days=20))
    assert "by Aug 3 13:30 CDT" in say("sms", later)[0].text
