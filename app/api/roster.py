"""The roster as it is in force: people, teams, rotations, policies, routes, resources, sources. For operators."""

from typing import Any

from fastapi import APIRouter
from pydantic import TypeAdapter

from app.api import roster_shapes as shapes
from app.api.deps import OperatorDep, ServiceDep
from app.api.paging import DEFAULT_LIMIT, After, Limit, page
from app.problems import MEDIA_TYPE, Problem
from app.security import Caller
from config.keys import Role
from model.roster import Policy, Resource, Route
from store import monitors

router = APIRouter(
    tags=["roster"],
    responses={
        status: {"description": text, "content": {MEDIA_TYPE: {}}}
        for status, text in {401: "No key, or a wrong one", 403: "For operators and admins"}.items()
    },
)

_POLICY = TypeAdapter(Policy)
_ROUTE, _RESOURCE = TypeAdapter(Route), TypeAdapter(Resource)


def _whole(caller: Caller) -> bool:
    """Admins see whole addresses, operators enough to tell two apart."""
    return caller.role is Role.ADMIN


@router.get("/v1/people")
async def people(
    service: ServiceDep, caller: OperatorDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"people": [...], "next"}` by id. Addresses are masked, but for admins."""
    found = page(service.rosters.roster.people.values(), lambda p: p.id, limit, after)
    now = service.clock.now()
    return {"people": [shapes.person(p, now, whole=_whole(caller)) for p in found.items], "next": found.next}


@router.get("/v1/people/{person_id}", responses={404: {"description": "No such person"}})
async def person(person_id: str, service: ServiceDep, caller: OperatorDep) -> dict[str, Any]:
    found = service.rosters.roster.people.get(person_id)
    if found is None:
        raise _unknown("person", person_id)
    return shapes.person(found, service.clock.now(), whole=_whole(caller))


@router.get("/v1/teams")
async def teams(
    service: ServiceDep, _: OperatorDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"teams": [...], "next"}` by id. Of PagerDuty only the mode is told, never the key."""
    found = page(service.rosters.roster.teams.values(), lambda t: t.id, limit, after)
    return {"teams": [shapes.team(t) for t in found.items], "next": found.next}


@router.get("/v1/rotations")
async def rotations(
    service: ServiceDep, _: OperatorDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"rotations": [...], "next"}` by id, each with its layers."""
    found = page(service.rosters.roster.rotations.values(), lambda r: r.id, limit, after)
    return {"rotations": [shapes.rotation(r) for r in found.items], "next": found.next}


@router.get("/v1/rotations/{rotation_id}", responses={404: {"description": "No such rotation"}})
async def rotation(rotation_id: str, service: ServiceDep, _: OperatorDep) -> dict[str, Any]:
    """One rotation with its layers and its overrides."""
    roster = service.rosters.roster
    rota = roster.rotas.get(rotation_id)
    if rota is None:
        raise _unknown("rotation", rotation_id)
    return shapes.rotation(rota.rotation) | {"overrides": [shapes.override(o) for o in rota.overrides]}


@router.get("/v1/policies")
async def policies(
    service: ServiceDep, _: OperatorDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"policies": [...], "next"}` by id, each with its steps."""
    found = page(service.rosters.roster.policies.values(), lambda p: p.id, limit, after)
    return {"policies": [_POLICY.dump_python(p, mode="json") for p in found.items], "next": found.next}


@router.get("/v1/routes")
async def routes(
    service: ServiceDep, _: OperatorDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"routes": [...], "next"}` in their order: the first that fits decides, the last fits everything."""
    numbered = list(enumerate(service.rosters.roster.routes, start=1))
    found = page(numbered, lambda item: f"{item[0]:06d}", limit, after)
    rows = [{"position": n} | _ROUTE.dump_python(route, mode="json") for n, route in found.items]
    return {"routes": rows, "next": found.next}


@router.get("/v1/resources")
async def resources(
    service: ServiceDep, _: OperatorDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"resources": [...], "next"}` by scheme and code."""
    found = page(service.rosters.roster.resources, lambda r: f"{r.scheme}/{r.code}", limit, after)
    return {"resources": [_RESOURCE.dump_python(r, mode="json") for r in found.items], "next": found.next}


@router.get("/v1/sources")
async def sources(
    service: ServiceDep, _: OperatorDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"sources": [...], "next"}` by id, each with its monitor: status and when it was last heard."""
    heard = await service.database.read(monitors.every)
    lately = service.notebook.last_seen
    found = page(service.rosters.roster.sources.values(), lambda s: s.id, limit, after)
    standing = service.sweeper.statuses()
    rows = [shapes.source(s, heard.get(s.id), lately.get(s.id), standing.get(s.id)) for s in found.items]
    return {"sources": rows, "next": found.next}


def _unknown(what: str, name: str) -> Problem:
    return Problem(404, f"No such {what}", f"{what} {name} is not in the roster")
