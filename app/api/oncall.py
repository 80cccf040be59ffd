"""`GET /v1/oncall`: who is on call at an instant, by rotation and timezone, and until when."""

import re
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app import access
from app.access import Door
from app.api.deps import CallerDep, ServiceDep
from app.api.events_in import Scope
from app.api.instants import Instant
from app.problems import Problem
from app.service import Service

router = APIRouter(tags=["roster"])

PATH = "/v1/oncall"
_OF_A_TEAM = re.compile(rb"team=([A-Za-z0-9_-]{1,63})")


@router.get(PATH, responses={404: {"description": "No such team"}})
async def oncall(
    service: ServiceDep,
    _: CallerDep,
    at: Annotated[Instant | None, Query(description="Default: now")] = None,
    team: Annotated[str | None, Query(max_length=63)] = None,
) -> Response:
    """Who is on call: `{"at", "rotations": [{"id", "name", "team", "timezone", "until", "groups": [...]}]}`.

    A group is the people of one timezone and rotation, `{"timezone", "people": [{"id", "name", "timezone",
    "awake"}]}`. `until` is when somebody else's shift begins; null: nobody else's within a year.
    """
    if team is not None and team not in service.rosters.roster.teams:
        raise Problem(404, "No such team", f"team {team} is not in the roster")
    now = service.oncall_now
    body = await now.body(team) if at is None else now.body_at(team, at)
    return Response(body, media_type="application/json")


def known(service: Service, scope: Scope) -> bytes | None:
    """The body of an answer that needs no work and no framework; None: ask the route, which also says what is wrong."""
    if scope["path"] != PATH or scope["method"] != "GET":
        return None
    query, team = scope["query_string"], None
    if query:
        if (found := _OF_A_TEAM.fullmatch(query)) is None:
            return None
        team = found[1].decode()
    authorization = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    who = access.who("GET", PATH)
    if isinstance(who, Door) or not service.doorkeeper.knows(authorization.decode("latin-1"), who):
        return None
    if team is not None and team not in service.rosters.roster.teams:
        return None
    return service.oncall_now.known(team)
