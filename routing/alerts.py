"""An acknowledgement in PagerDuty: which event and revision its alert is about; and who is nobody here."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from model.errors import Undecidable
from model.event import Event
from model.ids import Ids
from model.reply import Heard
from routing import thread_notes
from routing.planner import DEDUP_KEY_CHARS, REOPENED, dedup_key
from store import events, timeline
from store.database import Connection

_READABLE = re.compile(r"([^:]+):(.+):g[0-9]+", re.DOTALL)
_NUMBER_CHARS = len("::g999999")
TIMES = 20  # more often nobody takes an acceptance back


class About(NamedTuple):
    event: Event
    revision: int


def about(conn: Connection, key: str) -> About:
    """Raises Undecidable when no event has an alert of that key; of a hashed one, no open event."""
    for event in _candidates(conn, key):
        revision = revision_of(event, key)
        if revision is not None:
            return About(event, revision)
    raise Undecidable("PagerDuty's alert is of no event we know")


def _candidates(conn: Connection, key: str) -> Iterator[Event]:
    if readable := _READABLE.fullmatch(key):
        found = events.find(conn, readable[1], readable[2])
        if found is not None:
            yield found
    else:
        yield from events.open_with_long_names(conn, DEDUP_KEY_CHARS - _NUMBER_CHARS)


def revision_of(event: Event, key: str) -> int | None:
    """The revision that the alert of that key asks for: its record, its raised alert and those of when it was open
    again are one question.
    """
    asking = [r.number for r in event.revisions if r.needs_answer]
    for place, revision in enumerate(asking):
        numbers = (2 * place + which + REOPENED * times for times in range(TIMES) for which in (1, 2))
        if any(key == dedup_key(event, number) for number in numbers):
            return revision
    return None


def tell_stranger(conn: Connection, ids: Ids, event: Event, heard: Heard) -> None:
    """Kept, and said once in the event's Slack thread, so that nobody relies on it. It counts for nobody."""
    events.lock(conn, event.pk)
    before = (entry.body.get("heard") for entry in timeline.of_event(conn, event.pk) if entry.kind == "stranger")
    if heard.id in before:
        return
    body = {"heard": heard.id, "by": heard.by, "channel": heard.channel, "vendor_at": heard.vendor_at}
    private = {"vendor_body": heard.vendor_body}
    timeline.append(conn, ids, event.pk, heard.received_at, "stranger", body, private)
    note = (
        f"{heard.by} acknowledged it in PagerDuty and is nobody of the roster: that does not count. "
        "Accept by phone, text or button, or have pagerduty_user set"
    )
    thread_notes.add(conn, ids, event, note, heard.received_at)
