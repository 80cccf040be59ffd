"""`GET /v1/coverage`: where somebody will be missing by the roster in force."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems
from app.coverage import MAX_DAYS, looked
from routing.coverage import at_once

router = APIRouter(tags=["roster"], responses=problems(401, 403))

Days = Annotated[int, Query(ge=1, le=MAX_DAYS, description="How far ahead")]


@router.get("/v1/coverage", responses=problems(422))
async def coverage(service: ServiceDep, _: CallerDep, days: Days = 60) -> dict[str, Any]:
    """`{"from", "to", "findings", "findings_omitted", "clocks", "clocks_omitted"}`, from now on.

    Of the rotations that a route leads to.

    A finding is `{"kind", "rotations", "people", "from", "to", "text"}`: hours at which nobody is on call, nobody on
    call can be told, or a person is in two places. `clocks`, `{"rotation", "at", "people", "text"}`, names who works
    through each of the next two changes of clocks, whenever they come.
    """
    roster, now = service.rosters.roster, service.clock.now()
    async with service.looking_ahead:
        return await asyncio.to_thread(lambda: at_once(looked(roster, now, days)))
