"""What a source is told of its event, signed as Standard Webhooks has it, and when to try again. Pure."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from model.upstream import CallState, OutcomeCall

GONE = 410  # the receiver wants no more of it
_SUCCESS = range(200, 300)
_MARK = "whsec_"
# After the first try; who has not answered by then learns it by asking.
AGAIN_AFTER = tuple(
    timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
)


def body(call: OutcomeCall) -> bytes:
    """The same bytes at every try."""
    return json.dumps(call.body, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def headers(call: OutcomeCall, secret: str, now: datetime) -> Mapping[str, str]:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Raises ValueError for a secret that is no base64.
    """
    stamp = str(int(now.timestamp()))
    try:
        key = base64.b64decode(secret.removeprefix(_MARK), validate=True)
    except binascii.Error:
        raise ValueError("a secret for callbacks is base64, after whsec_") from None
    signed = hmac.digest(key, f"{call.id}.{stamp}.".encode() + body(call), "sha256")
    return {
        "Content-Type": "application/json",
        "webhook-id": call.id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def answered(call: OutcomeCall, status: int, now: datetime) -> OutcomeCall:
    """The call after an answer with that status."""
    if status in _SUCCESS:
        return replace(call, state=CallState.DELIVERED, tries=call.tries + 1, error="", over_at=now)
    if status == GONE:
        return _given_up(call, "answered 410: it wants no more of them", now)
    return failed(call, f"answered {status}", now)


def failed(call: OutcomeCall, error: str, now: datetime) -> OutcomeCall:
    """The call after a try in vain."""
    if call.tries >= len(AGAIN_AFTER):
        return _given_up(call, error, now)
    return replace(call, tries=call.tries + 1, error=error, due_at=now + AGAIN_AFTER[call.tries])


def _given_up(call: OutcomeCall, error: str, now: datetime) -> OutcomeCall:
    return replace(call, state=CallState.GIVEN_UP, tries=call.tries + 1, error=error, over_at=now)
