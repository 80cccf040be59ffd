"""What people do in Slack: buttons, the form for a reason, and the command /gridcall. Pure."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from notifiers.wording.answers import NEXT

ACKNOWLEDGE = "acknowledge"
CANNOT_COMPLY = "cannot_comply"
WHO_ELSE = "who_else"
BUTTONS = frozenset({ACKNOWLEDGE, CANNOT_COMPLY, WHO_ELSE})

REASON = "reason"  # the form, its field, and where its text stands
REASON_CHARS = 300


class SlackAction(NamedTuple):
    """A pressed button. `value` is the JSON text that was written into it; `trigger_id` lets a form be shown."""

    user_id: str
    action_id: str
    value: str
    channel: str
    ts: str
    response_url: str
    trigger_id: str = ""


class About(NamedTuple):
    """What a button stands under: the attempt, and of what it tells the event and the revision."""

    attempt: str
    event_pk: str | None = None
    revision: int | None = None


class SlackReason(NamedTuple):
    """Why somebody cannot comply with what the pressed button stood under."""

    user_id: str
    about: About
    text: str


class SlackCommand(NamedTuple):
    """`/gridcall TEXT`."""

    user_id: str
    text: str


def slack_action(payload: Mapping[str, Any]) -> SlackAction | None:
    """The first of our buttons in a block_actions payload; None for anything else."""
    if payload.get("type") != "block_actions":
        return None
    container = payload.get("container") or {}
    for action in payload.get("actions") or []:
        if action.get("action_id") in BUTTONS:
            return SlackAction(
                user_id=str(payload["user"]["id"]),
                action_id=str(action["action_id"]),
                value=str(action.get("value", "")),
                channel=str(container.get("channel_id") or (payload.get("channel") or {}).get("id", "")),
                ts=str(container.get("message_ts", "")),
                response_url=str(payload.get("response_url", "")),
                trigger_id=str(payload.get("trigger_id", "")),
            )
    return None


def slack_reason(payload: Mapping[str, Any]) -> SlackReason | None:
    """What was written into our form; None for anything else, and for nothing written."""
    view = payload.get("view") or {}
    if payload.get("type") != "view_submission" or view.get("callback_id") != REASON:
        return None
    fields = ((view.get("state") or {}).get("values") or {}).get(REASON) or {}
    text = " ".join(str((fields.get(REASON) or {}).get("value") or "").split())[:REASON_CHARS]
    value = str(view.get("private_metadata") or "")
    return SlackReason(str(payload["user"]["id"]), about(value), text) if text and value else None


def slack_command(form: Mapping[str, Any]) -> SlackCommand:
    return SlackCommand(str(form.get("user_id", "")), " ".join(str(form.get("text", "")).split()))


def reason_view(value: str) -> dict[str, Any]:
    """The form under the button of that value. What was pressed counts already, so it may be closed."""
    return {
        "type": "modal",
        "callback_id": REASON,
        "private_metadata": value,
        "title": _plain("Cannot comply"),
        "submit": _plain("Tell them"),
        "close": _plain("Say nothing"),
        "blocks": [
            {
                "type": "section",
                "text": _plain(f"This counts unless you are told otherwise. {NEXT}"),
            },
            {
                "type": "input",
                "block_id": REASON,
                "label": _plain("Why not?"),
                "element": {"type": "plain_text_input", "action_id": REASON, "max_length": REASON_CHARS},
            },
        ],
    }


def about(value: str) -> About:
    """What was written into a button."""
    said = json.loads(value)
    return About(str(said.get("attempt")), said.get("event"), int(said["revision"]) if "revision" in said else None)


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
