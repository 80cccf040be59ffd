"""What people do in Slack, however it comes to us: by a signed request, or over the connection that we opened."""

from collections.abc import Mapping
from typing import Any

from app import slack_actions, slack_commands
from app.service import Service
from notifiers.channels.slack_interactions import slack_action, slack_command, slack_reason
from notifiers.channels.slack_socket import COMMAND


async def interaction(service: Service, payload: Mapping[str, Any]) -> None:
    """A button was pressed, or a form sent; anything else is nothing to us."""
    if (action := slack_action(payload)) is not None:
        await slack_actions.press(service, action)
    elif (given := slack_reason(payload)) is not None:
        await slack_actions.reason(service, given)


async def command(service: Service, form: Mapping[str, Any]) -> dict[str, Any]:
    """`/gridcall` was typed: the answer is for whoever typed it."""
    return {"response_type": "ephemeral", "text": await slack_commands.answer(service, slack_command(form))}


async def from_socket(service: Service, kind: str, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """As `notifiers.channels.slack_socket.Take` says."""
    if kind == COMMAND:
        return await command(service, payload)
    if kind == "interactive":
        await interaction(service, payload)
    return None
