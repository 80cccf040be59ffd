"""Changes of one key: what is in force before, what after. Pure; used by the API and on the host."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from app.rosters import Snapshot
from config.fields import SLUG
from config.keys import Role
from model.errors import Refused, WrongFields
from store.rosters import KeyRow

MAX_KEYS = 1000
KEEP = timedelta(days=1)  # how long the former secret of a renewed key still opens
MAX_KEEP = timedelta(days=30)
LASTING = timedelta(days=1)  # the last key of an admin opens for longer: there must be time to make another
FUTURE = "an instant in the future"


def create(before: Snapshot, key: KeyRow, now: datetime) -> Snapshot:
    """Raises WrongFields for what cannot be (each field with what was expected), Refused for a name that is taken."""
    _check([*_problems(before, key, now)])
    if any(there.id == key.id for there in before.keys):
        raise Refused(f"there is a key {key.id} already: renew it, or call this one otherwise")
    if len(before.keys) >= MAX_KEYS:
        raise Refused(f"there are {MAX_KEYS} keys already: revoke those that nobody uses")
    return replace(before, keys=(*before.keys, key))


def _check(problems: Sequence[tuple[str, str]]) -> None:
    if problems:
        raise WrongFields("\n".join(f"{field}: expected {what}" for field, what in problems), tuple(problems))


def _problems(before: Snapshot, key: KeyRow, now: datetime) -> list[tuple[str, str]]:
    upstream, roster = key.role == Role.UPSTREAM, before.roster
    checks = (
        ("name", "a name of a-z, 0-9 and -, at most 63 long", re.fullmatch(SLUG, key.id) is not None),
        ("source", "the source whose events it sends", not upstream or key.source is not None),
        ("source", f"nothing: a key of role {key.role} has no source", upstream or key.source is None),
        ("source", "the name of a source of the roster", key.source in (None, *roster.sources)),
        ("person", "the name of a person of the roster", key.person in (None, *roster.people)),
        ("expires_at", FUTURE, not expired(key, now)),
    )
    return [(field, expected) for field, expected, right in checks if not right]


def find(before: Snapshot, name: str) -> KeyRow | None:
    return next((key for key in before.keys if key.id == name), None)


class Renewal(NamedTuple):
    """Another secret for a key. The former one opens until `former_until`, None: not any more. `expires_at`: from when
    on the key opens nothing; None: as it was.
    """

    sha256: str
    former_until: datetime | None
    expires_at: datetime | None = None


def renew(before: Snapshot, key: KeyRow, new: Renewal, now: datetime) -> Snapshot:
    """The secret before the former one opens no longer, nor does the former one of a key that has expired.

    Raises Refused for an expired key that is given no other end, WrongFields for an end that is past.
    """
    if new.expires_at is not None and new.expires_at <= now:
        _check([("expires_at", FUTURE)])
    ended = expired(key, now)
    if ended and key.expires_at and new.expires_at is None:
        said = f"key {key.id} was good until {key.expires_at.isoformat()}, and so would its new secret be"
        raise Refused(f"{said}: say from when on it opens nothing (expires_at, or --days on the host)")
    kept = None if ended else new.former_until
    row = replace(
        key,
        sha256=new.sha256,
        expires_at=new.expires_at or key.expires_at,
        former_sha256=key.sha256 if kept else None,
        former_until=kept,
        demo=key.demo and kept is not None,
    )
    return replace(before, keys=tuple(row if there.id == key.id else there for there in before.keys))


def revoke(before: Snapshot, name: str) -> Snapshot:
    """It opens nothing any more, whichever of its secrets is used."""
    return replace(before, keys=tuple(key for key in before.keys if key.id != name))


def locks_out(before: Snapshot, after: Snapshot, now: datetime) -> bool:
    """A key of an admin goes or ends sooner, and none is left that lasts: soon nobody could change anything by the API
    any more.
    """
    were, left = _admins(before, now), _admins(after, now)
    fewer = not were.keys() <= left.keys() or any(_lasts(key, now) for key in were.values())
    return fewer and not any(_lasts(key, now) for key in left.values())


def expired(key: KeyRow, now: datetime) -> bool:
    return key.expires_at is not None and key.expires_at <= now


def _admins(keys: Snapshot, now: datetime) -> dict[str, KeyRow]:
    """Those that still open."""
    return {key.id: key for key in keys.keys if key.role == Role.ADMIN and not expired(key, now)}


def _lasts(key: KeyRow, now: datetime) -> bool:
    return not expired(key, now + LASTING)
