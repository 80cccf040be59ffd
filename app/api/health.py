"""Is it alive, is it able to work."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api.deps import ServiceDep
from app.service import Service
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
    """503 with the reasons when a loop stands still, the database is away or the queue is nearly full.

    What stands in `remarks` is worth knowing and no reason to send events elsewhere.
    """
    reasons = [f"the {name} loop has not turned" for name in service.stuck()]
    try:
        async with service.clock.timeout(2):
            await service.database.read(timeline.last_n)
    except (Unavailable, TimeoutError):
        reasons.append("the database does not answer")
    if service.broker.depth() > service.settings.queue_depth_limit * QUEUE_NEARLY_FULL:
        reasons.append(f"the queue holds {service.broker.depth()} messages")
    body = {
        "status": "not ready" if reasons else "ready",
        "reasons": reasons,
        "remarks": _remarks(service),
        "queue_depth": service.broker.depth(),
    }
    return JSONResponse(body, 503 if reasons else 200)


def _remarks(service: Service) -> list[str]:
    """RabbitMQ's absence is everybody's: were it a reason, no process would be left that takes events."""
    failover = service.failover
    if failover is None or (failover.link_up and not failover.spool.depth()):
        return []
    link = "RabbitMQ confirms" if failover.link_up else "RabbitMQ does not confirm, events go to this host's spool"
    oldest = failover.spool.oldest_at()
    age = f", the oldest for {(service.clock.now() - oldest).total_seconds():.0f} s" if oldest else ""
    return [f"{link}; it holds {failover.spool.depth()} messages{age}"]
