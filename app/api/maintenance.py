"""A source need not be heard for a while: its sender is being worked on. Nobody is called for its silence then."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.api import roster_shapes as shapes
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems, unknown
from app.api.instants import Instant, iso
from app.problems import Problem, refused
from app.security import Caller
from app.service import Service
from model.monitor import Maintenance
from store import audit, maintenance, rosters
from store.audit import Changed
from store.database import Connection

router = APIRouter(tags=["roster"], responses=problems(401, 403, 404, 503))

LONGEST = timedelta(days=7)  # a source that is not heard for longer does not belong in the roster


class MaintenanceIn(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    until: Instant = Field(description="When the source is expected to be heard again")
    since: Instant | None = Field(None, alias="from", description="From when; now by default")
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        description="Why, for whoever asks later"
    )


@router.post("/v1/sources/{source_id}/maintenance", status_code=201, responses=problems(400, 422))
async def begin(source_id: str, given: MaintenanceIn, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """The source need not be heard until then: `{"source", "from", "until", "reason", "author"}`.

    It takes the place of what was said before. An alarm that stands already goes on until the source is heard.
    """
    _known(service, source_id)
    now = service.clock.now()
    since = max(given.since or now, now)
    if given.until <= since:
        raise refused([("body.until", "an instant after the beginning, and to come")])
    if given.until - since > LONGEST:
        raise refused([("body.until", f"at most {LONGEST.days} days after the beginning")])
    window = Maintenance(source_id, since, given.until, given.reason, caller.who().actor)

    def keep(conn: Connection) -> None:
        maintenance.begin(conn, service.ids.new(), window, now)
        text = f"maintenance of source {source_id} from {iso(since)} until {iso(given.until)}"
        _record(conn, caller, source_id, text, shapes.maintenance(window), given.reason, now)

    await service.database.transact(keep)
    await service.hearing.listen()
    return {"source": source_id} | shapes.maintenance(window)


@router.delete("/v1/sources/{source_id}/maintenance")
async def end(source_id: str, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """It is over, or will not be: from now on the source has a whole period. 404 when there was none."""
    _known(service, source_id)
    now = service.clock.now()

    def keep(conn: Connection) -> bool:
        found = maintenance.end(conn, source_id, now)
        if found:
            _record(conn, caller, source_id, f"end of the maintenance of source {source_id}", None, "", now)
        return found

    if not await service.database.transact(keep):
        raise Problem(404, "No maintenance", f"source {source_id} is in none, and none is to come")
    await service.hearing.listen()
    return {"source": source_id, "ended_at": iso(now)}


def _known(service: Service, source_id: str) -> None:
    if source_id not in service.rosters.roster.sources:
        raise unknown("source", source_id)


def _record(
    conn: Connection, caller: Caller, source_id: str, text: str, after: dict[str, Any] | None, why: str, now: datetime
) -> None:
    changed = Changed(what=f"maintenance/{source_id}", change="changed", text=text, before=None, after=after)
    audit.record(conn, [changed], caller.who(), why, rosters.latest_version(conn), now)
