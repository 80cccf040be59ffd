"""How Twilio, Slack and PagerDuty sign what they send, written by hand from their documents.

https://www.twilio.com/docs/usage/security#validating-requests
https://docs.slack.dev/authentication/verifying-requests-from-slack
https://developer.pagerduty.com/docs/verifying-webhook-signatures
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable

Form = list[tuple[str, str]]


def twilio_signature(auth_token: str, url: str, form: Form) -> str:
    """Return `X-Twilio-Signature`: HMAC-SHA1 over the URL, then every key and value, sorted, repeated pairs once."""
    signed = url + "".join(key + value for key, value in sorted(set(form)))
    return base64.b64encode(hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def slack_signature(signing_secret: str, timestamp: int, body: bytes) -> str:
    """Return `X-Slack-Signature`: HMAC-SHA256 over version, timestamp and the raw body."""
    signed = b"v0:%d:" % timestamp + body
    return "v0=" + hmac.new(signing_secret.encode(), signed, hashlib.sha256).hexdigest()


def pagerduty_signature(secrets: Iterable[str], body: bytes) -> str:
    """Return `X-PagerDuty-Signature`: HMAC-SHA256 over the raw body, one for each secret that is in force."""
    return ",".join("v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets)
