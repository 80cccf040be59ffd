"""Pressing a button under a message: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload."""

import json
from typing import Any
from uuid import uuid4

from sandbox.clock import Clock
from sandbox.courier import Answer, Courier
from sandbox.feed import Feed
from sandbox.settings import Settings
from sandbox.slack.socket import Sockets
from sandbox.slack.workspace import APP, TEAM, TEAM_NAME, Message, Workspace


class NoSuchButton(LookupError):
    """There is no such message, or no such button under it."""


class Buttons:
    """The finger of a Slack user. What it does goes over a socket while the app has one open, else by a request."""

    def __init__(
        self,
        clock: Clock,
        settings: Settings,
        courier: Courier,
        feed: Feed,
        workspace: Workspace,
        sockets: Sockets,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._courier = courier
        self._feed = feed
        self._workspace = workspace
        self._sockets = sockets

    async def press(
        self, channel: str, ts: str, action_id: str, user: str | None = None, value: str | None = None
    ) -> dict[str, Any]:
        """Press a button. Return `{"status", "body", "payload"}` of the customer's answer; status 0: none within 3 s.

        Without `user` it is the one whose direct messages these are, else `Settings.slack_person`; without `value` the
        first button of that name.

        Raises NoSuchButton, SlackError.
        """
        conversation = self._workspace.channel(channel)
        message = conversation.find(ts)
        if message is None:
            raise NoSuchButton(f"no message {ts} in {channel}")
        block_id, button = _button(message, action_id, value)
        who = self._workspace.user(user or conversation.person or self._settings.slack_person)
        payload = self._payload(conversation.id, message, block_id, button, who)
        raw = {"channel": conversation.id, "ts": ts, "action_id": action_id, "user": who["id"]}
        self._feed.add("slack", conversation.id, _label(button), "pressed", raw)
        answer = await self._interact(payload)
        return {"status": answer.status, "body": answer.body, "payload": payload}

    async def submit(self, text: str, user: str) -> dict[str, Any]:
        """Write `text` into every field of the form that was shown last, and send it.

        Raises NoSuchButton where none is shown, SlackError.
        """
        if not self._workspace.views:
            raise NoSuchButton("no form is shown")
        view = self._workspace.views.pop(0)
        who = self._workspace.user(user)
        inputs = [block for block in view.get("blocks", []) if block.get("type") == "input"]
        values = {
            b["block_id"]: {b["element"]["action_id"]: {"type": "plain_text_input", "value": text}} for b in inputs
        }
        payload = {
            "type": "view_submission",
            "team": {"id": TEAM, "domain": TEAM_NAME},
            "user": {"id": who["id"], "username": who["name"], "name": who["name"], "team_id": TEAM},
            "api_app_id": APP,
            "token": "sandbox",
            "trigger_id": f"{self._clock.now().timestamp():.6f}.{uuid4().hex}",
            "view": {**view, "state": {"values": values}},
        }
        answer = await self._interact(payload)
        return {"status": answer.status, "body": answer.body}

    async def command(self, text: str, user: str, channel: str) -> dict[str, Any]:
        """Type `/gridcall TEXT`. Return `{"status", "body"}` of the customer's answer. Raises SlackError."""
        who = self._workspace.user(user)
        fields = {
            "token": "sandbox",
            "team_id": TEAM,
            "team_domain": TEAM_NAME,
            "channel_id": self._workspace.channel(channel).id,
            "channel_name": channel.lower(),
            "user_id": who["id"],
            "user_name": who["name"],
            "command": "/gridcall",
            "text": text,
            "api_app_id": APP,
            "response_url": f"https://hooks.slack.com/commands/{TEAM}/{uuid4().hex}",
            "trigger_id": f"{self._clock.now().timestamp():.6f}.{uuid4().hex}",
        }
        if self._sockets.open:
            answer = await self._sockets.deliver("slash_commands", dict(fields))
        else:
            answer = await self._courier.slack(self._settings.slack_commands_url, fields)
        return {"status": answer.status, "body": answer.body}

    async def _interact(self, payload: dict[str, Any]) -> Answer:
        if self._sockets.open:
            return await self._sockets.deliver("interactive", payload)
        return await self._courier.slack(self._settings.slack_actions_url, {"payload": json.dumps(payload)})

    def _payload(
        self, channel: str, message: Message, block_id: str, button: dict[str, Any], user: dict[str, Any]
    ) -> dict[str, Any]:
        now = f"{self._clock.now().timestamp():.6f}"
        return {
            "type": "block_actions",
            "user": {"id": user["id"], "username": user["name"], "name": user["name"], "team_id": TEAM},
            "api_app_id": APP,
            "token": "sandbox",
            "container": {
                "type": "message",
                "message_ts": message["ts"],
                "channel_id": channel,
                "is_ephemeral": False,
            },
            "trigger_id": f"{now}.{uuid4().hex}",
            "team": {"id": TEAM, "domain": TEAM_NAME},
            "channel": {"id": channel, "name": "directmessage" if channel.startswith("D") else channel.lower()},
            "message": message,
            "state": {"values": {}},
            "response_url": f"https://hooks.slack.com/actions/{TEAM}/{uuid4().hex}",
            "actions": [
                {
                    "action_id": button["action_id"],
                    "block_id": block_id,
                    "type": "button",
                    "text": button.get("text", {}),
                    "value": button.get("value", ""),
                    "action_ts": now,
                }
            ],
        }


def _button(message: Message, action_id: str, value: str | None) -> tuple[str, dict[str, Any]]:
    for number, block in enumerate(message.get("blocks", [])):
        if isinstance(block, dict):
            for element in [*block.get("elements", []), block.get("accessory")]:
                if not isinstance(element, dict) or element.get("action_id") != action_id:
                    continue
                if value in (None, element.get("value")):
                    return str(block.get("block_id", f"b{number}")), element
    raise NoSuchButton(f"no button {action_id} under message {message['ts']}")


def _label(button: dict[str, Any]) -> str:
    text = button.get("text")
    return str(text.get("text", "")) if isinstance(text, dict) else str(button.get("action_id", ""))
