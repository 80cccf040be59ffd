"""What sources are told is signed as Standard Webhooks has it, and tried until they have it or it is too late."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks

from model.upstream import CallState, OutcomeCall
from upstream.outcomes import AGAIN_AFTER, answered, body, failed, headers

NOW = datetime(2026, 1, 12, 18, 0, tzinfo=UTC)
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALL = OutcomeCall(
    id="01890a5d-ac96-774b-bcce-b302099a8057",
    event_pk="e",
    source="miso",
    body={"type": "gridcall.objective.met", "data": {"reason": "accepted by Chié"}},
    made_at=NOW,
    due_at=NOW,
)


def test_the_package_of_the_standard_accepts_it() -> None:
    hook, signed = standardwebhooks.Webhook(SECRET), dict(headers(CALL, SECRET, datetime.now(UTC)))
    assert hook.verify(body(CALL), signed) == dict(CALL.body)
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="No matching signature"):
        hook.verify(body(replace(CALL, body={})), signed)


def test_repeats_are_the_same_message_signed_anew() -> None:
    first, later = (headers(CALL, SECRET, NOW + timedelta(seconds=s)) for s in (0, 5))
    assert first["webhook-id"] == later["webhook-id"]
    assert first["webhook-signature"] != later["webhook-signature"]
    assert json.loads(body(CALL)) == dict(CALL.body)


def test_a_secret_that_is_none_is_said_so() -> None:
    with pytest.raises(ValueError, match="base64"):
        headers(CALL, "whsec_no base64!", NOW)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_is_enough(status: int) -> None:
    after = answered(CALL, status, NOW)
    assert (after.state, after.tries, after.over_at) == (CallState.DELIVERED, 1, NOW)


@pytest.mark.parametrize("status", [301, 307, 400, 404, 429, 500, 503])
def test_anything_else_is_tried_again_later_and_later_and_then_given_up(status: int) -> None:
    call, at = CALL, NOW
    for wait in AGAIN_AFTER:
        call = answered(call, status, at)
        assert (call.state, call.due_at, call.error) == (CallState.WAITING, at + wait, f"answered {status}")
        at = call.due_at
    call = answered(call, status, at)
    assert (call.state, call.tries, call.over_at) == (CallState.GIVEN_UP, len(AGAIN_AFTER) + 1, at)
    assert at - NOW < timedelta(hours=24)


def test_gone_is_for_good_and_what_failed_says_why() -> None:
    assert answered(CALL, 410, NOW).state is CallState.GIVEN_UP
    assert failed(CALL, "it cannot be reached", NOW).error == "it cannot be reached"
