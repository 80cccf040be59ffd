"""Shifts as an iCalendar file (RFC 5545) to which a calendar can subscribe. Pure.

Times are written in UTC, which every client shows by its own clock: nothing about time zones can be misread. An event's
UID follows from who, where and from when, so that a client that reads again finds the events it knows.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from model.rota import Rotation, Shift

REFRESH = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One shift in the calendar. `title` is what the calendar shows."""

    rotation: Rotation
    shift: Shift
    title: str


def calendar(name: str, entries: Iterable[Entry], version: int, now: datetime) -> bytes:
    """The file, its events by start; `version` is the roster's, `now` when the file was made."""
    made = Calendar()
    made.add("prodid", "-//Gridcall//On call//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", name)
    made.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT1H")
    for entry in sorted(entries, key=lambda e: (e.shift.start, e.rotation.id, e.shift.person)):
        made.add_component(_event(entry, version, now))
    return bytes(made.to_ical())


def _event(entry: Entry, version: int, now: datetime) -> Event:
    event = Event()
    event.add("uid", uid(entry.rotation.id, entry.shift))
    event.add("dtstamp", now.replace(microsecond=0))
    event.add("sequence", version)
    event.add("dtstart", entry.shift.start)
    event.add("dtend", entry.shift.end)
    event.add("summary", entry.title)
    event.add("description", _description(entry))
    event.add("transp", "TRANSPARENT")  # being on call keeps nobody from meetings
    return event


def uid(rotation: str, shift: Shift) -> str:
    """The same for a shift of the same person, layer and start, whenever and in whatever window it is asked for."""
    said = f"{rotation}/{shift.person}/{shift.duty.layer or ''}/{shift.start.isoformat()}"
    return f"{hashlib.sha256(said.encode()).hexdigest()[:32]}@gridcall"


def _description(entry: Entry) -> str:
    why = "by an override" if entry.shift.duty.override else f"layer {entry.shift.duty.layer}"
    return f"{entry.rotation.name} ({entry.rotation.id}), {why}. Handoffs by the clock of {entry.rotation.timezone}."
