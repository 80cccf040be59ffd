"""Several events in one message: the most urgent in words of their own, how many in all, and how to answer each."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wording_world import ANA, CANCEL, CONTEXT, DRILL, NEW, NOW, event, row

from model.plan import ChannelName, Kind
from notifiers.wording import Named, render_edited, render_together, said_again, speech
from notifiers.wording.answers import NEXT, NO_KEY, SpokenAnswer, how_many, hung_up, spoken
from notifiers.wording.sms_parts import MAX_PARTS, fits

LETTERS = "ACDEFGHJKLMNPRTXYZ"


def told(channel, contents, kind=Kind.ALERT, ctx=CONTEXT):
    found = []
    for letter, content in zip(LETTERS, contents, strict=False):
        one = event(content, event_id=f"MISO-EDR-{letter}")
        found.append(Named(row(channel, kind, one), one, replace(ctx, code=letter)))
    return found


def said(channel, contents, count=None, kind=Kind.ALERT, page=""):
    named = told(channel, contents, kind)
    return render_together(named, count or len(named), ANA, page, NOW)


def test_the_first_part_stands_alone():
    first = said("sms", [NEW] * 8, 500)[0].text
    assert first.startswith("500 EVENTS. Reply 1+letters=ACK, 2+letters=CANNOT, 1*=ACK all. A: MISO EDR")
    assert "cut 12.5 MW" in first
    assert fits(first)


def test_the_rest_is_counted_and_the_page_comes_last():
    parts = [words.text for words in said("sms", [NEW] * 8, 500, page="https://gridcall.example/e/abcdefghijklmnop")]
    whole = " ".join(parts)
    named = [letter for letter in LETTERS[:8] if f" {letter}: MISO EDR" in whole]
    assert len(named) >= 5
    assert f"And {500 - len(named)} more, 1*=ACK all." in whole
    assert "https://gridcall.example/e/abcdefghijklmnop" in parts[-1]


def test_a_drill_among_others_is_said_to_be_one():
    whole = " ".join(words.text for words in said("sms", [NEW, DRILL]))
    assert "C: DRILL MISO EDR" in whole


@pytest.mark.parametrize(
    ("kind", "contents", "head"),
    [
        (Kind.UPDATE, [NEW, NEW], "2 UPDATES. No new answer needed. MISO EDR: "),
        (Kind.STAND_DOWN, [CANCEL, CANCEL], "2 EVENTS ARE OVER. MISO EDR CANCELLED: "),
        (Kind.COURTESY, [NEW, NEW], "2 EVENTS ARE TAKEN. Nothing to do. MISO EDR: Ana has it since "),
    ],
)
def test_each_kind_begins_with_what_it_means(kind, contents, head):
    assert said("sms", contents, kind=kind)[0].text.startswith(head)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.text(max_size=300), st.booleans()), min_size=1, max_size=8),
    st.integers(0, 600),
    st.sampled_from([Kind.ALERT, Kind.UPDATE, Kind.STAND_DOWN, Kind.COURTESY]),
    st.sampled_from(["", "https://gridcall.example/e/0123456789012345678901234567890123456789"]),
)
def test_whatever_issuers_write_it_fits(texts, more, kind, page):
    contents = [
        replace(NEW, headline=text or "x", text=text, program="OPERATIONS" if driven else "EDR")
        for text, driven in texts
    ]
    parts = said("sms", contents, len(contents) + more, kind, page)
    assert 1 <= len(parts) <= MAX_PARTS
    assert all(fits(part.text) for part in parts)
    [post] = said("slack_channel", contents, len(contents) + more, kind)
    assert len(post.payload["blocks"]) <= 50
    assert all(len(b["text"]["text"]) <= 3000 for b in post.payload["blocks"] if b["type"] == "section")


def test_a_post_lists_all_and_the_first_have_their_buttons():
    [post] = said("slack_channel", [replace(NEW, headline=f"<b>{n}</b>") for n in range(18)])
    assert post.text.splitlines()[0] == "18 events at once"
    assert len(post.text.splitlines()) == 19
    buttons = [e for b in post.payload["blocks"] if b["type"] == "actions" for e in b["elements"]]
    assert len([b for b in buttons if b["action_id"] == "acknowledge"]) == 8
    assert all(json.loads(b["value"]).keys() == {"event", "revision"} for b in buttons)
    assert "<b>" not in json.dumps(post.payload)


LONG = replace(NEW, headline="Überlast " * 40, program="OPERATIONS")


def many(content, count=100, kind=Kind.ALERT):
    events = [event(content, event_id=f"MISO-EDR-2026-07-14-{n:04}") for n in range(count)]
    return [Named(row(ChannelName.SLACK_CHANNEL, kind, one), one, CONTEXT) for one in events]


def as_sent(post, attempt="0" * 36):
    """The size of its blocks as they go out: each button says by which attempt."""
    blocks = json.dumps(post.payload["blocks"], ensure_ascii=False)
    return len(blocks.replace(r"{\"event", rf"{{\"attempt\": \"{attempt}\", \"event"))


@pytest.mark.parametrize(
    ("content", "kind", "at_least"),
    [(NEW, Kind.ALERT, 50), (LONG, Kind.ALERT, 35), (LONG, Kind.UPDATE, 55), (CANCEL, Kind.STAND_DOWN, 80)],
)
def test_a_post_tells_what_slack_takes_and_leaves_the_rest_for_another(content, kind, at_least):
    named = many(content, kind=kind)
    [post] = render_together(named, 100, None, "", NOW)
    told = post.payload["lists"]
    assert at_least <= len(told) < 100
    assert told == [one.row.id for one in named[: len(told)]]
    assert post.text.startswith(f"{len(told)} ")
    assert len(post.text.splitlines()) == 1 + len(told)
    shown = json.dumps(post.payload["blocks"])
    assert [n for n in range(100) if f"ref {n:04}" in shown] == list(range(len(told)))
    assert as_sent(post) <= 12_000
    assert len(post.payload["blocks"]) <= 50
    # It could take one more only by going beyond.
    [more] = render_together(named[: len(told)], 100, None, "", NOW)
    assert more.payload["lists"] == told


def test_what_a_post_told_has_room_in_its_edit():
    """Each line says more when its event is over; their buttons go."""
    named = many(LONG)
    [post] = render_together(named, 100, None, "", NOW)
    told = named[: len(post.payload["lists"])]
    edited = render_edited(over(told, *range(len(told))), "0" * 36, None, NOW)
    assert json.dumps(edited.payload).count("CANCELLED") == len(told)
    assert len(json.dumps(edited.payload["blocks"], ensure_ascii=False)) <= 12_000


def over(named, *places):
    """With those of them told to be over, as cancelled events are."""
    found = list(named)
    for n in places:
        one = named[n]
        ended = event(NEW, CANCEL, event_id=one.event.event_id)
        found[n] = one._replace(row=replace(one.row, kind=Kind.EDIT, revision=1), event=ended)
    return found


def asked(post):
    """What its buttons say, each event once."""
    buttons = [e for b in post.payload["blocks"] if b["type"] == "actions" for e in b["elements"]]
    return [json.loads(b["value"]) for b in buttons if b["action_id"] == "acknowledge"]


def test_a_post_that_is_edited_keeps_its_order_and_the_buttons_of_what_is_not_over():
    """They are those of the message as it was posted: by that one a press is known."""
    named = told("slack_channel", [NEW] * 10)
    post = render_edited(over(named, 1, 9), "first attempt", None, NOW)
    lines = post.text.splitlines()
    assert lines[0] == "10 events at once"
    assert [n for n, line in enumerate(lines[1:]) if line.startswith("CANCELLED, accepted by Ana")] == [1, 9]
    assert [about["event"] for about in asked(post)] == [named[n].event.pk for n in (0, 2, 3, 4, 5, 6, 7)]
    assert {about["attempt"] for about in asked(post)} == {"first attempt"}
    assert lines[1] == render_together(named, 10, None, "", NOW)[0].text.splitlines()[1]
    assert post.template == "slack/edit_together@3"


def test_when_all_of_it_is_over_it_says_so_and_asks_nothing():
    post = render_edited(over(told("slack_dm", [NEW] * 3), 0, 1, 2), "first attempt", ANA, NOW)
    assert post.text.startswith("3 events are over\n")
    assert asked(post) == []


def test_an_edit_of_two_hundred_long_lines_is_within_what_slack_takes():
    one = event(LONG)
    named = [Named(row(ChannelName.SLACK_CHANNEL, Kind.ALERT, one), one, CONTEXT)] * 200
    post = render_edited(over(named, *range(8, 200)), "first attempt", None, NOW)
    assert len(post.payload["blocks"]) <= 50
    assert len(json.dumps(post.payload["blocks"], ensure_ascii=False)) <= 12_000
    assert len(post.text.encode()) <= 4000
    assert len(post.text.splitlines()) > 10  # whole lines, as many as fit
    shown = json.dumps(post.payload).count("CANCELLED")
    assert shown > 30
    assert post.payload["blocks"][-1]["text"]["text"] == f"and {192 - shown} more: /gridcall status"


def test_where_nobody_could_hear_a_press_a_bundle_has_no_buttons():
    """As a post of one event."""
    named = told("slack_channel", [NEW] * 3, ctx=replace(CONTEXT, buttons=False))
    assert asked(render_together(named, 3, None, "", NOW)[0]) == []
    assert asked(render_edited(over(named, 1), "first attempt", None, NOW)) == []


# --- calls ------------------------------------------------------------------------------------------------------------


def called(contents, count=None, **ctx):
    found = told("voice", contents, ctx=replace(CONTEXT, **ctx))
    named = [one._replace(row=replace(one.row, id=f"row {n}")) for n, one in enumerate(found)]
    return named, render_together(named, count or len(named), ANA, "", NOW)


def test_a_call_says_how_many_each_in_turn_and_what_a_key_means():
    named, [call] = called([NEW, NEW], 2)
    words = call.text
    assert words.startswith(
        "This is not a drill. This call is about two events. First: MISO emergency demand response."
    )
    assert words.count("Reduce one two point five megawatts") == 2
    assert "Second: MISO" in words
    assert "Press 1 to accept all of them, 2 to accept none, 3 to repeat, 9 for the next person." in words
    assert words.count("This is not a drill") == 1
    assert call.template == "voice/alert_together@6"
    assert call.payload["told"] == [one.row.id for one in named]
    assert call.payload["asks"]


def test_it_names_three_and_counts_the_others():
    named, [call] = called([NEW] * 5, 40)
    assert call.payload["told"] == [one.row.id for one in named[:3]]
    assert "Third: MISO" in call.text
    assert "And thirty seven more, see your messages." in call.text


def test_a_call_of_drills_is_one_and_among_orders_each_says_what_it_is():
    _, [drills] = called([DRILL, DRILL])
    assert (drills.text.startswith("DRILL. "), drills.text.endswith(" DRILL."), drills.text.count("DRILL")) == (
        True,
        True,
        2,
    )
    _, [mixed] = called([NEW, DRILL])
    assert "First: This is not a drill. MISO" in mixed.text
    assert "Second: DRILL. MISO" in mixed.text
    assert re.search(r"Reference C, revision one\. DRILL\. ", mixed.text)


def test_said_again_it_leaves_out_what_is_over():
    named, [call] = called([NEW, CANCEL, NEW])
    assert said_again(call.payload, [one.row.id for one in named]) == call.text
    again = said_again(call.payload, [named[0].row.id])
    assert "two of the three events of this call are over, changed or answered. First: MISO" in again
    assert "Second" not in again
    assert "Press 1 to accept all of them" in again


def test_where_no_key_comes_to_us_it_says_what_to_do():
    _, [call] = called([NEW, NEW], keys=False)
    assert "Keys do not work in this call." in call.text
    assert not call.payload["asks"]


@settings(max_examples=40)
@given(st.integers(2, 5), st.floats(1, 120), st.text(max_size=400), st.booleans())
def test_it_is_over_when_the_shortest_policy_says_or_is_not_made(count, seconds, text, driven):
    content = replace(NEW, headline=text or "x", text=text, program="OPERATIONS" if driven else "EDR")
    _, found = called([content] * count, call_seconds=seconds)
    for call in found:
        assert speech.call_seconds(call.text, call.payload["times"], NO_KEY) <= seconds
        assert 2 <= len(call.payload["told"]) <= 3
    if seconds < 20:
        assert not found


def test_an_answer_says_for_how_many_it_counts():
    assert how_many(1, 1) == ""
    assert how_many(3, 3) == "That was for three events."
    assert how_many(1, 2) == "That was for one of two events: the other is over, changed or answered."
    assert how_many(1, 3) == "That was for one of three events: the others are over, changed or answered."
    words = spoken(SpokenAnswer.CANNOT, how_many(2, 2))
    assert words.startswith(f"Noted: you cannot comply. That was for two events. {NEXT}")


def test_a_call_about_several_that_is_ended_leaves_nothing_to_do_only_where_all_is_over():
    over, taken = (SpokenAnswer.OVER, "the event was cancelled"), (SpokenAnswer.OVER, "Ben has accepted")
    assert hung_up([over, taken, over]) == (
        "The event was cancelled. Ben has accepted. There is nothing you have to do now. Goodbye."
    )
    assert hung_up([over, (SpokenAnswer.ACCEPTED, "Ana has accepted")], "Also confirm in MCS.") == (
        "The event was cancelled. You have accepted, and that counts. Also confirm in MCS. Goodbye."
    )
    assert hung_up([(SpokenAnswer.REPLACED, "revision 2 replaces it"), over]) == (
        "The order has changed, and the new one is told to you at once. The event was cancelled. Goodbye."
    )
