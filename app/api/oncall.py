"""`GET /v1/oncall`: who is on call at an instant, by rotation and timezone, and until when."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.deps import CallerDep, ServiceDep
from app.api.instants import Instant, iso
from app.problems import Problem
from model.roster import Roster
from model.rota import Rota
from routing.audience import is_awake
from routing.on_call import by_people, on_call, spans

router = APIRouter(tags=["roster"])

# How far the end of a shift is looked for, the near future first; None beyond.
_HORIZONS = (timedelta(days=8), timedelta(days=35), timedelta(days=366))


@router.get("/v1/oncall", responses={404: {"description": "No such team"}})
async def oncall(
    service: ServiceDep,
    _: CallerDep,
    at: Annotated[Instant | None, Query(description="Default: now")] = None,
    team: Annotated[str | None, Query(max_length=63)] = None,
) -> dict[str, Any]:
    """Who is on call: `{"at", "rotations": [{"id", "name", "team", "timezone", "until", "groups": [...]}]}`.

    A group is the people of one timezone and rotation, `{"timezone", "people": [{"id", "name", "timezone",
    "awake"}]}`. `until` is when somebody else's shift begins; null: nobody else's within a year.
    """
    roster, asked = service.rosters.roster, at or service.clock.now()
    if team is not None and team not in roster.teams:
        raise Problem(404, "No such team", f"team {team} is not in the roster")
    wanted = [rota for _, rota in sorted(roster.rotas.items()) if team in (None, rota.rotation.team)]
    return {"at": iso(asked), "rotations": [_rotation(rota, roster, asked) for rota in wanted]}


def _rotation(rota: Rota, roster: Roster, at: datetime) -> dict[str, Any]:
    rotation = rota.rotation
    return {
        "id": rotation.id,
        "name": rotation.name,
        "team": rotation.team,
        "timezone": rotation.timezone,
        "until": iso(_until(rota, at)),
        "groups": list(_groups(on_call(rota, at), roster, at)),
    }


def _until(rota: Rota, at: datetime) -> datetime | None:
    for horizon in _HORIZONS:
        (_, _, end), *later = by_people(spans(rota, at, at + horizon))
        if later:
            return end
    return None


def _groups(ids: tuple[str, ...], roster: Roster, at: datetime) -> Iterator[dict[str, Any]]:
    """In rota order of each group's first member."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for person in (roster.people[i] for i in ids if i in roster.people):
        shown = {"id": person.id, "name": person.name, "timezone": person.timezone, "awake": is_awake(person, at)}
        grouped.setdefault(person.timezone, []).append(shown)
    for timezone, people in grouped.items():
        yield {"timezone": timezone, "people": people}
