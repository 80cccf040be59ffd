"""Hours at which a rotation misses somebody, as they are told by one event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple


class Hours(NamedTuple):
    """`kind`: what is wrong from `start` until before `end` (aware UTC), `gap` or `unreachable`."""

    kind: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What is kept of one such event. `hours` are those of the last look; those after `seen_until` were not told yet.

    `revision` counts what was said. `to_tell` is the statement of that revision until it is published for certain:
    a repeat says exactly the same. `over`: nothing is missing there any more.
    """

    event_id: str
    rotation: str
    revision: int
    hours: tuple[Hours, ...]
    seen_until: datetime
    over: bool = False
    to_tell: Mapping[str, Any] | None = None

    @property
    def start(self) -> datetime:
        return self.hours[0].start

    @property
    def end(self) -> datetime:
        return self.hours[-1].end
