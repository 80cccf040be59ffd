"""The workspace: who is in it, its channels, and what was posted there. Ids are made from names: they stay the same."""

import hashlib
import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

BOT_USER = "U0SANDBOX1"
BOT_ID = "B0SANDBOX1"
TEAM = "T0SANDBOX1"
TEAM_NAME = "sandbox"
APP = "A0SANDBOX1"

MAX_CHANNELS = 5_000
MAX_KEPT = 1_000

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", re.ASCII)

# Channels that refuse, by id, so that a test needs no control endpoint.
REFUSING = {
    "C0NOTFOUND": "channel_not_found",
    "C0ARCHIVED": "is_archived",
    "C0NOTMEMBER": "not_in_channel",
}

Message = dict[str, Any]


class SlackError(Exception):
    """A refusal by name, which Slack answers with HTTP 200."""


@dataclass(slots=True)
class Conversation:
    """One channel or direct message; its timestamps only grow, as they are the ids of its messages."""

    id: str
    name: str
    last_ts: int = 0
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))

    def next_ts(self, now: datetime) -> str:
        self.last_ts = max(int(now.timestamp() * 1_000_000), self.last_ts + 1)
        return f"{self.last_ts // 1_000_000}.{self.last_ts % 1_000_000:06}"

    @property
    def person(self) -> str | None:
        """Whose direct messages these are; None for a channel."""
        return self.name if self.id.startswith("D") and self.name.startswith(("U", "W")) else None

    def find(self, ts: str) -> Message | None:
        return next((message for message in reversed(self.messages) if message["ts"] == ts), None)


class Workspace:
    """Users and channels come into being when they are first named."""

    def __init__(self) -> None:
        self.channels: dict[str, Conversation] = {}
        self.emails: dict[str, str] = {}
        self.views: list[dict[str, Any]] = []  # forms that are shown

    def reset(self) -> None:
        self.channels.clear()
        self.emails.clear()
        self.views.clear()

    def channel(self, name: str) -> Conversation:
        """Return the channel with this id, `#name`, or of the direct messages with this user. Raises SlackError."""
        if not name:
            raise SlackError("channel_not_found")
        if name in REFUSING:
            raise SlackError(REFUSING[name])
        known = self.channels.get(name)
        if known is not None:
            return known
        channel = Conversation(_channel_id(name), name)
        if len(self.channels) >= MAX_CHANNELS:
            del self.channels[next(iter(self.channels))]
        return self.channels.setdefault(channel.id, channel)

    def user_by_email(self, email: str) -> dict[str, Any]:
        """Return the user with this address; what is no address is nobody's, nor is nobody@…. Raises SlackError."""
        if not ADDRESS.fullmatch(email) or email.startswith("nobody@"):
            raise SlackError("users_not_found")
        user_id = made_up_id("U", email)
        self.emails[user_id] = email
        return self.user(user_id)

    def user(self, user_id: str) -> dict[str, Any]:
        """Return the user with this id. Raises SlackError."""
        if not user_id.startswith(("U", "W")) or not user_id.isalnum():
            raise SlackError("user_not_found")
        email = self.emails.get(user_id, f"{user_id.lower()}@example.com")
        name = email.partition("@")[0]
        return {
            "id": user_id,
            "team_id": TEAM,
            "name": name,
            "real_name": name,
            "deleted": False,
            "is_bot": False,
            "is_app_user": False,
            "updated": 1_700_000_000,
            "tz": "America/Chicago",
            "profile": {"email": email, "real_name": name, "display_name": name, "team": TEAM},
        }


def made_up_id(prefix: str, name: str) -> str:
    return prefix + hashlib.sha256(name.encode()).hexdigest()[:10].upper()


def _channel_id(name: str) -> str:
    if name.startswith("#"):
        return made_up_id("C", name)
    if name.startswith(("U", "W")):
        return made_up_id("D", name)
    if name[0] not in "CGD" or not name.isalnum() or not name.isupper():
        raise SlackError("channel_not_found")
    return name
