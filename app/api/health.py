"""Is it alive, is it able to work."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api.deps import ServiceDep
from model.errors import Unavailable
from store import timeline

router = APIRouter(tags=["operating"])

QUEUE_NEARLY_FULL = 0.9


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(service: ServiceDep) -> JSONResponse:
    """503 with the reasons when a loop stands still, the database is away or the queue is nearly full."""
    reasons = [f"the {name} loop has not turned" for name in service.stuck()]
    try:
        async with service.clock.timeout(2):
            await service.database.read(timeline.last_n)
    except (Unavailable, TimeoutError):
        reasons.append("the database does not answer")
    if service.broker.depth() > service.settings.queue_depth_limit * QUEUE_NEARLY_FULL:
        reasons.append(f"the queue holds {service.broker.depth()} messages")
    body = {"status": "not ready" if reasons else "ready", "reasons": reasons, "queue_depth": service.broker.depth()}
    return JSONResponse(body, 503 if reasons else 200)
