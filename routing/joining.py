"""Which events a statement is about that does not name one: by the statements it follows, or by being alike."""

from collections.abc import Iterable
from dataclasses import replace

from model.event import Content, Event
from model.reading import Follows, Reading
from store import deliveries, events
from store.database import Connection

Found = list[tuple[Reading, Event | None]]


def find(conn: Connection, source: str, reading: Reading) -> Found:
    """The reading, naming its event, with that event if there is one. Several when it ends several.

    Whoever asks holds the placing key; the events are locked.
    """
    if reading.follows is None or reading.event_id is not None:
        return [_named(conn, source, reading)]
    return [_named(conn, source, named) for named in _names(conn, source, reading, reading.follows)]


def _named(conn: Connection, source: str, reading: Reading) -> tuple[Reading, Event | None]:
    return reading, events.find(conn, source, reading.event_id, lock=True) if reading.event_id else None


def _names(conn: Connection, source: str, reading: Reading, follows: Follows) -> Iterable[Reading]:
    placed = deliveries.placed(conn, source, follows.statements) if follows.statements else {}
    if reading.native_id in placed:  # heard before: it is a duplicate, or contradicts itself
        event_id, number = placed[reading.native_id]
        return [replace(reading, event_id=event_id, revision=number)]
    if known := next((placed[name] for name in follows.statements if name in placed), None):
        return [replace(reading, event_id=known[0])]
    if follows.alike and (found := alike(reading.content, events.open_of(conn, source))):
        return [replace(reading, event_id=event.event_id) for event in found]
    return [replace(reading, event_id=follows.own_id)]


def alike(content: Content, opened: Iterable[Event]) -> list[Event]:
    """The open events that `content` is about: an end ends all of its step and zones, an order repeats one at most."""
    found = [event for event in opened if _thread(event.content) == _thread(content)]
    if content.message_type.ends:
        return found
    return [event for event in found if _order(event.content) == _order(content)][:1]


def _thread(content: Content) -> tuple[object, ...]:
    destination = content.extra.get("destination")
    return content.mode, content.issuer, destination, content.phase_detail, frozenset(content.zones)


def _order(content: Content) -> tuple[object, ...]:
    """All but its times."""
    return content.program, content.phase, content.instruction, content.resources
