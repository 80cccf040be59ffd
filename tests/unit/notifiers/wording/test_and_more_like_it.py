"""What rings for others says how many, in every channel, and still fits."""

from dataclasses import replace

import pytest
from wording_world import CANCEL, CONTEXT, DRILL, NEW, event, say, text

from model.plan import Kind
from notifiers.wording.sms_parts import fits

FORTY_ONE = replace(CONTEXT, alike=41)
ONE = replace(CONTEXT, alike=1)


def whole(channel, *args, **kw):
    return " ".join(words.text for words in say(channel, *args, **kw))


@pytest.mark.parametrize("channel", ["voice", "sms", "slack_dm", "slack_channel", "pagerduty", "webhook"])
def test_how_many_ring_with_it(channel):
    for content in (NEW, DRILL):
        assert "and 41 more like it" in whole(channel, content, ctx=FORTY_ONE).casefold()
        assert "and 1 more like it" in whole(channel, content, ctx=ONE).casefold()
        assert "more like it" not in whole(channel, content).casefold()


@pytest.mark.parametrize("channel", ["voice", "sms", "slack_channel"])
def test_those_that_go_on_when_it_is_over(channel):
    over = {"ev": event(NEW, CANCEL), "kind": Kind.STAND_DOWN}
    assert "41 more like it go on" in whole(channel, ctx=FORTY_ONE, **over)
    assert "1 more like it goes on" in whole(channel, ctx=ONE, **over)


def test_texts_fit_with_it():
    long = replace(NEW, program="A PROGRAM WITH A LONG NAME OF FORTY CHARS")
    for kind, ev in ((Kind.ALERT, event(long)), (Kind.STAND_DOWN, event(long, CANCEL))):
        parts = [words.text for words in say("sms", kind=kind, ctx=FORTY_ONE, ev=ev)]
        assert all(fits(part) for part in parts)
        assert "41 more like it" in " ".join(parts)


def test_a_line_in_the_thread_counts_when_it_goes_out():
    details = {"note": "1 more like it", "alike": True}
    assert text("slack_channel", kind=Kind.NOTE, details=details, ctx=FORTY_ONE) == "41 more like it"
    assert text("slack_channel", kind=Kind.NOTE, details=details) == "no more like it"


def test_machines_read_a_number():
    (words,) = say("pagerduty", ctx=FORTY_ONE)
    assert words.payload["custom_details"]["alike"] == 41
    (words,) = say("pagerduty")
    assert "alike" not in words.payload["custom_details"]
