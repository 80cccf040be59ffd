"""What a format is: how it is read, and the answer its sender expects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from model.reading import Feed, Reading, Unreadable

Results = tuple[Reading | Unreadable, ...]
# (body, headers with lower-cased names, feed, received_at). Raises NotReadable when nothing of the body can be read.
Reader = Callable[[bytes, Mapping[str, str], Feed, datetime], Results]

ACCEPTED = 202
UNREADABLE = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """`accepted`: the HTTP status once anything was readable and is durable; `unreadable`: when nothing was.

    A sender that throws a message away on any 4xx gets the same for both: it is kept and people are told.
    `answer`: the body its sender expects; None: ours, one object for each member.
    """

    read: Reader
    accepted: int = ACCEPTED
    unreadable: int = UNREADABLE
    answer: Callable[[Sequence[Reading | Unreadable]], dict[str, Any]] | None = None


def received(results: Sequence[Reading | Unreadable]) -> dict[str, Any]:
    """The body for a sender that looks at the status only."""
    return {"received": len(results)}
