"""The keys, one by one: who has one, when it was used; make, renew and revoke. For admins.

A secret is told once, in the answer that makes it; only its hash is kept.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from app import key_edits, security
from app.api import preconditions
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import WhyDep, etag, problems, unknown
from app.api.instants import Instant, iso
from app.api.paging import DEFAULT_LIMIT, After, Limit, page
from app.api.preconditions import IfMatch
from app.api.text import Text
from app.editing import Edit
from app.problems import Problem, refused
from app.rosters import Snapshot
from app.security import hashed, new_secret
from app.service import Service
from config.keys import Role
from model.errors import WrongFields
from store import key_uses, rosters
from store.database import Connection
from store.rosters import KeyRow

router = APIRouter(tags=["keys"], responses=problems(401, 403))


class KeyIn(BaseModel):
    """A key to be made. `source`: whose events an upstream sends; `person`: who acts with it."""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(min_length=1, max_length=63, description="a-z, 0-9 and -")
    role: Role
    source: Text | None = Field(default=None, max_length=63, description="Of role upstream, and only there")
    person: Text | None = Field(default=None, max_length=63)
    expires_at: Instant | None = Field(default=None, description="From then on it opens nothing; default: never")


class RenewIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keep_seconds: int = Field(
        default=int(key_edits.KEEP.total_seconds()),
        ge=0,
        le=int(key_edits.MAX_KEEP.total_seconds()),
        description="How long the former secret still opens; that of a key that has expired: not any more",
    )
    expires_at: Instant | None = Field(
        default=None, description="From then on it opens nothing; default: as before. An expired key needs one"
    )


@router.get("/v1/keys")
async def keys(service: ServiceDep, _: CallerDep, limit: Limit = DEFAULT_LIMIT, after: After = None) -> dict[str, Any]:
    """`{"keys": [...], "next"}` by id, each as `GET /v1/keys/{key_id}` has it."""
    found = page(service.rosters.known.keys, lambda key: key.id, limit, after)
    noted = await _noted(service)
    return {"keys": [_shown(key, noted, service.clock.now()) for key in found.items], "next": found.next}


@router.get("/v1/keys/{key_id}", responses=problems(404))
async def key(key_id: str, service: ServiceDep, _: CallerDep, response: Response) -> dict[str, Any]:
    """`{"id", "role", "source", "person", "created_at", "expires_at", "expired", "last_used_at", "former"}`.

    `last_used_at` may be a minute late. `former` is `{"until", "last_used_at"}` while a renewed key's former secret
    opens, else null.
    """
    found = key_edits.find(service.rosters.known, key_id)
    if found is None:
        raise unknown("key", key_id)
    response.headers["ETag"] = _etag(found)
    return _shown(found, await _noted(service), service.clock.now())


@router.post("/v1/keys", status_code=201, responses=problems(400, 409, 422, 503))
async def create(
    given: KeyIn, service: ServiceDep, caller: CallerDep, why: WhyDep, response: Response
) -> dict[str, Any]:
    """Make a key. Its `secret` is in this answer and nowhere else."""
    secret = new_secret(security.KEY)
    made = KeyRow(
        id=given.name,
        sha256=hashed(secret),
        role=str(given.role),
        source=given.source,
        person=given.person,
        expires_at=given.expires_at,
    )
    now = service.clock.now()

    def decide(before: Snapshot) -> Snapshot:
        try:
            return key_edits.create(before, made, now)
        except WrongFields as wrong:
            raise _refused(wrong) from None

    edit = await service.editor.edit(decide, caller, why)
    return await _told(service, edit, made.id, secret, response)


@router.post("/v1/keys/{key_id}/renew", responses=problems(400, 404, 409, 412, 422, 428, 503))
async def renew(
    key_id: str,
    given: RenewIn,
    service: ServiceDep,
    caller: CallerDep,
    why: WhyDep,
    response: Response,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Another `secret`, in this answer and nowhere else. The former one opens for `keep_seconds` more.

    Two at a time: who renews again meanwhile ends the oldest. 409 for a key that has expired, without another
    `expires_at`: its secret would open nothing.
    """
    secret, now = new_secret(security.KEY), service.clock.now()
    until = now + timedelta(seconds=given.keep_seconds) if given.keep_seconds else None
    new = key_edits.Renewal(hashed(secret), until, given.expires_at)

    def decide(before: Snapshot) -> Snapshot:
        found = _seen(before, key_id, if_match)
        try:
            return key_edits.renew(before, found, new, now)
        except WrongFields as wrong:
            raise _refused(wrong) from None

    edit = await service.editor.edit(decide, caller, why)
    return await _told(service, edit, key_id, secret, response)


@router.delete("/v1/keys/{key_id}", responses=problems(404, 409, 412, 422, 428, 503))
async def revoke(
    key_id: str, service: ServiceDep, caller: CallerDep, why: WhyDep, if_match: IfMatch = None
) -> dict[str, Any]:
    """It opens nothing from now on, in every process within two seconds. 409 for the last lasting key of an admin."""

    def decide(before: Snapshot) -> Snapshot:
        _seen(before, key_id, if_match)
        return key_edits.revoke(before, key_id)

    return _changes(await service.editor.edit(decide, caller, why))


def _seen(before: Snapshot, name: str, if_match: str | None) -> KeyRow:
    """The key, as the caller saw it. Raises Problem 404, 412, 428."""
    found = key_edits.find(before, name)
    if found is None:
        raise unknown("key", name)
    preconditions.check(if_match, _etag(found))
    return found


def _refused(wrong: WrongFields) -> Problem:
    return refused([(f"body.{field}", expected) for field, expected in wrong.problems])


def _etag(row: KeyRow) -> str:
    return etag({name: iso(value) if isinstance(value, datetime) else value for name, value in asdict(row).items()})


class _Noted:
    """What is known of keys beside the keys: when they were made, and when their secrets were used."""

    def __init__(self, made: Mapping[str, datetime], used: Mapping[str, datetime]) -> None:
        self.made = made
        self.used = used


async def _noted(service: Service) -> _Noted:
    def read(conn: Connection) -> _Noted:
        return _Noted(rosters.keys_made(conn), key_uses.every(conn))

    found = await service.database.read(read)
    return _Noted(found.made, {**found.used, **service.doorkeeper.used})


def _shown(row: KeyRow, noted: _Noted, now: datetime) -> dict[str, Any]:
    former = row.former_sha256 if row.former_until and row.former_until > now else None
    return {
        "id": row.id,
        "role": row.role,
        "source": row.source,
        "person": row.person,
        "created_at": iso(noted.made.get(row.id)),
        "expires_at": iso(row.expires_at),
        "expired": key_edits.expired(row, now),
        "last_used_at": iso(noted.used.get(row.sha256)),
        "former": {"until": iso(row.former_until), "last_used_at": iso(noted.used.get(former))} if former else None,
    }


async def _told(service: Service, edit: Edit, name: str, secret: str, response: Response) -> dict[str, Any]:
    row = key_edits.find(edit.after, name)
    if row is None:
        raise LookupError(f"key {name} was made and is not there")
    response.headers["ETag"] = _etag(row)
    response.headers["Cache-Control"] = "no-store"
    shown = _shown(row, await _noted(service), service.clock.now())
    return {"key": shown, "secret": secret} | _changes(edit)


def _changes(edit: Edit) -> dict[str, Any]:
    """Who is on call does not change with a key."""
    return {name: value for name, value in edit.shown().items() if name in ("version", "changes")}
