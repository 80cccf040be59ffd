"""A key in a call whose attempt is lost, after a failover of the database: nobody is told that the order is over."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from notifiers.channels.twilio_account import TwilioSignature
from notifiers.wording.answers import where_to_look
from tests.app_fixture import opened

SIGNATURE = TwilioSignature("t" * 32)


@pytest.mark.parametrize(("query", "key"), [("", "1"), ("", "2"), ("", "3"), ("?read_back=1", "125")])
async def test_it_says_that_nothing_was_counted_and_where_to_look(tmp_path: Path, query: str, key: str) -> None:
    async with opened(tmp_path, loops=False, help_callback_number="+15550123") as house:
        house.service.vendors = replace(house.service.vendors, twilio=SIGNATURE)
        path, form = f"/callbacks/twilio/voice/0199-lost/key{query}", {"Digits": key, "CallSid": "CA1"}
        signed = {"x-twilio-signature": SIGNATURE.made(f"http://gridcall.test{path}", form)}
        answer = await house.client.post(path, data=form, headers=signed)
    assert answer.status_code == 200, answer.text
    said = ElementTree.fromstring(answer.text)
    assert [element.tag for element in said] == ["Say", "Hangup"]
    assert said[0].text == (
        "This call is not known here, so nothing was counted. What you heard may still hold: "
        "call back one five five five zero one two three. Goodbye."
    )


def test_where_to_look():
    assert where_to_look(True, "") == "What you heard may still hold: look in Slack."
    assert where_to_look(True, "+12").endswith(": look in Slack, or call back one two.")
    assert where_to_look(False, "").endswith(": ask whoever runs Gridcall.")
