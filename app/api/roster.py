"""The roster as it is in force: people, teams, rotations, policies, routes, resources, sources. For operators."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from app.api import roster_shapes as shapes
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import etag, problems, unknown
from app.api.instants import iso
from app.api.paging import DEFAULT_LIMIT, After, AfterPlace, Limit, page, page_as_listed
from app.security import Caller
from app.service import Service
from config import roster_writer
from config.keys import Role
from model.errors import Unavailable
from model.limits import times
from model.plan import ChannelName
from model.roster import Person, Policy, Resource, Source
from model.route import Route
from routing.loads import load, month_begins
from store import attempts, contacts

VERIFIED_SECONDS = 1.0

router = APIRouter(tags=["roster"], responses=problems(401, 403))

_POLICY = TypeAdapter(Policy)
_ROUTE, _RESOURCE = TypeAdapter(Route), TypeAdapter(Resource)


def _entry(response: Response, service: Service, caller: Caller, section: str, name: str) -> dict[str, Any]:
    """`{"entry"}` for those who may change it, and its ETag; for others neither.

    Whoever has the hash of an entry can try numbers until one fits.
    """
    if not _whole(caller):
        return {}
    entry = roster_writer.entry(service.rosters.roster, section, name)
    response.headers["ETag"] = etag(entry)
    return {"entry": entry}


def _whole(caller: Caller) -> bool:
    """Admins see whole addresses, operators enough to tell two apart."""
    return caller.role is Role.ADMIN


async def verified(service: Service, people: Iterable[Person]) -> set[str] | None:
    """Which of their addresses are; None: the database does not answer, and people are shown all the same."""
    addresses = {method.address for person in people for method in person.methods}
    try:
        async with service.clock.timeout(VERIFIED_SECONDS):
            return await service.database.read(lambda conn: contacts.verified(conn, addresses))
    except (Unavailable, TimeoutError):
        return None


@router.get("/v1/people")
async def people(
    service: ServiceDep, caller: CallerDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"people": [...], "next"}` by id. Addresses are masked, but for admins."""
    found = page(service.rosters.roster.people.values(), lambda p: p.id, limit, after)
    now, sure = service.clock.now(), await verified(service, found.items)
    rows = [shapes.person(p, now, whole=_whole(caller), verified=sure) for p in found.items]
    return {"people": rows, "next": found.next}


@router.get("/v1/people/{person_id}", responses=problems(404))
async def person(person_id: str, service: ServiceDep, caller: CallerDep, response: Response) -> dict[str, Any]:
    """One person; for admins with the `entry` that `PUT` takes."""
    found = service.rosters.roster.people.get(person_id)
    if found is None:
        raise unknown("person", person_id)
    sure = await verified(service, [found])
    shown = shapes.person(found, service.clock.now(), whole=_whole(caller), verified=sure)
    return shown | _entry(response, service, caller, "people", person_id)


@router.get("/v1/people/{person_id}/load", responses=problems(404))
async def load_of(person_id: str, service: ServiceDep, _: CallerDep) -> dict[str, Any]:
    """Calls that asked them for an answer: `{"person", "calls": {"10min", "1h", "24h", "month"}, "nights_woken",
    "may_be_rung_at"}`.

    `nights_woken`: the evenings of this month, at home, of nights in which a phone rang while they sleep.
    `may_be_rung_at`: when one more call keeps the limits; the first of a new critical event may break them.
    """
    found = service.rosters.roster.people.get(person_id)
    if found is None:
        raise unknown("person", person_id)
    now, numbers = service.clock.now(), found.addresses(ChannelName.VOICE)
    since = month_begins(found, now)
    rings = await service.database.read(lambda conn: attempts.rings(conn, numbers, since))
    borne = load(found, rings, times(service.settings.person_limits_times), now)
    return {
        "person": found.id,
        "calls": dict(zip(("10min", "1h", "24h"), borne.calls, strict=True)) | {"month": borne.calls_this_month},
        "nights_woken": [night.isoformat() for night in borne.nights_woken],
        "may_be_rung_at": iso(borne.may_be_rung_at),
    }


@router.get("/v1/teams")
async def teams(service: ServiceDep, _: CallerDep, limit: Limit = DEFAULT_LIMIT, after: After = None) -> dict[str, Any]:
    """`{"teams": [...], "next"}` by id. Of PagerDuty only the mode is told, never the key."""
    found = page(service.rosters.roster.teams.values(), lambda t: t.id, limit, after)
    return {"teams": [shapes.team(t) for t in found.items], "next": found.next}


@router.get("/v1/teams/{team_id}", responses=problems(404))
async def team(team_id: str, service: ServiceDep, caller: CallerDep, response: Response) -> dict[str, Any]:
    """One team; for admins with the `entry` that `PUT` takes, PagerDuty's key in it."""
    found = service.rosters.roster.teams.get(team_id)
    if found is None:
        raise unknown("team", team_id)
    return shapes.team(found) | _entry(response, service, caller, "teams", team_id)


@router.get("/v1/rotations")
async def rotations(
    service: ServiceDep, _: CallerDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"rotations": [...], "next"}` by id, each with its layers."""
    found = page(service.rosters.roster.rotations.values(), lambda r: r.id, limit, after)
    return {"rotations": [shapes.rotation(r) for r in found.items], "next": found.next}


@router.get("/v1/rotations/{rotation_id}", responses=problems(404))
async def rotation(rotation_id: str, service: ServiceDep, caller: CallerDep, response: Response) -> dict[str, Any]:
    """One rotation with its layers and its overrides; for admins with the `entry` that `PUT` takes."""
    roster = service.rosters.roster
    rota = roster.rotas.get(rotation_id)
    if rota is None:
        raise unknown("rotation", rotation_id)
    shown = shapes.rotation(rota.rotation) | {"overrides": [shapes.override(o) for o in rota.overrides]}
    return shown | _entry(response, service, caller, "rotations", rotation_id)


@router.get("/v1/policies")
async def policies(
    service: ServiceDep, _: CallerDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"policies": [...], "next"}` by id, each with its steps."""
    found = page(service.rosters.roster.policies.values(), lambda p: p.id, limit, after)
    return {"policies": [_POLICY.dump_python(p, mode="json") for p in found.items], "next": found.next}


@router.get("/v1/policies/{policy_id}", responses=problems(404))
async def policy(policy_id: str, service: ServiceDep, caller: CallerDep, response: Response) -> dict[str, Any]:
    """One policy; for admins with the `entry` that `PUT` takes."""
    found = service.rosters.roster.policies.get(policy_id)
    if found is None:
        raise unknown("policy", policy_id)
    shown: dict[str, Any] = _POLICY.dump_python(found, mode="json")
    return shown | _entry(response, service, caller, "policies", policy_id)


@router.get("/v1/routes")
async def routes(
    service: ServiceDep, _: CallerDep, limit: Limit = DEFAULT_LIMIT, after: AfterPlace = None
) -> dict[str, Any]:
    """`{"routes": [...], "next"}` in their order: the first that fits decides, the last fits everything."""
    numbered = list(enumerate(service.rosters.roster.routes, start=1))
    found = page_as_listed(numbered, lambda item: item[1].id, limit, after)
    rows = [{"position": n} | _route(route) for n, route in found.items]
    return {"routes": rows, "next": found.next}


def _route(route: Route) -> dict[str, Any]:
    """With its names as the roster's file has them."""
    shown: dict[str, Any] = _ROUTE.dump_python(route, mode="json")
    return shown | {"policy": route.policy or None, "continue": shown.pop("continues")}


@router.get("/v1/resources")
async def resources(
    service: ServiceDep, _: CallerDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"resources": [...], "next"}` by scheme and code."""
    found = page(service.rosters.roster.resources, lambda r: f"{quote(r.scheme, safe='')}/{r.code}", limit, after)
    return {"resources": [_RESOURCE.dump_python(r, mode="json") for r in found.items], "next": found.next}


@router.get("/v1/sources")
async def sources(
    service: ServiceDep, _: CallerDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"sources": [...], "next"}` by id, each with its monitor: status and when it was last heard."""
    found = page(service.rosters.roster.sources.values(), lambda s: s.id, limit, after)
    return {"sources": await _heard(service, found.items), "next": found.next}


@router.get("/v1/sources/{source_id}", responses=problems(404))
async def source(source_id: str, service: ServiceDep, caller: CallerDep, response: Response) -> dict[str, Any]:
    """One source with its monitor; for admins with the `entry` that `PUT` takes."""
    found = service.rosters.roster.sources.get(source_id)
    if found is None:
        raise unknown("source", source_id)
    [shown] = await _heard(service, [found])
    return shown | _entry(response, service, caller, "sources", source_id)


async def _heard(service: Service, sources: Sequence[Source]) -> list[dict[str, Any]]:
    await service.hearing.load()
    heard, lately = service.hearing.monitors, service.notebook.last_seen
    standing, windows, now = service.hearing.statuses(), service.hearing.windows_of, service.clock.now()
    return [
        shapes.source(s, heard.get(s.id), lately.get(s.id), standing.get(s.id), windows(s.id), now) for s in sources
    ]
