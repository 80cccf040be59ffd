"""A roster file that was exported says of which version it is: what was changed since is not undone unawares."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.roster_diff import Difference
from config.roster_writer import FROM_VERSION
from store import audit
from store.audit import Entry
from store.database import Connection

TITLE = "It undoes what was changed meanwhile"
WAY_ON = "export anew and change that, or take its from_version out, if that is meant"


def undone(conn: Connection, seen: int, found: Iterable[Difference]) -> list[Entry]:
    """Of the entries that `found` changes the last change of each after version `seen`, in order.

    What somebody has put into their file as well is no difference, and not among them.
    """
    names = {one.what for one in found}
    last = {entry.changed.what: entry for entry in audit.after_version(conn, seen) if entry.changed.what in names}
    return sorted(last.values(), key=lambda entry: entry.n)


def shown(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """`[{"what", "text", "actor", "at", "reason"}]`."""
    return [
        {
            "what": entry.changed.what,
            "text": entry.changed.text,
            "actor": entry.who.actor,
            "at": entry.at.isoformat(),
            "reason": entry.reason,
        }
        for entry in entries
    ]


def refusal(seen: int, entries: Sequence[Entry]) -> str:
    """The first of them, how many more there are, and how to go on."""
    first, more = entries[0], len(entries) - 1
    said = f"{first.changed.text}, by {first.who.actor} at {first.at:%Y-%m-%d %H:%M} UTC"
    since = f"after version {seen}, from which the file was exported"
    return f"{said}{f', and {more} more' if more else ''}, {since}: {WAY_ON}"


def of_another(seen: int, newest: int) -> str | None:
    """A sentence about a version that never was here."""
    if seen <= newest:
        return None
    return f"the file was exported from version {seen}, and {newest} is the newest here: {WAY_ON}"


def stamped(text: str, version: int) -> str:
    """The file's text, now that it is in force as that version; the same where it names none."""
    return FROM_VERSION.sub(rf"\g<1>{version}", text, count=1)
