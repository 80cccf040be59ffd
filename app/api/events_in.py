"""Events come in here: `POST /v1/events`, a source's own format, its heartbeat, and what became of a delivery."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from app.api.deps import CallerDep, ServiceDep
from app.api.posting import PROBLEMS, answer, body_of, decided, too_large
from app.intake_door import Posted
from app.problems import Problem
from app.security import Caller
from app.service import Service
from config.keys import Role
from store import deliveries
from store.deliveries import DeliveryState

router = APIRouter(tags=["sending"])


@router.post("/v1/events", status_code=202, responses=PROBLEMS)
async def post_events(request: Request, service: ServiceDep, caller: CallerDep) -> JSONResponse:
    """An event, a CloudEvent, a batch or a list. 202 once it is durable."""
    if caller.source is None:
        raise Problem(403, "Not allowed", f"key {caller.key_id} belongs to no source: use /v1/sources/SOURCE/events")
    return await _take(request, service, caller, caller.source)


@router.post("/v1/sources/{source}/events", status_code=202, responses=PROBLEMS)
async def post_source_events(source: str, request: Request, service: ServiceDep, caller: CallerDep) -> JSONResponse:
    """The same in the source's own format."""
    _allowed(service, caller, source)
    return await _take(request, service, caller, source)


def _allowed(service: Service, caller: Caller, source: str) -> None:
    """An upstream speaks for itself only; an admin for every source."""
    if caller.source != source and caller.role is not Role.ADMIN:
        raise Problem(403, "Not allowed", f"key {caller.key_id} is not for source {source}")
    if source not in service.rosters.roster.sources:
        raise Problem(404, "No such source", f"source {source} is not in the roster")


async def _take(request: Request, service: Service, caller: Caller, source: str) -> JSONResponse:
    body, truncated = await body_of(request, service.settings.max_body_bytes)
    posted = Posted(
        body=body,
        headers=dict(request.headers),
        sender=request.client.host if request.client else "",
        request_id=request.scope.get("request_id", ""),
        truncated=truncated,
    )
    accepted = await service.door.accept(posted, source, caller, service.rosters.roster)
    if truncated:
        raise too_large(service, accepted.message.deliveries[0])
    return await answer(request, service, accepted)


@router.api_route("/v1/sources/{source}/heartbeat", methods=["GET", "HEAD", "POST"], responses=PROBLEMS)
async def beat(source: str, service: ServiceDep, caller: CallerDep) -> dict[str, str]:
    """The source is alive though it has nothing to say."""
    _allowed(service, caller, source)
    now = service.clock.now()
    service.notebook.heard(source, now)
    return {"source": source, "heard_at": now.isoformat()}


@router.get("/v1/deliveries/{delivery_id}", responses=PROBLEMS)
async def get_delivery(delivery_id: str, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """What became of a delivery. An id of ours without a row yet is `accepted`."""
    plain = service.delivery_ids.parsed(delivery_id)
    if plain is None:
        raise Problem(404, "No such delivery", "the id was not given out here")
    found = await service.database.read(lambda conn: deliveries.find(conn, plain))
    if found is None:
        return {"delivery_id": delivery_id, "state": str(DeliveryState.ACCEPTED)}
    if not caller.may_read(found.source):
        raise Problem(403, "Not allowed", f"key {caller.key_id} is not for source {found.source}")
    return {
        "delivery_id": delivery_id,
        "state": str(found.state),
        "source": found.source,
        "received_at": found.received_at.isoformat(),
        "decided_at": found.decided_at.isoformat(),
    } | decided(found)
