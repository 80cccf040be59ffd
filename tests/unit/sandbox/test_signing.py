"""Our own signatures agree with the vendors' published vectors."""

from pathlib import Path

import pytest

from sandbox.signing import pagerduty_signature, slack_signature, twilio_signature

CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
REPEATED = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
PAGE = "mycompany.com{port}/myapp.php?foo=1&bar=2"
BODY_HASH = "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


@pytest.mark.parametrize(
    ("url", "form", "signature"),
    [
        ("https://" + PAGE.format(port=""), CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://" + PAGE.format(port=":1234"), CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("https://" + PAGE.format(port=":443"), CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://" + PAGE.format(port=":80"), CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ("https://" + PAGE.format(port=""), REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        ("https://" + PAGE.format(port="") + BODY_HASH, [], "a9nBmqA0ju/hNViExpshrM61xv4="),
    ],
)
def test_twilio_vectors(url: str, form: list[tuple[str, str]], signature: str) -> None:
    assert twilio_signature("12345", url, form) == signature


def test_slack_agrees_with_slacks_own_library() -> None:
    from slack_sdk.signature import SignatureVerifier

    verifier = SignatureVerifier("8f742231b10e8888abcd99yyyzzz85a5")
    body = b"payload=%7B%22type%22%3A%22block_actions%22%7D"
    expected = verifier.generate_signature(timestamp="1531420618", body=body)
    assert slack_signature("8f742231b10e8888abcd99yyyzzz85a5", 1531420618, body) == expected


def test_pagerduty_vector(vendor_specs: Path) -> None:
    secret = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK"
    body = (vendor_specs / "samples/pagerduty_webhook_v3.priority_updated.body.json").read_bytes()
    expected = "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"
    assert pagerduty_signature([secret], body) == expected
    assert pagerduty_signature([secret, secret], body) == f"{expected},{expected}"
