"""Slack's methods (https://docs.slack.dev/reference/methods). Each returns its answer or raises SlackError."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sandbox.clock import Clock
from sandbox.feed import Feed
from sandbox.slack.workspace import (
    BOT_ID,
    BOT_USER,
    REFUSING,
    TEAM,
    TEAM_NAME,
    Conversation,
    Message,
    SlackError,
    Workspace,
)

MAX_TEXT_CHARS = 40_000
# Of blocks: how many, of all of them as JSON (not documented; what was seen is between 12,000 and 13,200), of one text.
MAX_BLOCKS = 50
MAX_BLOCKS_CHARS = 13_200
MAX_BLOCK_TEXT = {"section": 3000, "header": 150}
MAX_HISTORY = 999
MAX_VIEWS = 100  # shown at once
SHOWN = ("text", "blocks", "attachments", "metadata", "thread_ts")

Arguments = dict[str, Any]
Method = Callable[[Arguments], dict[str, Any]]


class Methods:
    """The methods by name, over one workspace."""

    def __init__(self, clock: Clock, feed: Feed, workspace: Workspace) -> None:
        self._clock = clock
        self._feed = feed
        self._workspace = workspace
        self.by_name: dict[str, Method] = {
            "auth.test": self.auth_test,
            "chat.postMessage": self.post_message,
            "chat.update": self.update,
            "chat.postEphemeral": self.post_ephemeral,
            "conversations.open": self.open_conversation,
            "conversations.history": self.history,
            "conversations.replies": self.replies,
            "conversations.info": self.conversation_info,
            "users.lookupByEmail": self.lookup_by_email,
            "users.info": self.user_info,
            "views.open": self.open_view,
        }

    def auth_test(self, arguments: Arguments) -> dict[str, Any]:
        return {
            "url": "https://sandbox.slack.com/",
            "team": TEAM_NAME,
            "user": "gridcall",
            "team_id": TEAM,
            "user_id": BOT_USER,
            "bot_id": BOT_ID,
            "is_enterprise_install": False,
        }

    def post_message(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._workspace.channel(str(arguments.get("channel", "")))
        message = self._message(channel, arguments)
        channel.messages.append(message)
        self._feed.add("slack", channel.id, _readable(message), "posted", {"channel": channel.id, "message": message})
        return {"channel": channel.id, "ts": message["ts"], "message": message}

    def update(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._workspace.channel(str(arguments.get("channel", "")))
        message = channel.find(str(arguments.get("ts", "")))
        if message is None:
            raise SlackError("message_not_found")
        content = _content(arguments)
        if "text" in content and "blocks" not in content:
            message.pop("blocks", None)
        message.update(content)
        message["edited"] = {"user": BOT_USER, "ts": f"{self._clock.now().timestamp():.6f}"}
        raw = {"channel": channel.id, "message": dict(message)}
        self._feed.add("slack", channel.id, _readable(message), "updated", raw)
        answer = {key: value for key, value in message.items() if key not in ("blocks", "attachments", "ts")}
        return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": answer}

    def post_ephemeral(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._workspace.channel(str(arguments.get("channel", "")))
        user = self._workspace.user(str(arguments.get("user", "")))["id"]
        message = self._message(channel, arguments) | {"is_ephemeral": True}
        raw = {"channel": channel.id, "user": user, "message": message}
        self._feed.add("slack", channel.id, _readable(message), "posted", raw)
        return {"message_ts": message["ts"]}

    def open_conversation(self, arguments: Arguments) -> dict[str, Any]:
        """Open the direct messages with `users`, or those that `channel` names; no other channel is opened this way."""
        users = [user for user in str(arguments.get("users", "")).split(",") if user]
        if not users and arguments.get("channel"):
            channel = self._workspace.channel(str(arguments["channel"])).id
            if not channel.startswith("D"):
                raise SlackError("method_not_supported_for_channel_type")
            return {"channel": {"id": channel}}
        if not users:
            raise SlackError("users_list_not_supplied")
        for user in users:
            self._workspace.user(user)
        return {"channel": {"id": self._workspace.channel(",".join(users)).id}}

    def conversation_info(self, arguments: Arguments) -> dict[str, Any]:
        """Every channel has the bot in it but those that refuse it."""
        name = str(arguments.get("channel", ""))
        refused = REFUSING.get(name)
        if refused == "channel_not_found":
            raise SlackError(refused)
        flags = {"is_member": refused != "not_in_channel", "is_archived": refused == "is_archived"}
        return {"channel": {"id": name if refused else self._workspace.channel(name).id, "name": name.lower(), **flags}}

    def history(self, arguments: Arguments) -> dict[str, Any]:
        """Return what stands in no thread, newest first; metadata only on request, as Slack does."""
        channel = self._workspace.channel(str(arguments.get("channel", "")))
        alone = (message for message in reversed(channel.messages) if not message.get("thread_ts"))
        return _page([message for message in alone if _in_range(message["ts"], arguments)], arguments) | {
            "pin_count": 0
        }

    def replies(self, arguments: Arguments) -> dict[str, Any]:
        """Return a message with what stands below it, oldest first."""
        channel = self._workspace.channel(str(arguments.get("channel", "")))
        parent = channel.find(str(arguments.get("ts", "")))
        if parent is None:
            raise SlackError("thread_not_found")
        below = [message for message in channel.messages if message.get("thread_ts") == parent["ts"]]
        return _page([parent, *(message for message in below if _in_range(message["ts"], arguments))], arguments)

    def lookup_by_email(self, arguments: Arguments) -> dict[str, Any]:
        return {"user": self._workspace.user_by_email(str(arguments.get("email", "")))}

    def user_info(self, arguments: Arguments) -> dict[str, Any]:
        return {"user": self._workspace.user(str(arguments.get("user", "")))}

    def open_view(self, arguments: Arguments) -> dict[str, Any]:
        view = _decoded(arguments.get("view"))
        if not arguments.get("trigger_id"):
            raise SlackError("invalid_trigger_id")
        if not isinstance(view, dict):
            raise SlackError("invalid_arguments")
        shown = {**view, "id": "V" + uuid4().hex[:10].upper(), "team_id": TEAM}
        self._workspace.views[MAX_VIEWS:] = []
        self._workspace.views.insert(0, shown)
        return {"view": shown}

    def _message(self, channel: Conversation, arguments: Arguments) -> Message:
        content = _content(arguments)
        if not content.get("text") and not content.get("blocks") and not content.get("attachments"):
            raise SlackError("no_text")
        ts = channel.next_ts(self._clock.now())
        return {"type": "message", "ts": ts, "user": BOT_USER, "bot_id": BOT_ID, "team": TEAM, "text": "", **content}


def _content(arguments: Arguments) -> dict[str, Any]:
    content = {name: _decoded(arguments[name]) for name in SHOWN[1:] if arguments.get(name)}
    if "text" in arguments:
        content["text"] = str(arguments["text"])
    if len(content.get("text", "")) > MAX_TEXT_CHARS:
        raise SlackError("msg_too_long")
    if not isinstance(content.get("blocks", []), list):
        raise SlackError("invalid_blocks")
    _check_blocks(content.get("blocks", []))
    if not isinstance(content.get("attachments", []), list) or not isinstance(content.get("metadata", {}), dict):
        raise SlackError("invalid_arguments")
    return content


def _check_blocks(blocks: list[Any]) -> None:
    if len(json.dumps(blocks, ensure_ascii=False)) > MAX_BLOCKS_CHARS:
        raise SlackError("msg_blocks_too_long")
    if len(blocks) > MAX_BLOCKS:
        raise SlackError("invalid_blocks")
    for block in (block for block in blocks if isinstance(block, dict)):
        text = block.get("text")
        words = str(text.get("text", "")) if isinstance(text, dict) else ""
        if len(words) > MAX_BLOCK_TEXT.get(str(block.get("type")), MAX_TEXT_CHARS):
            raise SlackError("invalid_blocks")


def _decoded(value: Any) -> Any:
    """Return what a form carries as JSON text; in JSON bodies it is there already."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError("invalid_arguments") from None
    return value


def _readable(message: Message) -> str:
    """Return the text of a message; Slack shows the blocks instead when there are any, the page does both."""
    if message["text"]:
        return str(message["text"])
    texts = [block.get("text") for block in message.get("blocks", []) if isinstance(block, dict)]
    return "\n".join(str(text.get("text", "")) for text in texts if isinstance(text, dict))


def _page(found: list[Message], arguments: Arguments) -> dict[str, Any]:
    limit = max(1, min(_whole(arguments, "limit", 100), MAX_HISTORY))
    start = _whole(arguments, "cursor", 0)
    shown = [_visible(message, arguments) for message in found[start : start + limit]]
    more = start + limit < len(found)
    answer: dict[str, Any] = {"messages": shown, "has_more": more}
    return answer | {"response_metadata": {"next_cursor": str(start + limit)}} if more else answer


def _visible(message: Message, arguments: Arguments) -> Message:
    if str(arguments.get("include_all_metadata", "0")).lower() in ("1", "true"):
        return message
    return {key: value for key, value in message.items() if key != "metadata"}


def _in_range(ts: str, arguments: Arguments) -> bool:
    oldest, latest = str(arguments.get("oldest", "") or "0"), str(arguments.get("latest", "") or "inf")
    try:
        low, at, high = float(oldest), float(ts), float(latest)
    except ValueError:
        raise SlackError("invalid_ts_oldest") from None
    if str(arguments.get("inclusive", "0")).lower() in ("1", "true"):
        return low <= at <= high
    return low < at < high


def _whole(arguments: Arguments, name: str, default: int) -> int:
    try:
        return int(arguments.get(name) or default)
    except (TypeError, ValueError):
        raise SlackError("invalid_arguments") from None
