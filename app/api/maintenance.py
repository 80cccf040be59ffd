"""A source need not be heard for a while: its sender is being worked on. Nobody is called for its silence then."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.api import roster_shapes as shapes
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems, unknown
from app.api.instants import Instant, iso
from app.api.paging import DEFAULT_LIMIT, AfterPlace, Limit, page_as_listed
from app.problems import Problem, refused
from app.security import Caller
from app.service import Service
from model.monitor import Maintenance
from store import audit, maintenance, rosters
from store.audit import Changed
from store.database import Connection

router = APIRouter(tags=["roster"], responses=problems(401, 403, 503))

LONGEST = timedelta(days=7)  # a source that is not heard for longer does not belong in the roster
AT_ONCE = 20  # of one source, running or to come


class MaintenanceIn(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    until: Instant = Field(description="When the source is expected to be heard again")
    since: Instant | None = Field(None, alias="from", description="From when; now by default")
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        description="Why, for whoever asks later"
    )


@router.get("/v1/maintenance")
async def every(
    service: ServiceDep,
    _: CallerDep,
    source: Annotated[str | None, Query(max_length=63, description="Of which source; all by default")] = None,
    limit: Limit = DEFAULT_LIMIT,
    after: AfterPlace = None,
) -> dict[str, Any]:
    """What runs or is to come, the first to begin first: `{"maintenance": [...], "next"}`.

    Each is `{"id", "source", "from", "until", "reason", "author", "active"}`.
    """
    now = service.clock.now()
    there = await service.database.read(lambda conn: maintenance.ahead(conn, now, source))
    found = page_as_listed(there, lambda window: window.id, limit, after)
    return {"maintenance": [shapes.maintenance(window, now) for window in found.items], "next": found.next}


@router.post("/v1/sources/{source_id}/maintenance", status_code=201, responses=problems(400, 404, 409, 422))
async def begin(source_id: str, given: MaintenanceIn, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """The source need not be heard until then: what was said, and under `others` what else runs or is to come.

    It adds to them. An alarm that stands already goes on until the source is heard.
    """
    _known(service, source_id)
    now = service.clock.now()
    since = max(given.since or now, now)
    if given.until <= since:
        raise refused([("body.until", "an instant after the beginning, and to come")])
    if given.until - since > LONGEST:
        raise refused([("body.until", f"at most {LONGEST.days} days after the beginning")])
    window = Maintenance(service.ids.new(), source_id, since, given.until, given.reason, caller.who().actor)
    shown = shapes.maintenance(window, now)

    def keep(conn: Connection) -> list[Maintenance]:
        others = maintenance.ahead(conn, now, source_id)
        if len(others) < AT_ONCE:
            maintenance.begin(conn, window)
            text = f"maintenance of source {source_id} from {iso(since)} until {iso(given.until)}"
            changed = Changed(what=f"maintenance/{source_id}", change="added", text=text, before=None, after=shown)
            _record(conn, caller, [changed], given.reason, now)
        return others

    others = await service.database.transact(keep)
    if len(others) >= AT_ONCE:
        raise Problem(409, "Too much maintenance", f"at most {AT_ONCE} of a source run or are to come: end one first")
    await service.hearing.listen()
    return shown | {"others": [shapes.maintenance(other, now) for other in others]}


@router.delete("/v1/sources/{source_id}/maintenance", responses=problems(404))
async def end(source_id: str, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """All that runs of it is over: from now on the source has a whole period. 404 when none does.

    `{"source", "ended_at", "ended": [...], "others": [...]}`: what is to come stays, under `others`.
    """
    return await _end(source_id, None, service, caller)


@router.delete("/v1/sources/{source_id}/maintenance/{maintenance_id}", responses=problems(404))
async def end_one(source_id: str, maintenance_id: str, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """That one is over, or will not be; 404 when there is none. Where another one runs, that goes on."""
    return await _end(source_id, maintenance_id, service, caller)


async def _end(source_id: str, id_: str | None, service: Service, caller: Caller) -> dict[str, Any]:
    _known(service, source_id)
    now = service.clock.now()

    def keep(conn: Connection) -> tuple[list[Maintenance], list[Maintenance]]:
        over = maintenance.end(conn, source_id, now, id_)
        if over:
            _record(conn, caller, [_ended(window, now) for window in over], "", now)
        return over, maintenance.ahead(conn, now, source_id)

    over, others = await service.database.transact(keep)
    if not over:
        which = f"has no maintenance {id_}" if id_ else "is in none now"
        to_come = f"; to come: {', '.join(window.id for window in others)}" if others else ""
        raise Problem(404, "No maintenance", f"source {source_id} {which}{to_come}")
    await service.hearing.listen()
    return {
        "source": source_id,
        "ended_at": iso(now),
        "ended": [shapes.maintenance(window, now) for window in over],
        "others": [shapes.maintenance(window, now) for window in others],
    }


def _known(service: Service, source_id: str) -> None:
    if source_id not in service.rosters.roster.sources:
        raise unknown("source", source_id)


def _ended(window: Maintenance, now: datetime) -> Changed:
    text = f"end of the maintenance of source {window.source} that was until {iso(window.until)}"
    before = shapes.maintenance(window, now)
    return Changed(what=f"maintenance/{window.source}", change="removed", text=text, before=before, after=None)


def _record(conn: Connection, caller: Caller, changes: list[Changed], why: str, now: datetime) -> None:
    audit.record(conn, changes, caller.who(), why, rosters.latest_version(conn), now)
