"""What every message keeps to, whoever wrote the event."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wording_world import ANA, CANCEL, CONTEXT, DRILL, NEW, RECEIVED, SITE, TERMINATE, at, event, say, text

from model.event import (
    CHANGES_LATER,
    MAY_BE_A_DRILL,
    NEEDS_READING,
    Action,
    EndKind,
    Instruction,
    MessageType,
    Mode,
    Phase,
    ResourceRef,
    TargetKind,
    Zone,
)
from model.plan import ChannelName, Kind
from notifiers.wording import speech
from notifiers.wording.answers import NO_KEY
from notifiers.wording.facts import reference
from notifiers.wording.speech import clock, count, digits
from routing import changes

CHANNELS = [c.value for c in ChannelName]
SPOKEN = [kind for kind in Kind if kind is not Kind.EDIT]
SAID = [(channel, kind) for channel in CHANNELS for kind in (Kind if channel.startswith("slack") else SPOKEN)]
NASTY = "<!channel> <script>alert(1)</script> & {{ 7*7 }} {% x %} <https://e.vil|ok> \x00\x1b[2J\u202e 😀🔥 `rm`\nline"


@pytest.mark.parametrize("content", [NEW, DRILL])
def test_what_and_by_when_are_said_in_ten_seconds(content):
    """Items 1 to 4 in 28 words, at 170 words a minute."""
    first = text("voice", content).partition("Hold until released")[0]
    assert "minutes left." in first
    assert len(first.split()) <= 28


@example("b " * 600, "a " * 150, 8, Kind.ALERT, False)
@example("b " * 600, "a " * 150, 8, Kind.ALERT, True)
@given(st.text(max_size=1200), st.text(max_size=300), st.integers(0, 8), st.sampled_from(SPOKEN), st.booleans())
def test_a_call_is_never_long(issuer_text, detail, sites, kind, driven):
    content = replace(
        NEW,
        headline=issuer_text or "x",
        text=issuer_text,
        phase_detail=detail,
        program="OPERATIONS" if driven else "EDR",
        resources=tuple(ResourceRef(scheme="S", code=f"Long site name {n}") for n in range(sites)),
    )
    script = text("voice", content, kind, changes=(detail,))
    assert speech.seconds(script) <= 40
    assert script.isprintable()


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("phase", list(Phase))
def test_what_needs_a_human_reading_is_told_in_its_own_words(channel, phase):
    """Neither "no action yet" nor "released" may be said of a text that nobody has understood."""
    content = replace(
        NEW,
        phase=phase,
        instruction=Instruction(),
        headline="Needs a human reading: reduce 5 MW, then 20 MW",
        text="reduce 5 MW, then 20 MW",
        extra={NEEDS_READING: "it names several amounts"},
    )
    said = " ".join(words.text for words in say(channel, content)).lower()
    assert "needs a human reading: reduce 5 mw, then 20 mw" in said
    assert not any(guess in said for guess in ("no action", "stand by", "released", "act now"))


def test_of_what_may_be_a_drill_nobody_says_that_it_is_none():
    content = replace(NEW, headline="Needs a human reading: OPERATOR DRILL", extra={NEEDS_READING: MAY_BE_A_DRILL})
    (words,) = say("voice", content)
    assert words.text.startswith("This may be a drill. ")
    assert "not a drill" not in words.text


@pytest.mark.parametrize("content", [NEW, DRILL])
@given(st.text(max_size=1200), st.integers(20, 300), st.booleans(), st.booleans())
def test_a_call_is_over_when_its_policy_says(content, issuer_text, call_seconds, driven, keys):
    """Said twice where that fits, else once, else without what can be read elsewhere; only then it takes longer."""
    known = replace(content, headline=issuer_text or "x", text=issuer_text, program="OPERATIONS" if driven else "EDR")
    ctx = replace(CONTEXT, call_seconds=call_seconds, keys=keys)
    (words,) = say("voice", known, ctx=ctx, changes=(issuer_text,))
    times, long = words.payload["times"], say("voice", known, ctx=replace(ctx, call_seconds=1e9))[0].payload
    needs = speech.call_seconds(words.text, times, NO_KEY)
    shortest = say("voice", known, ctx=replace(ctx, call_seconds=1), changes=(issuer_text,))[0]
    assert needs <= call_seconds or (words.text, times) == (shortest.text, 1)
    assert long["times"] == 2
    assert len(shortest.text.split()) <= len(long["prompt"].split())
    if content is DRILL:
        assert words.text.endswith("DRILL.")


def test_what_a_short_call_leaves_out():
    """Why, the call-back number and where to confirm as well first; who, what, by when and the keys never."""
    by = "Reduce one two point five megawatts by thirteen thirty Central, thirteen thirty Eastern Standard"
    lengths = {}
    for call_seconds in (90, 50, 40, 10):
        (words,) = say("voice", ctx=replace(CONTEXT, call_seconds=call_seconds))
        assert by in words.text
        assert "Press 1 to accept" in words.text
        lengths[call_seconds] = (words.payload["times"], "Call back" in words.text, "At Foundry 1" in words.text)
    assert lengths == {90: (2, True, True), 50: (1, True, True), 40: (1, False, True), 10: (1, False, False)}


def test_an_ordinary_call_is_within_forty_seconds():
    assert len(text("voice").split()) <= 100


@pytest.mark.parametrize(("channel", "kind"), SAID)
@pytest.mark.parametrize("driven", [False, True])
def test_strangers_text_is_harmless(channel, kind, driven):
    content = replace(
        NEW,
        headline=NASTY,
        text=NASTY,
        phase_detail=NASTY,
        issuer=NASTY,
        program="OPERATIONS" if driven else NASTY,
        zones=(Zone(scheme=NASTY, code=NASTY),),
        resources=(ResourceRef(scheme="x", code=NASTY),),
    )
    ev = event(content, changes=(NASTY,))
    for words in say(channel, kind=kind, ev=ev, details={"note": NASTY}, person=replace(ANA, name=NASTY)):
        assert words.text.isprintable()
        assert "😀" not in words.text
        assert "49" not in words.text.replace("0007", "")
        if channel == "voice":
            assert not set(words.text) & set("<>{}&`|")
        if channel.startswith("slack"):
            whole = words.text + json.dumps(words.payload)
            assert "<" not in whole
            assert ">" not in whole


@given(st.text(max_size=400), st.sampled_from(SAID), st.booleans())
def test_any_text_gives_sendable_words(anything, said, driven):
    channel, kind = said
    content = replace(DRILL, headline=anything, text=anything, program="OPERATIONS" if driven else anything)
    parts = say(channel, content, kind, changes=(anything,), details={"note": anything})
    assert len(parts) <= 5
    for words in parts:
        assert words.text.strip()
        json.dumps(words.payload)
        for block in words.payload.get("blocks", []):
            if block["type"] == "header":
                assert 0 < len(block["text"]["text"]) <= 150
            for field in block.get("fields", []):
                assert 0 < len(field["text"]) <= 2000
            if block["type"] == "section" and "text" in block:
                assert 0 < len(block["text"]["text"]) <= 3000
        assert len(words.payload.get("summary", "")) <= 1024


@pytest.mark.parametrize(
    ("instruction", "phase", "expected"),
    [
        (Instruction(action=Action.REDUCE_LOAD, target_mw=12.5), Phase.EVENT, "Reduce 12.5 MW"),
        (
            Instruction(action=Action.REDUCE_LOAD, target_mw=3, target_kind=TargetKind.ABSOLUTE),
            Phase.EVENT,
            "Reduce load to 3 MW",
        ),
        (Instruction(action=Action.REDUCE_LOAD), Phase.EVENT, "Reduce 12.5 MW"),
        (Instruction(action=Action.INCREASE_GEN, target_mw=0.125), Phase.EVENT, "Increase generation by 0.125 MW"),
        (Instruction(action=Action.HOLD, target_mw=40), Phase.EVENT, "Hold 40 MW"),
        (Instruction(target_mw=40), Phase.EVENT, "Deploy 40 MW"),
        (Instruction(target_mw=5, target_kind=TargetKind.ABSOLUTE), Phase.EVENT, "Set to 5 MW"),
        (Instruction(target_mw=0, target_kind=TargetKind.ABSOLUTE), Phase.EVENT, "Set to 0 MW"),
        (Instruction(target_mw=5, target_kind=TargetKind.ABSOLUTE), Phase.WARNING, "No action yet"),
        (Instruction(), Phase.EVENT, "Read and decide"),
        (Instruction(), Phase.WARNING, "No action yet"),
        (Instruction(action=Action.INFORMATIONAL, target_mw=0), Phase.ADVISORY, "No action yet"),
        (Instruction(action=Action.REDUCE_LOAD, target_mw=5), Phase.WARNING, "Reduce 5 MW"),
        (Instruction(action=Action.INFORMATIONAL), Phase.EVENT, "For information, no action"),
        (Instruction(action=Action.RELEASE, target_mw=0), Phase.EVENT, "Released, resume"),
    ],
)
def test_what_to_do(instruction, phase, expected):
    (words,) = say("slack_channel", replace(NEW, instruction=instruction, phase=phase))
    assert words.payload["blocks"][0]["text"]["text"] == f"MISO EDR {phase}: {expected}"


def test_a_level_is_told_as_a_level():
    """Who is at eight megawatts and hears "deploy five" would go anywhere but to five."""
    content = replace(NEW, instruction=Instruction(target_mw=5, target_kind=TargetKind.ABSOLUTE))
    assert "Set to five megawatts by thirteen thirty Central" in text("voice", content)
    assert "Hold until released." in text("voice", content)
    assert "MISO EDR READ NOW: set to 5 MW at Foundry 1 by 13:30 CDT" in say("sms", content)[0].text


def test_without_any_megawatts():
    bare = replace(CONTEXT, sites=(replace(SITE, contracted_mw=None),))
    named = tuple(replace(resource, target_mw=None) for resource in NEW.resources)
    content = replace(NEW, instruction=Instruction(action=Action.REDUCE_LOAD), resources=named)
    assert "Reduce load as contracted by" in text("voice", content, ctx=bare)
    assert "None" not in text("voice", content, ctx=bare)


MILL = replace(SITE, code="ACME.MILL2", name="Mill 2", contracted_mw=8.0)


@pytest.mark.parametrize(
    ("shares", "kind", "sites", "expected"),
    [
        ((5.0,), TargetKind.RELATIVE, (SITE,), "Reduce 5 MW"),
        ((5.0, 3.0), TargetKind.RELATIVE, (SITE, MILL), "Reduce 8 MW"),
        ((5.0, 3.0), TargetKind.RELATIVE, (), "Reduce 8 MW"),
        ((5.0, 3.0), TargetKind.ABSOLUTE, (SITE, MILL), "Reduce load to 8 MW"),
        ((5.0, None), TargetKind.RELATIVE, (SITE, MILL), "Reduce 13 MW"),
        ((None, None), TargetKind.RELATIVE, (SITE, MILL), "Reduce 20.5 MW"),
        ((None, None), TargetKind.RELATIVE, (SITE,), "Reduce load as contracted"),
        ((None,), TargetKind.ABSOLUTE, (SITE,), "Reduce load as contracted"),
        ((5.0, None), TargetKind.ABSOLUTE, (SITE, MILL), "Reduce load as contracted"),
        ((), TargetKind.RELATIVE, (), "Reduce load as contracted"),
    ],
)
def test_megawatts_that_only_the_sites_have(shares, kind, sites, expected):
    """The issuer's number for each counts; what is contracted only for those without, and never as a level."""
    resources = tuple(
        ResourceRef(scheme=site.scheme, code=site.code, target_mw=share)
        for site, share in zip((SITE, MILL), shares, strict=False)
    )
    content = replace(NEW, instruction=Instruction(action=Action.REDUCE_LOAD, target_kind=kind), resources=resources)
    (words,) = say("slack_channel", content, ctx=replace(CONTEXT, sites=sites))
    assert words.payload["blocks"][0]["text"]["text"] == f"MISO EDR event: {expected}"


def test_an_advisory_says_that_nothing_is_to_be_done_yet():
    advisory = replace(NEW, phase=Phase.ADVISORY, instruction=Instruction(action=Action.INFORMATIONAL))
    assert "MISO EDR NO ACTION YET: stand by at Foundry 1 from 13:30 CDT" in say("sms", advisory)[0].text
    assert "No action yet from thirteen thirty" in text("voice", advisory)


def test_received_late():
    late = {"received_at": at("18:40:00"), "now": at("18:40:01")}
    assert "RECEIVED LATE" in say("sms", NEW, **late)[0].text
    assert "since 13:30 CDT" in say("sms", NEW, **late)[0].text
    assert "Received late." in text("voice", NEW, **late)
    assert text("slack_channel", NEW, **late).startswith("RECEIVED LATE")
    assert text("pagerduty", NEW, **late).startswith("RECEIVED LATE")
    passed = replace(event(NEW), deadline_at=RECEIVED - timedelta(seconds=1))
    assert "RECEIVED LATE" in say("sms", ev=passed)[0].text
    assert "LATE" not in say("sms", NEW)[0].text


def test_scheduled_end_is_a_time():
    content = replace(NEW, end_kind=EndKind.SCHEDULED)
    assert "until 17:30 CDT (17:30 EST)" in say("sms", content)[0].text
    assert "Until seventeen thirty Central, " in text("voice", content)


@pytest.mark.parametrize("end_kind", EndKind)
def test_an_order_that_changes_before_its_end_says_so(end_kind):
    """Who hears "until 17:30" of 12.5 MW would hold them too long, or not long enough."""
    content = replace(NEW, end_kind=end_kind, extra={CHANGES_LATER: "Interval 2: 5 MW"})
    for channel in ("voice", "sms", "slack_channel", "slack_dm"):
        (first, *rest) = say(channel, content)
        said = " ".join([*(words.text for words in (first, *rest)), json.dumps(first.payload)])
        assert "changes before that: read the message" in said


def test_never_a_zone_without_a_site():
    nowhere = replace(NEW, resources=())
    bare = replace(CONTEXT, sites=())
    assert "no site named, zone 4" in text("voice", nowhere, ctx=bare)


def test_many_sites():
    refs = tuple(ResourceRef(scheme="S", code=f"Site{n}", target_mw=n) for n in range(1, 6))
    many = replace(NEW, resources=refs)
    assert "At Site1, Site2, Site3 and 2 more" in text("voice", many, ctx=replace(CONTEXT, sites=()))


@pytest.mark.parametrize(("sites", "ending"), [(8, "Site8: 8 MW"), (25, "Site20: 20 MW, and 5 more")])
def test_the_shares_of_many_sites_push_nothing_out_of_a_post(sites, ending):
    refs = tuple(ResourceRef(scheme="S", code=f"Site{n}", target_mw=n) for n in range(1, sites + 1))
    (words,) = say("slack_channel", replace(NEW, resources=refs), changes=("NOW 15 MW (was 12.5)",))
    _, fields, shares, *_ = words.payload["blocks"]
    titles = [field["text"].split("*")[1] for field in fields["fields"]]
    assert titles == ["When", "Until", "Where", "Why", "Changed", "Answer by", "Ref", "Also confirm in"]
    assert shares["text"]["text"].startswith("*Shares* Site1: 1 MW, Site2: 2 MW, ")
    assert shares["text"]["text"].endswith(ending)


@pytest.mark.parametrize("event_id", ["silence/miso/3", "unreadable/miso/0a1b2c"])
def test_our_own_alarms_speak_by_their_headline(event_id):
    content = replace(
        NEW, issuer="", program="", instruction=Instruction(), headline="MISO feed is silent since 12:54", text=""
    )
    script = text("voice", content, event_id=event_id)
    assert script.startswith("This is not a drill. Gridcall alarm. MISO feed is silent since 12:54.")
    for word in ("megawatt", "MW", "Reduce", "Read and decide", "Hold"):
        assert word not in script
    assert say("sms", content, event_id=event_id)[0].text.startswith("Gridcall ALARM: MISO feed is silent since 12:54.")


def test_what_is_over_is_said_to_be_resolved():
    content = replace(
        TERMINATE, issuer="", program="OPERATIONS", headline="Disk is full", instruction=Instruction(), text=""
    )
    for channel in ("sms", "voice", "slack_channel", "pagerduty"):
        assert "resolved: disk is full" in text(channel, content, Kind.STAND_DOWN).lower()
    already = replace(content, headline="RESOLVED: Disk is full")
    assert text("voice", already, Kind.STAND_DOWN).lower().count("resolved") == 1


def test_sms_heads_stand_alone_however_long_the_names():
    site = replace(SITE, name="The Old Northern Foundry and Rolling Mill")
    content = replace(NEW, issuer="Midcontinent Independent SO", program="LONG-PROGRAM-NAME")
    head = say("sms", content, ctx=replace(CONTEXT, sites=(site,)))[0].text
    assert "Reply 1A=ACK 2A=CANNOT (1/" in head
    assert "cut 12.5 MW" in head
    assert len(head) <= 160


def test_a_drill_with_real_looking_text_stays_a_drill():
    first = say("sms", replace(NEW, mode=Mode.DRILL, headline="ACT NOW, THIS IS REAL"))[0].text
    assert first.startswith("DRILL ")
    assert "ACT NOW" not in first


@pytest.mark.parametrize(
    ("event_id", "expected"),
    [
        ("MISO-EDR-2026-07-14-0007", "0007"),
        ("ERCOT_77", "77"),
        ("0198f0c2-aaaa-7bbb-8ccc-0123456789ab", "89AB"),
        ("///", "0"),
        ("Ünï-9", "9"),
    ],
)
def test_reference(event_id, expected):
    assert reference(event_id) == expected


def test_numbers_for_the_ear():
    assert digits("12.5") == "one two point five"
    assert digits("A7") == "A seven"
    assert [count(n) for n in (0, 7, 19, 20, 42, 59, 60)] == [
        "zero",
        "seven",
        "nineteen",
        "twenty",
        "forty two",
        "fifty nine",
        "six zero",
    ]
    assert [clock(at(t)) for t in ("13:30", "14:00", "00:05", "09:00")] == [
        "thirteen thirty",
        "fourteen hundred",
        "zero zero oh five",
        "oh nine hundred",
    ]


def test_a_notification_speaks_of_its_own_revision():
    hold = replace(NEW, message_type=MessageType.UPDATE, instruction=Instruction(action=Action.HOLD, target_mw=9))
    both = event(NEW, hold)
    assert "Reduce 12.5 MW" in text("slack_channel", ev=both, revision=1)
    assert "Hold 9 MW" in text("slack_channel", ev=both, revision=2)
    assert "Hold 9 MW" in text("slack_channel", ev=both, revision=7)


@pytest.mark.parametrize(
    ("home", "said"),
    [
        ("America/Detroit", "fourteen thirty Eastern Daylight, thirteen thirty Eastern Standard"),
        ("America/Chicago", "thirteen thirty Central, thirteen thirty Eastern Standard"),
        ("Asia/Manila", "oh two thirty P S T, Tuesday thirteen thirty Eastern Standard"),
        ("Asia/Shanghai", "oh two thirty C S T, Tuesday thirteen thirty Eastern Standard"),
    ],
)
def test_two_clocks_are_told_apart_by_ear(home, said):
    """Of two clocks of one name the season is said; another country's abbreviation is no zone of North America."""
    assert f"megawatts by {said}" in text("voice", person=replace(ANA, timezone=home))


CHANNELS_OF_PEOPLE = ["voice", "sms", "slack_channel", "slack_dm"]


@pytest.mark.parametrize("channel", CHANNELS_OF_PEOPLE)
def test_an_end_is_no_new_order(channel):
    """Nobody reads "NOW 0 MW" or "START MOVED" in the release of "increase generation by 12.5 MW"."""
    up = replace(NEW, instruction=Instruction(action=Action.INCREASE_GEN, target_mw=12.5))
    ev = event(up, TERMINATE, changes=changes.in_words(up, TERMINATE))
    assert ev.latest.changes
    [words] = say(channel, ev=ev, kind=Kind.STAND_DOWN)[:1]
    said = f"{words.text} {words.payload.get('blocks')}"
    assert "resume" in said.lower()
    assert not [word for word in ("NOW", "MOVED", "SHORTENED", "Changed", "PHASE") if word in said]


@pytest.mark.parametrize("channel", CHANNELS_OF_PEOPLE)
@pytest.mark.parametrize(
    ("started", "shown", "hidden"), [(False, "take no action", "resume"), (True, "resume", "take no action")]
)
def test_what_is_cancelled_after_its_start_may_be_resumed(channel, started, shown, hidden):
    """People have been curtailing by then: "take no action" would keep them at it."""
    heard_at = NEW.effective_at + (timedelta(minutes=5) if started else -timedelta(minutes=5))
    ev = event(NEW, CANCEL, received_at=heard_at)
    for now in (heard_at, NEW.effective_at + timedelta(hours=1)):
        said = text(channel, ev=ev, kind=Kind.STAND_DOWN, now=now).lower()
        assert "cancelled" in said
        assert shown in said
        assert hidden not in said
        assert ("had started at" in said) is started


def test_what_only_informs_is_in_the_words_of_those_who_are_told_later():
    """They answer the revision that asks, and are told what is known by now; what is over is told as it was."""
    corrected = replace(NEW, message_type=MessageType.UPDATE, phase_detail="Max Gen Event Step 3")
    ev = replace(event(NEW, corrected), answer_revision=1)
    assert "Max Gen Event Step 3" in text("voice", ev=ev, revision=1)
    assert "revision one" in text("voice", ev=ev, revision=1)
    [words] = say("slack_channel", ev=ev, revision=1)
    assert "Step 3" in str(words.payload["blocks"])
    assert '"revision": 1' in str(words.payload["blocks"])
    assert "Step 2" in text("voice", ev=replace(ev, answer_revision=2), revision=1)
    over = replace(event(NEW, corrected, CANCEL), answer_revision=1)
    assert "Step 2" in text("voice", ev=over, revision=1)


PAGE = "https://gridcall.example/e/" + "x" * 35


@pytest.mark.parametrize(
    "content", [NEW, DRILL, replace(NEW, headline="Ł" * 60, program="", instruction=Instruction())]
)
def test_the_link_to_the_page_is_the_last_thing_of_a_text(content):
    """Never in the first part, which says what it says without the link."""
    without, parts = say("sms", content), say("sms", content, ctx=replace(CONTEXT, page=PAGE))
    assert [PAGE in words.text for words in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].text.rpartition(" (")[0].endswith(PAGE)
    assert parts[0].text.rpartition(" (")[0] == without[0].text.rpartition(" (")[0]


def test_what_names_thousands_of_resources_fits_pagerduty():
    """It takes 512 KB; a webhook has all of them."""
    names = (
        ResourceRef(scheme="MISO-EPNODE", code=f"ALTW.DR.INDUSTRIAL.LÖAD.{n:05}.UNIT1", target_mw=1.25)
        for n in range(9000)
    )
    many = replace(NEW, zones=(Zone(scheme="MISO-LRZ", code="4"),), resources=tuple(names))
    (paged,) = say("pagerduty", many)
    details = paged.payload["custom_details"]
    assert (details["resources_count"], details["zones_count"]) == (9000, 1)
    assert "resources" not in details
    assert details["instruction"]["target_mw"] == 12.5
    assert len(json.dumps(paged.payload)) < 10_000
    (told,) = say("webhook", many)
    assert len(told.payload["custom_details"]["resources"]) == 9000
    (small,) = say("pagerduty", replace(many, resources=many.resources[:100]))
    assert len(small.payload["custom_details"]["resources"]) == 100
