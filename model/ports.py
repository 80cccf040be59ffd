"""Where the core meets the outside: the channels of the vendors. (The queue's port is broker/base.py.)"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from model.attempt import Attempt, Receipt, Sent
from model.plan import ChannelName


class Edit(NamedTuple):
    """In place of what the vendor knows by this id; None: nothing stands there. `anew`: then it is posted."""

    vendor_id: str | None
    anew: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Everything a channel needs for one vendor request.

    `valid_seconds`: how long the message is worth delivering. `ring_seconds`: how long a phone may ring.
    `thread` is the vendor id of the event's first message in that Slack channel, when there is one.
    `edit`: it is no new message. `details` is the notification's.
    """

    attempt: Attempt
    valid_seconds: float
    ring_seconds: int = 25
    thread: str | None = None
    edit: Edit | None = None
    details: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A message of ours that the vendor does have, with its state there as a receipt."""

    vendor_id: str
    receipt: Receipt | None = None


class Balance(NamedTuple):
    amount: float
    currency: str


class Answers(NamedTuple):
    """What a vendor says of our account when it takes our credentials."""

    detail: str
    balance: Balance | None = None


class Channel(Protocol):
    """One way to reach people. Implementations live in notifiers/channels, one vendor each."""

    name: ChannelName
    timeout_seconds: float
    repeatable: bool  # the vendor recognises a repeat (dedup key): an unknown outcome may simply be sent again

    async def send(self, send: Send) -> Sent:
        """Ask the vendor once. Raises SendError (certainly not sent) or OutcomeUnknown (the answer was lost)."""

    async def find(
        self, attempt: Attempt, known_ids: frozenset[str], since: datetime, thread: str | None = None
    ) -> Found | None:
        """Look for `attempt` among what the vendor has since then; `known_ids` belong to other attempts.

        `thread`: the message below which it would stand. Raises SendError when the vendor cannot be asked now.
        """

    async def cut(self, vendor_id: str, answered: bool, spoken: str) -> None:
        """End what is in the air: cancel it while it rings, say `spoken` and hang up when it was answered."""

    async def say_instead(self, attempt: Attempt, prompt: str) -> None:
        """Whoever has answered hears `prompt` from here on, and presses a key as before. Raises SendError."""

    async def close(self) -> None:
        """Give connections back."""


class Intake(Protocol):
    """The door, for what we asked a source for ourselves."""

    async def __call__(self, source: str, body: bytes) -> None:
        """Return when the message is durable. Raises QueueFull or Unavailable: then nothing was accepted."""


class Undecided(Protocol):
    """Knows what the router has written down; the spool asks it what it must keep when the queue is gone."""

    async def __call__(self, deliveries: Collection[str]) -> set[str]:
        """Which of these have no row yet. Raises Unavailable."""
