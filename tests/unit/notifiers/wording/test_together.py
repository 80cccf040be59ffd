"""Several events in one message: the most urgent in words of their own, how many in all, and how to answer each."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wording_world import ANA, CANCEL, CONTEXT, DRILL, NEW, NOW, event, row

from model.plan import ChannelName, Kind
from notifiers.wording import Named, render_edited, render_together
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


def test_two_hundred_long_lines_fit_a_post():
    one = event(replace(NEW, headline="x" * 300, program="OPERATIONS"))
    named = [Named(row(ChannelName.SLACK_CHANNEL, Kind.ALERT, one), one, CONTEXT)] * 200
    [post] = render_together(named, 200, None, "", NOW)
    assert len(post.payload["blocks"]) <= 50
    assert len(post.text) <= 40_000


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
    assert post.template == "slack/edit_together@2"


def test_when_all_of_it_is_over_it_says_so_and_asks_nothing():
    post = render_edited(over(told("slack_dm", [NEW] * 3), 0, 1, 2), "first attempt", ANA, NOW)
    assert post.text.startswith("3 events are over\n")
    assert asked(post) == []


def test_an_edit_of_two_hundred_long_lines_is_within_what_slack_takes():
    one = event(replace(NEW, headline="x" * 300, program="OPERATIONS"))
    named = [Named(row(ChannelName.SLACK_CHANNEL, Kind.ALERT, one), one, CONTEXT)] * 200
    post = render_edited(over(named, *range(8, 200)), "first attempt", None, NOW)
    assert len(post.payload["blocks"]) <= 50
    assert len(post.text) <= 4000
    assert len(post.text.splitlines()) > 10  # whole lines, as many as fit
    assert "".join(json.dumps(post.payload)).count("CANCELLED") == 192


def test_where_nobody_could_hear_a_press_a_bundle_has_no_buttons():
    """As a post of one event."""
    named = told("slack_channel", [NEW] * 3, ctx=replace(CONTEXT, buttons=False))
    assert asked(render_together(named, 3, None, "", NOW)[0]) == []
    assert asked(render_edited(over(named, 1), "first attempt", None, NOW)) == []
