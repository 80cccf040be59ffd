"""The sealed evidence of a data folder, verified. Only reads, also beside a Gridcall that runs."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from app.stores import database_place
from config.settings import Settings
from model.clock import SystemClock
from model.errors import SettingsError, Unavailable
from model.event import Event
from store import events, migrate, seal
from store.database import Connection
from store.partitions import made_at

PAGE = 500
_HEAD = re.compile(r"([0-9a-f]{64}) (\d{1,9}) ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}) (\S+) (.+)")

T = TypeVar("T")


class Head(NamedTuple):
    """The end that an event's chain has or had. As text, to be kept elsewhere: one line, in this order."""

    hash: str
    seal_no: int
    event_pk: str
    source: str
    event_id: str

    def __str__(self) -> str:
        return " ".join(map(str, self))


class Broken(NamedTuple):
    """A place where an event's evidence does not hold. `seal_no` None: at no row that is sealed."""

    source: str
    event_id: str
    seal_no: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    events: int
    rows: int
    unsealed: int
    breaks: Sequence[Broken]
    heads: int


def read_heads(text: str) -> list[Head]:
    """What `heads` gave, one a line. Raises SettingsError."""
    found = []
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), start=1):
        match = _HEAD.fullmatch(line)
        if match is None:
            raise SettingsError(f"line {number} of the heads is not one that `gridcall heads` has printed: take it out")
        digest, seal_no, event_pk, source, event_id = match.groups()
        found.append(Head(digest, int(seal_no), event_pk, source, event_id))
    return found


def heads(settings: Settings) -> list[Head]:
    """The ends of all chains as they are now, those of the oldest events first. Raises SettingsError as `verify`."""
    return _look(settings, lambda conn: [head for page in _pages(conn) for head in _heads(conn, page)][::-1])


def verify(settings: Settings, source: str | None, event_id: str | None, kept: Sequence[Head] = ()) -> Verified:
    """One event, or all when none is named; of all also whether they go on from what their heads were when `kept`.

    Raises SettingsError when there is nothing to look at.
    """
    kept_since = SystemClock().now() - timedelta(days=settings.evidence_days)

    def look(conn: Connection) -> Verified:
        return _verified(conn, _chosen(conn, source, event_id), kept, kept_since)

    return _look(settings, look)


def _look(settings: Settings, fn: Callable[[Connection], T]) -> T:
    place = database_place(settings)
    if not place.exists():
        raise SettingsError(f"there is no database at {place}: say with GRIDCALL_DATA_DIR where it is")

    def look(conn: Connection) -> T:
        if migrate.current(conn) is None:
            raise SettingsError(f"{place} is not a database of Gridcall")
        return fn(conn)

    try:
        return place.look(look)
    except Unavailable as away:
        raise SettingsError(f"the database {place} cannot be used: {away}") from None


def _chosen(conn: Connection, source: str | None, event_id: str | None) -> list[Event]:
    if source is None or event_id is None:
        return [event for page in _pages(conn) for event in page]
    found = events.find(conn, source, event_id)
    if found is None:
        raise SettingsError(f"source {source} has sent no event {event_id}")
    return [found]


def _pages(conn: Connection) -> Iterator[list[Event]]:
    """All events, the newest first."""
    after = None
    while page := events.page(conn, PAGE, after):
        yield page
        after = page[-1].pk


def _heads(conn: Connection, page: Sequence[Event]) -> Iterator[Head]:
    ends = seal.heads(conn, [event.pk for event in page])
    for event in page:
        if (end := ends.get(event.pk)) is not None:
            yield Head(end.hash, end.seal_no, event.pk, event.source, event.event_id)


def _verified(conn: Connection, chosen: Sequence[Event], kept: Sequence[Head], kept_since: datetime) -> Verified:
    states = [seal.state(conn, event.pk) for event in chosen]
    left = defaultdict(list)
    for broken in seal.left(conn):
        left[broken.event_pk].append(broken)
    ends: dict[str, set[seal.Head]] = defaultdict(set)
    for head in kept:
        ends[head.event_pk].add(seal.Head(head.seal_no, head.hash))
    breaks = [
        Broken(event.source, event.event_id, broken.seal_no, broken.why)
        for event in chosen
        for broken in (*seal.check(conn, event.pk, ends[event.pk]), *left[event.pk])
    ]
    rows, unsealed = sum(s.sealed for s in states), sum(s.unsealed for s in states)
    return Verified(len(chosen), rows, unsealed, [*breaks, *_gone(chosen, kept, kept_since)], len(kept))


def _gone(chosen: Sequence[Event], kept: Sequence[Head], kept_since: datetime) -> list[Broken]:
    """What came before `kept_since` may have been deleted for its age."""
    there = {event.pk for event in chosen}
    gone = {head.event_pk: head for head in kept if head.event_pk not in there}
    return [
        Broken(head.source, head.event_id, None, "the event is gone: it was there when the heads were kept")
        for pk, head in gone.items()
        if made_at(pk) >= kept_since
    ]
