"""Repeats known at the door by the key their sender gave them, as far as this process remembers.

What it answers so is done with at once. Whatever it does not know, another process or one before knows: the router
binds (routing/repeats.py).
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from app.intake_door import Posted
from model import idempotency

REMEMBERED = 10_000  # answers, the oldest are forgotten first
MEMBERS = 10  # an answer about more is not remembered

Name = tuple[str, str]  # a source, and its sender's key


@dataclass(frozen=True, slots=True)
class Answered:
    """What the first of that key was answered. `ours`: the body has our members. `heard`: it was a sign of life."""

    sha256: bytes
    at: datetime
    status: int
    body: dict[str, Any]
    ours: bool
    heard: bool = True

    @classmethod
    def of(
        cls, posted: Posted, at: datetime, status: int, ours: dict[str, Any], own: dict[str, Any] | None, heard: bool
    ) -> "Answered":
        """`own`: the body that the sender's format expects, if it does not expect ours."""
        return cls(sha256(posted.body).digest(), at, status, ours if own is None else own, own is None, heard)

    def same(self, posted: Posted) -> bool:
        return self.sha256 == sha256(posted.body).digest()

    def again(self) -> dict[str, Any]:
        """The same answer, and that nobody is called again."""
        if not self.ours:
            return self.body
        if "results" in self.body:
            return {"results": [self._member(one) for one in self.body["results"]]}
        return self._member(self.body)

    def _member(self, first: dict[str, Any]) -> dict[str, Any]:
        if "status_url" not in first:
            return first
        detail = f"already accepted at {self.at:%H:%M:%S}, nobody is called again"
        return first | {"duplicate": True, "rings": False, "detail": detail}


class Repeats:
    def __init__(self) -> None:
        self._answered: OrderedDict[Name, Answered] = OrderedDict()

    def find(self, source: str, key: str, now: datetime) -> Answered | None:
        """What the first of that key was answered."""
        known = self._answered.get((source, key))
        return known if known is not None and now - known.at < idempotency.KEPT else None

    def remember(self, source: str, key: str, answered: Answered) -> None:
        if len(answered.body.get("results", ())) > MEMBERS:
            return
        self._answered[source, key] = answered
        self._answered.move_to_end((source, key))
        if len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
