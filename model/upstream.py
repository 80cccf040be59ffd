"""What is talked back to a source: what we ask it for, and what it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

EVERY_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Where a source keeps what it has sent us, asked for by the name it knows us by. Of MISO's MUI alone."""

    url: str
    participant: str
    every_seconds: int = EVERY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Where a source wants to hear what became of its events, and the name of the secret that signs it."""

    url: str
    secret: str


class CallState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    SUPERSEDED = "superseded"  # before it was delivered, something else became of the event's revision


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCall:
    """One thing a source is told. `id` stays the same over all tries, `error` is why the last one failed."""

    id: str
    event_pk: str
    source: str
    body: Mapping[str, Any]
    made_at: datetime
    due_at: datetime
    state: CallState = CallState.WAITING
    tries: int = 0
    error: str = ""
    over_at: datetime | None = None
