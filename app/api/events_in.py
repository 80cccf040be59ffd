"""Events come in here: `POST /v1/events`, a source's own format, its heartbeat, and what became of a delivery."""

import re
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from app.api.deps import CallerDep, ServiceDep
from app.intake_door import KEPT_OF_TOO_LARGE, Accepted, Posted
from app.problems import MEDIA_TYPE, Problem
from app.security import Caller
from app.service import Service
from config.keys import Role
from intake.read import answer_status
from store import deliveries
from store.deliveries import Delivery, DeliveryState
from store.signals import delivery as delivery_topic

router = APIRouter(tags=["sending"])

MAX_WAIT_SECONDS = 10.0
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in {
        401: "No key, or a wrong one",
        403: "The key is for another source",
        404: "No such source",
        413: "Too large; its beginning is kept",
        422: "Cannot be read; it is kept and people are told",
        503: "Not accepted: try again after Retry-After",
    }.items()
}


@router.post("/v1/events", status_code=202, responses=_PROBLEMS)
async def post_events(request: Request, service: ServiceDep, caller: CallerDep) -> JSONResponse:
    """An event, a CloudEvent, a batch or a list. 202 once it is durable."""
    if caller.source is None:
        raise Problem(403, "Not allowed", f"key {caller.key_id} belongs to no source: use /v1/sources/SOURCE/events")
    return await _take(request, service, caller, caller.source)


@router.post("/v1/sources/{source}/events", status_code=202, responses=_PROBLEMS)
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
    body, truncated = await _body(request, service.settings.max_body_bytes)
    posted = Posted(
        body=body,
        headers=dict(request.headers),
        sender=request.client.host if request.client else "",
        request_id=request.scope.get("request_id", ""),
        truncated=truncated,
    )
    wait_seconds = _wait_seconds(request)
    accepted = await service.door.accept(posted, source, caller, service.rosters.roster)
    answers = service.door.answers(accepted)
    headers = {}
    if wait_seconds:
        answers = [
            await _waited(service, delivery_id, answer, wait_seconds)
            for delivery_id, answer in zip(accepted.message.deliveries, answers, strict=True)
        ]
        headers["Preference-Applied"] = f"wait={wait_seconds:g}"
    if truncated:
        raise Problem(
            413,
            "The body is too large",
            f"at most {service.settings.max_body_bytes} bytes are taken; the first {KEPT_OF_TOO_LARGE} are kept",
            unreadable_id=accepted.message.deliveries[0],
        )
    return _answer(accepted, answers, headers)


async def _body(request: Request, limit: int) -> tuple[bytes, bool]:
    """The body; of one over the limit only its beginning, and True."""
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            return b"".join(chunks)[:KEPT_OF_TOO_LARGE], True
    return b"".join(chunks), False


def _wait_seconds(request: Request) -> float:
    """`Prefer: wait=2`: how long the sender would like to wait for the plan."""
    match = re.search(r"\bwait=(\d{1,3}(?:\.\d+)?)", request.headers.get("prefer", ""))
    return min(float(match[1]), MAX_WAIT_SECONDS) if match else 0.0


async def _waited(service: Service, delivery_id: str, answer: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The answer with what the router decided, if it decided in time."""
    with service.database.signals.waiting(delivery_topic(delivery_id)) as decided:
        found = await service.database.read(lambda conn: deliveries.find(conn, delivery_id))
        if found is None:
            try:
                async with service.clock.timeout(seconds):
                    await decided.wait()
            except TimeoutError:
                return answer
            found = await service.database.read(lambda conn: deliveries.find(conn, delivery_id))
    return answer if found is None or "status_url" not in answer else answer | _decided(found)


def _decided(found: Delivery) -> dict[str, Any]:
    known = found.state in (DeliveryState.DUPLICATE, DeliveryState.CONFLICT)
    return {
        "event_id": found.event_id,
        "revision": found.revision,
        "duplicate": found.state is DeliveryState.DUPLICATE,
        "rings": False if known else found.rings,
        "at_risk": found.at_risk,
        "deadline_at": found.deadline_at.isoformat() if found.deadline_at else None,
        "detail": found.detail,
    }


def _answer(accepted: Accepted, answers: list[dict[str, Any]], headers: dict[str, str]) -> JSONResponse:
    status = answer_status(accepted.message.format, accepted.readings)
    if len(answers) > 1:
        return JSONResponse({"results": answers}, status, headers=headers)
    media_type = MEDIA_TYPE if status == 422 else "application/json"
    return JSONResponse(answers[0], status, headers=headers, media_type=media_type)


@router.api_route("/v1/sources/{source}/heartbeat", methods=["GET", "HEAD", "POST"], responses=_PROBLEMS)
async def beat(source: str, service: ServiceDep, caller: CallerDep) -> dict[str, str]:
    """The source is alive though it has nothing to say."""
    _allowed(service, caller, source)
    now = service.clock.now()
    service.notebook.heard(source, now)
    return {"source": source, "heard_at": now.isoformat()}


@router.get("/v1/deliveries/{delivery_id}", responses=_PROBLEMS)
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
    } | _decided(found)
