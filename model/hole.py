"""Messages that a source has numbered, and which of them never came. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

LARGEST = 2**63 - 1
MOST_OPEN = 100  # holes of one source at a time; who leaves more out does not number its messages
FIRSTS = (0, 1)  # a sender that begins anew begins with one of these


class CountedBy(StrEnum):
    """Where the number of a message stands."""

    FIELD = "field"  # `sequence` of the canonical event
    CLOUDEVENTS = "cloudevents"  # the CloudEvents extension `sequence`
    MAPPING = "mapping"  # what the expression `sequence` of the mapping finds


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A source numbers its messages, each one higher by 1. One that is missing is told after `wait_seconds`."""

    by: CountedBy
    wait_seconds: int = 30


Range = tuple[int, int]  # both ends belong to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """From `first` to `last` nothing had come by `seen_at`; `missing` are those that still have not.

    `closed_at`: when the last of them came. `told`: what was said to be missing, as of `told_at`; None: nothing yet.
    `said`: that is published.
    """

    source: str
    first: int
    last: int
    missing: tuple[Range, ...]
    seen_at: datetime
    closed_at: datetime | None = None
    told: tuple[Range, ...] | None = None
    told_at: datetime | None = None
    said: bool = False

    @property
    def event_id(self) -> str:
        """Of the event that tells of it."""
        return f"missing/{self.source}/{self.first}-{self.last}"


class Taken(NamedTuple):
    """What a number has changed: the highest that came so far, and the hole it made or made smaller."""

    highest: int
    hole: Hole | None


def take(
    source: str, highest: int | None, holes: Sequence[Hole], number: int, received_at: datetime, *, again: bool
) -> Taken:
    """A message with that number came. `again`: it was known, so that its number begins nothing anew."""
    if highest is None or number == highest + 1:
        return Taken(number, None)
    if number > highest + 1:
        missing = (highest + 1, number - 1)
        opened = sum(hole.closed_at is None for hole in holes)
        hole = Hole(source=source, first=missing[0], last=missing[1], missing=(missing,), seen_at=received_at)
        return Taken(number, hole if opened < MOST_OPEN else None)
    filled = next((hole for hole in holes if any(a <= number <= b for a, b in hole.missing)), None)
    if filled is not None:
        left = tuple(_without(filled.missing, number))
        return Taken(highest, replace(filled, missing=left, closed_at=None if left else received_at))
    anew = number in FIRSTS and not again
    return Taken(number if anew else highest, None)


def _without(ranges: Sequence[Range], number: int) -> Iterator[Range]:
    for first, last in ranges:
        if first <= number <= last:
            yield from (part for part in ((first, number - 1), (number + 1, last)) if part[0] <= part[1])
        else:
            yield first, last
