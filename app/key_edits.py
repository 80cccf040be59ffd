"""Changes of one key: what is in force before, what after. Pure; used by the API and on the host."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

from app.rosters import Snapshot
from config.fields import SLUG
from config.keys import Role
from model.errors import Refused, WrongFields
from store.rosters import KeyRow

MAX_KEYS = 1000
KEEP = timedelta(days=1)  # how long the former secret of a renewed key still opens
MAX_KEEP = timedelta(days=30)
LASTING = timedelta(days=1)  # the last key of an admin opens for longer: there must be time to make another


def create(before: Snapshot, key: KeyRow, now: datetime) -> Snapshot:
    """Raises WrongFields for what cannot be (each field with what was expected), Refused for a name that is taken."""
    problems = [*_problems(before, key, now)]
    if problems:
        raise WrongFields("\n".join(f"{field}: expected {what}" for field, what in problems), tuple(problems))
    if any(there.id == key.id for there in before.keys):
        raise Refused(f"there is a key {key.id} already: renew it, or call this one otherwise")
    if len(before.keys) >= MAX_KEYS:
        raise Refused(f"there are {MAX_KEYS} keys already: revoke those that nobody uses")
    return replace(before, keys=(*before.keys, key))


def _problems(before: Snapshot, key: KeyRow, now: datetime) -> list[tuple[str, str]]:
    upstream, roster = key.role == Role.UPSTREAM, before.roster
    checks = (
        ("name", "a name of a-z, 0-9 and -, at most 63 long", re.fullmatch(SLUG, key.id) is not None),
        ("source", "the source whose events it sends", not upstream or key.source is not None),
        ("source", f"nothing: a key of role {key.role} has no source", upstream or key.source is None),
        ("source", "the name of a source of the roster", key.source in (None, *roster.sources)),
        ("person", "the name of a person of the roster", key.person in (None, *roster.people)),
        ("expires_at", "an instant in the future", key.expires_at is None or key.expires_at > now),
    )
    return [(field, expected) for field, expected, right in checks if not right]


def find(before: Snapshot, name: str) -> KeyRow | None:
    return next((key for key in before.keys if key.id == name), None)


def renew(before: Snapshot, key: KeyRow, sha256: str, former_until: datetime | None) -> Snapshot:
    """Another secret. The former one opens until `former_until`, None: not any more; one before that no longer."""
    new = replace(
        key,
        sha256=sha256,
        former_sha256=key.sha256 if former_until else None,
        former_until=former_until,
        demo=key.demo and former_until is not None,
    )
    return replace(before, keys=tuple(new if there.id == key.id else there for there in before.keys))


def revoke(before: Snapshot, name: str) -> Snapshot:
    """It opens nothing any more, whichever of its secrets is used."""
    return replace(before, keys=tuple(key for key in before.keys if key.id != name))


def locks_out(before: Snapshot, after: Snapshot, now: datetime) -> bool:
    """A key of an admin goes, and none is left that lasts: soon nobody could change anything by the API any more."""
    left = _admins(after, now)
    return not _admins(before, now).keys() <= left.keys() and not any(_lasts(key, now) for key in left.values())


def _admins(keys: Snapshot, now: datetime) -> dict[str, KeyRow]:
    """Those that still open."""
    admins = (key for key in keys.keys if key.role == Role.ADMIN)
    return {key.id: key for key in admins if key.expires_at is None or key.expires_at > now}


def _lasts(key: KeyRow, now: datetime) -> bool:
    return key.expires_at is None or key.expires_at > now + LASTING
