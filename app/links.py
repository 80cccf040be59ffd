"""Secret addresses of sources, rotations and people: how the audit names them, and that they go with whose they are."""

from collections.abc import Iterator

from model.roster import Roster
from store import calendar_links, ping_links
from store.audit import Changed
from store.calendar_links import Of
from store.database import Connection


def ping_link(source: str, change: str, verb: str) -> Changed:
    text = f"{verb} the ping link of source {source}"
    return Changed(what=f"ping-links/{source}", change=change, text=text, before=None, after=None)


def calendar_link(kind: Of, name: str, change: str, verb: str) -> Changed:
    text = f"{verb} the calendar link of {kind} {name}"
    return Changed(what=f"calendar-links/{kind}/{name}", change=change, text=text, before=None, after=None)


def revoke_orphans(conn: Connection, before: Roster, after: Roster) -> Iterator[Changed]:
    """Whoever had the address of somebody who is gone must not open another one of that name with it.

    Who is new has none either: what is there under that name is left from somebody else.
    """
    sources = before.sources.keys() & after.sources.keys()
    for source in sorted(set(ping_links.hashes(conn).values()) - sources):
        ping_links.remove(conn, source)
        yield ping_link(source, "removed", "revoke")
    stay = {
        Of.ROTATION: before.rotations.keys() & after.rotations.keys(),
        Of.PERSON: before.people.keys() & after.people.keys(),
    }
    for link in calendar_links.every(conn):
        if link.name not in stay[link.kind]:
            calendar_links.remove(conn, link.kind, link.name)
            yield calendar_link(link.kind, link.name, "removed", "revoke")
