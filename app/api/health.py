"""Is it alive, is it able to work; and is the whole of which it is a part."""

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api.deps import ServiceDep
from app.roles import Role
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
    """503 with the reasons when a loop stands still, the queue is nearly full, or a process that takes no events has no
    database.

    This process alone: for who sends requests to one of several. What stands in `remarks` is worth knowing and no
    reason to send events elsewhere.
    """
    reasons, remarks = _stuck(service), _remarks(service)
    if not await _has_database(service):
        # Events are taken without it, and it is away for all: were it a reason, no process would be left that does.
        (remarks if Role.API in service.roles else reasons).insert(0, "the database does not answer")
    if service.broker.fullness() > QUEUE_NEARLY_FULL:
        full = f"{service.broker.fullness():.0%} of what it may"
        reasons.append(f"the queue holds {full}, {service.broker.depth()} messages")
    body = {
        "status": "not ready" if reasons else "ready",
        "reasons": reasons,
        "remarks": remarks,
        "queue_depth": service.broker.depth(),
    }
    return JSONResponse(body, 503 if reasons else 200)


@router.get("/statusz", responses={503: {"description": "People may not be called about events now"}})
async def status(service: ServiceDep) -> JSONResponse:
    """The whole installation, as this process sees it: for who must call somebody when it is not well.

    503 with the reasons when people may not be called about events. Every process says the same; do not take one out
    of service for it. `roles`: how many seconds ago a process with that role last said that it lives.
    """
    found, signs = service.vital.conditions(), service.vital.signs()
    reasons = [*_stuck(service), *(one.text for one in found if one.calls)]
    body = {
        "status": "not well" if reasons else "well",
        "reasons": reasons,
        "warnings": [one.text for one in found if not one.calls],
        "roles": {role: max(0.0, _seconds_since(service, at)) for role, at in sorted(signs.lived.items())},
        "urgent_unsent_oldest_seconds": _seconds_since(service, signs.due_since) if signs.due_since else 0.0,
    }
    return JSONResponse(body, 503 if reasons else 200)


async def _has_database(service: Service) -> bool:
    try:
        async with service.clock.timeout(2):
            await service.database.read(timeline.last_n)
    except (Unavailable, TimeoutError):
        return False
    return True


def _stuck(service: Service) -> list[str]:
    return [f"the {name} loop has not turned" for name in service.stuck()]


def _seconds_since(service: Service, at: datetime) -> float:
    return (service.clock.now() - at).total_seconds()


def _remarks(service: Service) -> list[str]:
    """What no other process would do better."""
    vendors = service.rounds.vendor_checks.found.items()
    unknown = [f"{vendor}: {seen.detail}" for vendor, seen in vendors if seen.trouble]
    return [*_of_the_queue(service), *_of_slack(service), *unknown]


def _of_slack(service: Service) -> list[str]:
    down = service.slack_socket_down_seconds()
    return [f"Slack's buttons and commands: no connection for {down:.0f} s"] if down else []


def _of_the_queue(service: Service) -> list[str]:
    """RabbitMQ's absence is everybody's: were it a reason, no process would be left that takes events."""
    failover = service.failover
    if failover is None or (failover.queue_up and not failover.spool.depth()):
        return []
    link = "RabbitMQ confirms" if failover.queue_up else "RabbitMQ does not confirm, events go to this host's spool"
    oldest = failover.spool.oldest_at()
    age = f", the oldest for {(service.clock.now() - oldest).total_seconds():.0f} s" if oldest else ""
    return [f"{link}; it holds {failover.spool.depth()} messages{age}"]
