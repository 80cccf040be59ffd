"""What every post of an event has in common: its body within the limit, the wait for the plan, the answer."""

import re
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from app.intake_door import KEPT_OF_TOO_LARGE, Accepted
from app.problems import MEDIA_TYPE, Problem
from app.service import Service
from intake.read import answer_status
from store import deliveries
from store.deliveries import Delivery, DeliveryState
from store.signals import delivery as delivery_topic

MAX_WAIT_SECONDS = 10.0
PROBLEMS: dict[int | str, dict[str, Any]] = {
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


async def answer(request: Request, service: Service, accepted: Accepted) -> JSONResponse:
    """202 or 422, for one or for each of many; with what the router decided where the sender prefers to wait."""
    answers, headers = service.door.answers(accepted), {}
    if seconds := _wait_seconds(request):
        answers = [
            await _waited(service, delivery_id, shown, seconds)
            for delivery_id, shown in zip(accepted.message.deliveries, answers, strict=True)
        ]
        headers["Preference-Applied"] = f"wait={seconds:g}"
    return _answer(accepted, answers, headers)


def too_large(service: Service, unreadable_id: str | None = None) -> Problem:
    """A body over the limit; where it was a message, its beginning is kept as `unreadable_id`."""
    limit = f"at most {service.settings.max_body_bytes} bytes are taken"
    if unreadable_id is None:
        return Problem(413, "The body is too large", limit)
    kept = f"{limit}; the first {KEPT_OF_TOO_LARGE} are kept"
    return Problem(413, "The body is too large", kept, unreadable_id=unreadable_id)


async def body_of(request: Request, limit: int) -> tuple[bytes, bool]:
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
    with service.database.signals.waiting(delivery_topic(delivery_id)) as woken:
        found = await service.database.read(lambda conn: deliveries.find(conn, delivery_id))
        if found is None:
            try:
                async with service.clock.timeout(seconds):
                    await woken.wait()
            except TimeoutError:
                return answer
            found = await service.database.read(lambda conn: deliveries.find(conn, delivery_id))
    return answer if found is None or "status_url" not in answer else answer | decided(found)


def decided(found: Delivery) -> dict[str, Any]:
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
