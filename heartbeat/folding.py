"""When most sources fall silent together, it is not them. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from model.monitor import MonitorStatus

TOGETHER = timedelta(minutes=10)  # who fell silent so long before the last word that anybody said, fell silent alone
QUIET = (MonitorStatus.LATE, MonitorStatus.SILENT)


class Stands(NamedTuple):
    """How a source stands, and when it was last heard."""

    status: MonitorStatus
    seen_at: datetime


class Together(NamedTuple):
    """`sources` fell silent together, of so many that were heard lately. `since`: the last word of any of them."""

    sources: tuple[str, ...]
    of: int
    since: datetime


def together(quiet: Mapping[str, Stands], heard: int, share: float) -> Together | None:
    """More than that share of the `heard` sources, two at least, one of them silent and the others late at least."""
    if not any(found.status is MonitorStatus.SILENT for found in quiet.values()):
        return None
    since = max(found.seen_at for found in quiet.values())
    sources = tuple(sorted(source for source, found in quiet.items() if since - found.seen_at <= TOGETHER))
    of = heard - len(quiet) + len(sources)  # who has been silent for long says nothing about our link
    return Together(sources, of, since) if len(sources) > max(1, share * of) else None


def still(quiet: Mapping[str, Stands], heard: int, share: float, since: datetime) -> bool:
    """Most of them are not heard yet. Who had fallen silent alone before `since` does not count, as when it began."""
    alone = sum(since - found.seen_at > TOGETHER for found in quiet.values())
    return len(quiet) - alone > share * (heard - alone)
