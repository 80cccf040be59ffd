"""The vendors' published vectors pass; one changed byte anywhere does not."""

from collections import UserDict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from notifiers.channels import pagerduty
from notifiers.channels.slack import SlackSignature
from notifiers.channels.twilio_account import TwilioSignature

SAMPLES = Path(__file__).resolve().parents[4] / "shared/vendor-specs/samples"

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
P = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}


class Form(UserDict):
    def getlist(self, key):
        return self[key] if isinstance(self[key], list) else [self[key]]


REPEATED = Form({"Sid": "CA123", "SidAccount": "AC123", "Digits": ["5678", "1234", "1234"]})
HASHED = URL + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
BODY = '{"property": "value", "boolean": true}'
TWILIO = [
    (URL, P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (URL.replace("https", "http").replace(".com", ".com:1234"), P, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    (URL, P, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    (URL.replace("https", "http"), P, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    (URL, REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    (HASHED, BODY, "a9nBmqA0ju/hNViExpshrM61xv4="),
]


@pytest.mark.parametrize(("url", "params", "signature"), TWILIO)
def test_twilio(url, params, signature):
    twilio = TwilioSignature("12345")
    assert twilio.verify(url, params, signature)
    assert not twilio.verify(url + "x", params, signature)
    assert not twilio.verify(url, params, "A" + signature[1:])
    assert not twilio.verify(url, params, None)
    assert not twilio.verify(url, params, "")
    assert not TwilioSignature("54321").verify(url, params, signature)
    assert TwilioSignature("54321", "12345").verify(url, params, signature)
    tampered = params + " " if isinstance(params, str) else Form(params | {"Digits": "2"})
    assert not twilio.verify(url, tampered, signature)


def sample(name):
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path.read_bytes()


def test_slack():
    body = sample("slack_signature_vector.body.txt")
    slack = SlackSignature("8f742231b10e8888abcd99yyyzzz85a5")
    good = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    now = datetime.fromtimestamp(1531420618, UTC)
    assert slack.verify(body, "1531420618", good, now)
    assert slack.verify(body, "1531420618", good, now + timedelta(seconds=299))
    assert not slack.verify(body, "1531420618", good, now + timedelta(seconds=301))
    assert not slack.verify(body, "1531420618", good, now - timedelta(seconds=301))
    assert not slack.verify(body + b"x", "1531420618", good, now)
    assert not slack.verify(body, "1531420619", good, now)
    for bad in (None, "", "v0=", good[:-1] + "4", good.replace("v0", "v1"), "v0=é"):
        assert not slack.verify(body, "1531420618", bad, now)
    for bad in (None, "", "soon", "²", "-1"):
        assert not slack.verify(body, bad, good, now)
    assert not slack.verify(b"\xff", "1531420618", good, now)


def test_pagerduty():
    body = sample("pagerduty_webhook_v3.priority_updated.body.json")
    secret = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK"
    good = "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"
    assert pagerduty.verify(body, good, [secret])
    assert pagerduty.verify(body, f"v2=abc, v1=00,{good}", ["other", secret])
    assert not pagerduty.verify(body, good, ["other"])
    assert not pagerduty.verify(body, good, [])
    assert not pagerduty.verify(body, good, [""])
    assert not pagerduty.verify(body + b" ", good, [secret])
    for bad in (None, "", "v1=", good.replace("v1", "v2"), good[:-1] + "e", "v1=é"):
        assert not pagerduty.verify(body, bad, [secret])
