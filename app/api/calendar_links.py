"""Secret addresses of calendars, for clients that subscribe and can send no key: made, renewed, revoked; and served.

The address is told once, in the answer that makes it; only the hash of its secret is kept, and it is in no log.
"""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath

from app import security
from app.api import calendars, preconditions
from app.api.calendars import WindowDep
from app.api.deps import CallerDep, ServiceDep, address_of
from app.api.edits import Reason, etag, problems, unknown
from app.api.instants import iso
from app.api.preconditions import IfMatch
from app.links import calendar_link
from app.problems import MEDIA_TYPE, Problem
from app.security import Caller, hashed, new_secret
from app.service import Service
from config.keys import Role
from store import audit, calendar_links, rosters
from store.calendar_links import Link, Of
from store.database import Connection

router = APIRouter(tags=["roster"], responses=problems(401, 403, 404, 503))
links = APIRouter(tags=["roster"])  # without a key


def _get(section: str, kind: Of) -> None:
    @router.get(f"/v1/{section}/{{{kind}_id}}/calendar-link", name=f"{kind}_calendar_link")
    async def get(
        service: ServiceDep, _: CallerDep, response: Response, name: str = InPath(alias=f"{kind}_id")
    ) -> dict[str, Any]:
        """`{"made_at", "made_by"}` of the secret address; the address itself is not known here. 404: there is none."""
        _check(service, kind, name)
        found = await service.database.read(lambda conn: calendar_links.one(conn, kind, name))
        if found is None:
            raise _none(kind, name)
        response.headers["ETag"] = _etag(found)
        return _shown(found)


def _post(section: str, kind: Of) -> None:
    @router.post(
        f"/v1/{section}/{{{kind}_id}}/calendar-link",
        name=f"make_{kind}_calendar_link",
        status_code=201,
        responses=problems(412),
    )
    async def post(
        response: Response,
        service: ServiceDep,
        caller: CallerDep,
        name: str = InPath(alias=f"{kind}_id"),
        reason: Reason = "",
        if_match: IfMatch = None,
    ) -> dict[str, Any]:
        """Make a secret address, or another one: the former leads nowhere then. `url` is in this answer only."""
        _check(service, kind, name)
        _check_whose(service, caller, kind, name)
        secret = new_secret(security.LINK)
        link = Link(
            kind=kind, name=name, sha256=hashed(secret), made_at=service.clock.now(), made_by=caller.who().actor
        )

        def make(conn: Connection) -> None:
            _check_seen(conn, kind, name, if_match)
            renewed = calendar_links.put(conn, link)
            change, verb = ("changed", "renew") if renewed else ("added", "make")
            _record(conn, link.kind, link.name, change, verb, caller, reason, service)

        await service.database.transact(make)
        response.headers["Cache-Control"] = "no-store"
        response.headers["ETag"] = _etag(link)
        return {"url": f"{service.settings.public_url}/calendars/{secret}/calendar.ics"} | _shown(link)


def _delete(section: str, kind: Of) -> None:
    @router.delete(
        f"/v1/{section}/{{{kind}_id}}/calendar-link",
        name=f"delete_{kind}_calendar_link",
        status_code=204,
        responses=problems(412),
    )
    async def delete(
        service: ServiceDep,
        caller: CallerDep,
        name: str = InPath(alias=f"{kind}_id"),
        reason: Reason = "",
        if_match: IfMatch = None,
    ) -> None:
        """The address leads nowhere any more."""
        _check(service, kind, name)
        _check_whose(service, caller, kind, name)

        def remove(conn: Connection) -> bool:
            _check_seen(conn, kind, name, if_match)
            gone = calendar_links.remove(conn, kind, name)
            if gone:
                _record(conn, kind, name, "removed", "revoke", caller, reason, service)
            return gone

        if not await service.database.transact(remove):
            raise _none(kind, name)


for _section, _kind in (("rotations", Of.ROTATION), ("people", Of.PERSON)):
    _get(_section, _kind)
    _post(_section, _kind)
    _delete(_section, _kind)


@links.get(
    "/calendars/{token}/calendar.ics",
    response_class=Response,
    responses={
        200: {"description": "The calendar", "content": {"text/calendar": {}}},
        404: {"description": "Nothing is at this address", "content": {MEDIA_TYPE: {}}},
        429: {"description": "Too many wrong addresses: Retry-After", "content": {MEDIA_TYPE: {}}},
        503: {"description": "Not available now", "content": {MEDIA_TYPE: {}}},
    },
)
async def calendar(token: str, request: Request, service: ServiceDep, window: WindowDep) -> Response:
    """The calendar of a rotation or a person, without a key: the address is the secret."""
    link = await service.database.read(lambda conn: calendar_links.find(conn, hashed(token)))
    if link is None:
        raise service.doorkeeper.unknown_link(address_of(request))
    of = {Of.ROTATION: calendars.of_rotation, Of.PERSON: calendars.of_person}[link.kind]
    answer = await of(service, link.name, window)
    answer.headers["Cache-Control"] = "private"
    return answer


def _check(service: Service, kind: Of, name: str) -> None:
    """Raises Problem 404."""
    roster = service.rosters.roster
    if name not in (roster.rotations if kind is Of.ROTATION else roster.people):
        raise unknown(kind, name)


def _check_whose(service: Service, caller: Caller, kind: Of, name: str) -> None:
    """Operators make the address of their own calendar, admins everybody's. Raises Problem 403."""
    if caller.role is not Role.ADMIN and not (kind is Of.PERSON and caller.person == name):
        raise service.doorkeeper.forbidden(f"key {caller.key_id} is not for the calendar of {kind} {name}")


def _check_seen(conn: Connection, kind: Of, name: str, if_match: str | None) -> None:
    """Raises Problem 412."""
    found = calendar_links.one(conn, kind, name)
    preconditions.check_if_sent(if_match, _etag(found) if found else None)


def _etag(link: Link) -> str:
    return etag(link.sha256)


def _record(
    conn: Connection, kind: Of, name: str, change: str, verb: str, caller: Caller, reason: str, service: Service
) -> None:
    changed = calendar_link(kind, name, change, verb)
    audit.record(conn, [changed], caller.who(), reason, rosters.latest_version(conn), service.clock.now())


def _shown(link: Link) -> dict[str, Any]:
    return {"made_at": iso(link.made_at), "made_by": link.made_by}


def _none(kind: Of, name: str) -> Problem:
    return Problem(404, "No calendar link", f"there is no secret address of {kind} {name}'s calendar")
