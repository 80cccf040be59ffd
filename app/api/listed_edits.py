"""Changes of routes, which are tried in order, and of resources, one by one or as a table. For admins."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app import resource_table, roster_edits
from app.api import preconditions
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import Entry, WhyDep, etag, named, problems, unknown, version_etag
from app.api.preconditions import IfMatch
from app.problems import refused
from app.rosters import Snapshot
from app.security import Caller
from config import roster_writer
from config.keys import Role
from config.written import Data

router = APIRouter(tags=["roster"], responses=problems(401, 403))

CSV = "text/csv"
_CHANGE = problems(412, 422, 428, 503)
_PUT = _CHANGE | problems(400) | {201: {"description": "It was new"}}
_TABLE = {"requestBody": {"required": True, "content": {CSV: {"schema": {"type": "string"}}}}}

Before = Annotated[str | None, Query(max_length=63, description="The route that is to be tried next")]


@router.get("/v1/routes/{route_id}", responses=problems(404))
async def route(route_id: str, service: ServiceDep, caller: CallerDep, response: Response) -> dict[str, Any]:
    """`{"position", "id", "match", "team", "policy"}`; for admins with the `entry` that `PUT` takes."""
    routes = service.rosters.roster.routes
    position = next((n for n, found in enumerate(routes, start=1) if found.id == route_id), None)
    entry = roster_writer.route(service.rosters.roster, route_id)
    if position is None or entry is None:
        raise unknown("route", route_id)
    return {"position": position} | _shown(entry, {"match": {}}, caller, response)


@router.put("/v1/routes/{route_id}", responses=_PUT)
async def put_route(
    route_id: str,
    body: Entry,
    service: ServiceDep,
    caller: CallerDep,
    why: WhyDep,
    response: Response,
    before: Before = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Make a route, or replace it whole. It is tried before the route `before`.

    Without that it stays where it is, and a new one goes before the catch-all.
    """
    entry = named(body, id=route_id)

    def decide(now: Snapshot) -> Snapshot:
        current = roster_writer.route(now.roster, route_id)
        preconditions.check(if_match, etag(current) if current else None)
        if before is not None and (before == route_id or roster_writer.route(now.roster, before) is None):
            raise refused([("query.before", "the id of another route")])
        return roster_edits.put_route(now, route_id, entry, before)

    edit = await service.editor.edit(decide, caller, why)
    was_there = roster_writer.route(edit.before.roster, route_id) is not None
    return _put(roster_writer.route(edit.after.roster, route_id), response, new=not was_there) | edit.shown()


@router.delete("/v1/routes/{route_id}", responses=problems(404, 409) | _CHANGE)
async def delete_route(
    route_id: str, service: ServiceDep, caller: CallerDep, why: WhyDep, if_match: IfMatch = None
) -> dict[str, Any]:
    """Take a route out; the catch-all stays (409)."""

    def decide(now: Snapshot) -> Snapshot:
        current = roster_writer.route(now.roster, route_id)
        if current is None:
            raise unknown("route", route_id)
        preconditions.check(if_match, etag(current))
        return roster_edits.remove_route(now, route_id)

    return (await service.editor.edit(decide, caller, why)).shown()


@router.get("/v1/resources/{scheme}/{code:path}", responses=problems(404))
async def resource(
    scheme: str, code: str, service: ServiceDep, caller: CallerDep, response: Response
) -> dict[str, Any]:
    """A site or asset; for admins with the `entry` that `PUT` takes."""
    entry = roster_writer.resource(service.rosters.roster, scheme, code)
    if entry is None:
        raise unknown("resource", f"{scheme}/{code}")
    return _shown(entry, {"zone": "", "timezone": "UTC", "contracted_mw": None, "team": None}, caller, response)


@router.put("/v1/resources/{scheme}/{code:path}", responses=problems(404) | _PUT)
async def put_resource(
    scheme: str,
    code: str,
    body: Entry,
    service: ServiceDep,
    caller: CallerDep,
    why: WhyDep,
    response: Response,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Make a resource, or replace it whole."""
    entry = named(body, scheme=scheme, code=code)

    def decide(now: Snapshot) -> Snapshot:
        current = roster_writer.resource(now.roster, scheme, code)
        preconditions.check(if_match, etag(current) if current else None)
        return roster_edits.put_resources(now, [(roster_edits.BODY, entry)])

    edit = await service.editor.edit(decide, caller, why)
    was_there = edit.before.roster.resource(scheme, code) is not None
    return _put(roster_writer.resource(edit.after.roster, scheme, code), response, new=not was_there) | edit.shown()


@router.delete("/v1/resources/{scheme}/{code:path}", responses=problems(404) | _CHANGE)
async def delete_resource(
    scheme: str, code: str, service: ServiceDep, caller: CallerDep, why: WhyDep, if_match: IfMatch = None
) -> dict[str, Any]:
    """Take a resource out."""

    def decide(now: Snapshot) -> Snapshot:
        current = roster_writer.resource(now.roster, scheme, code)
        if current is None:
            raise unknown("resource", f"{scheme}/{code}")
        preconditions.check(if_match, etag(current))
        return roster_edits.remove_resource(now, scheme, code)

    return (await service.editor.edit(decide, caller, why)).shown()


@router.post("/v1/resources/import", openapi_extra=_TABLE, responses=_CHANGE)
async def import_resources(
    request: Request, service: ServiceDep, caller: CallerDep, why: WhyDep, if_match: IfMatch = None
) -> dict[str, Any]:
    """Make or replace the resources of a table in CSV, all or none; others stay.

    The first line names the columns, of `scheme,code,name,zone,timezone,contracted_mw,team`. When some of the resources
    are there already, `If-Match` has the `ETag` of `GET /v1/roster`.
    """
    rows = resource_table.read(await request.body())

    def decide(now: Snapshot) -> Snapshot:
        replaced = any(now.roster.resource(row.get("scheme", ""), row.get("code", "")) for _, row in rows)
        if replaced or if_match is not None:
            preconditions.check(if_match, version_etag(now.roster.version))
        return roster_edits.put_resources(now, rows)

    return (await service.editor.edit(decide, caller, why)).shown()


def _shown(entry: Data, defaults: Data, caller: Caller, response: Response) -> dict[str, Any]:
    """With its ETag and the `entry` for those who may change it, as of everything that has a name."""
    if caller.role is not Role.ADMIN:
        return defaults | entry
    response.headers["ETag"] = etag(entry)
    return defaults | entry | {"entry": entry}


def _put(entry: Data | None, response: Response, *, new: bool) -> dict[str, Any]:
    response.headers["ETag"] = etag(entry)
    if new:
        response.status_code = 201
    return {"entry": entry}
