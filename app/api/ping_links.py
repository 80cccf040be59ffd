"""The secret addresses at which sources say that they are alive: made, renewed, revoked. app/api/pings.py serves them.

The address is told once, in the answer that makes it; only the hash of its secret is kept, and it is in no log.
"""

from typing import Any

from fastapi import APIRouter, Response

from app import links, security
from app.api import preconditions
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import Reason, etag, problems, unknown
from app.api.instants import iso
from app.api.pings import PREFIX
from app.api.preconditions import IfMatch
from app.problems import Problem
from app.security import Caller, hashed, new_secret
from app.service import Service
from store import audit, ping_links, rosters
from store.database import Connection
from store.ping_links import PingLink

router = APIRouter(tags=["roster"], responses=problems(401, 403, 404, 503))


@router.get("/v1/sources/{source_id}/ping-link")
async def get(source_id: str, service: ServiceDep, _: CallerDep, response: Response) -> dict[str, Any]:
    """`{"made_at", "made_by"}` of the secret address; the address itself is not known here. 404: there is none."""
    _check(service, source_id)
    found = await service.database.read(lambda conn: ping_links.one(conn, source_id))
    if found is None:
        raise _none(source_id)
    response.headers["ETag"] = etag(found.sha256)
    return _shown(found)


@router.post("/v1/sources/{source_id}/ping-link", status_code=201, responses=problems(412))
async def make(
    source_id: str,
    response: Response,
    service: ServiceDep,
    caller: CallerDep,
    reason: Reason = "",
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Make a secret address, or another one: the former leads nowhere then. `url` is in this answer only."""
    _check(service, source_id)
    secret = new_secret(security.PING)
    link = PingLink(source=source_id, sha256=hashed(secret), made_at=service.clock.now(), made_by=caller.who().actor)

    def keep(conn: Connection) -> None:
        _check_seen(conn, source_id, if_match)
        renewed = ping_links.put(conn, link)
        change, verb = ("changed", "renew") if renewed else ("added", "make")
        _record(conn, source_id, change, verb, caller, reason, service)

    await service.database.transact(keep)
    await service.rosters.refresh(service.database)
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = etag(link.sha256)
    return {"url": f"{service.settings.public_url}{PREFIX}{secret}"} | _shown(link)


@router.delete("/v1/sources/{source_id}/ping-link", status_code=204, responses=problems(412))
async def revoke(
    source_id: str, service: ServiceDep, caller: CallerDep, reason: Reason = "", if_match: IfMatch = None
) -> None:
    """The address leads nowhere any more: here at once, in other processes within a second."""
    _check(service, source_id)

    def remove(conn: Connection) -> bool:
        _check_seen(conn, source_id, if_match)
        gone = ping_links.remove(conn, source_id)
        if gone:
            _record(conn, source_id, "removed", "revoke", caller, reason, service)
        return gone

    if not await service.database.transact(remove):
        raise _none(source_id)
    await service.rosters.refresh(service.database)


def _check(service: Service, source: str) -> None:
    """Raises Problem 404."""
    if source not in service.rosters.roster.sources:
        raise unknown("source", source)


def _check_seen(conn: Connection, source: str, if_match: str | None) -> None:
    """Raises Problem 412."""
    found = ping_links.one(conn, source)
    preconditions.check_if_sent(if_match, etag(found.sha256) if found else None)


def _record(
    conn: Connection, source: str, change: str, verb: str, caller: Caller, reason: str, service: Service
) -> None:
    changed = links.ping_link(source, change, verb)
    audit.record(conn, [changed], caller.who(), reason, rosters.latest_version(conn), service.clock.now())


def _shown(link: PingLink) -> dict[str, Any]:
    return {"source": link.source, "made_at": iso(link.made_at), "made_by": link.made_by}


def _none(source: str) -> Problem:
    return Problem(404, "No ping link", f"source {source} has no secret address")
