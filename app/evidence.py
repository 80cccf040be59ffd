"""The sealed evidence of a data folder, verified. Only reads, also beside a Gridcall that runs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.stores import database_place
from config.settings import Settings
from model.errors import SettingsError, Unavailable
from model.event import Event
from store import events, migrate, seal
from store.database import Connection

PAGE = 500


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


def verify(settings: Settings, source: str | None, event_id: str | None) -> Verified:
    """One event, or all when none is named. Raises SettingsError when there is nothing to look at."""
    place = database_place(settings)
    if not place.exists():
        raise SettingsError(f"there is no database at {place}: say with GRIDCALL_DATA_DIR where it is")

    def look(conn: Connection) -> Verified:
        if migrate.current(conn) is None:
            raise SettingsError(f"{place} is not a database of Gridcall")
        return _verified(conn, _chosen(conn, source, event_id))

    try:
        return place.look(look)
    except Unavailable as away:
        raise SettingsError(f"the database {place} cannot be used: {away}") from None


def _chosen(conn: Connection, source: str | None, event_id: str | None) -> list[Event]:
    if source is None or event_id is None:
        return _all(conn)
    found = events.find(conn, source, event_id)
    if found is None:
        raise SettingsError(f"source {source} has sent no event {event_id}")
    return [found]


def _all(conn: Connection) -> list[Event]:
    found: list[Event] = []
    while page := events.page(conn, PAGE, found[-1].pk if found else None):
        found += page
    return found


def _verified(conn: Connection, chosen: Sequence[Event]) -> Verified:
    states = [seal.state(conn, event.pk) for event in chosen]
    left = defaultdict(list)
    for broken in seal.left(conn):
        left[broken.event_pk].append(broken)
    breaks = [
        Broken(event.source, event.event_id, broken.seal_no, broken.why)
        for event in chosen
        for broken in (*seal.check(conn, event.pk), *left[event.pk])
    ]
    return Verified(len(chosen), sum(s.sealed for s in states), sum(s.unsealed for s in states), breaks)
