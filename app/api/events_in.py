"""Events come in here: the one hot route, a bare ASGI function beside the framework.

`POST /v1/events`, `POST /v1/sources/{source}/events`, and PagerDuty's `POST /v2/enqueue`; app/api/events_in_docs.py
describes them in OpenAPI.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from pydantic_core import to_json

from app.api.let_in import ENQUEUE, EVENTS, Arrival, Receive, let_in
from app.intake_door import KEPT_OF_TOO_LARGE, Accepted
from app.problems import MEDIA_TYPE, Problem, as_problem
from app.repeats import Answered
from app.service import Service
from intake.read import answer as expected_answer
from model.clock import stopwatch
from model.errors import Unavailable
from model.idempotency import key_of
from model.reading import Problem as Wrong
from model.reading import Reading, Unreadable
from store import deliveries
from store.deliveries import Delivery, DeliveryState
from store.signals import delivery as delivery_topic

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MAX_WAIT_SECONDS = 10.0
CONTRADICTS = Unreadable(
    problems=(Wrong(field="idempotency-key", found="the key of another body", expected="one of its own"),)
)
_SOURCE_EVENTS = re.compile(r"/v1/sources/([^/]+)/events")


def takes(scope: Scope) -> bool:
    """Is this request for us?"""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    path = scope["path"]
    if path in {EVENTS, ENQUEUE}:
        return True
    return path.endswith("/events") and _SOURCE_EVENTS.fullmatch(path) is not None


class EventsIn:
    """Reads bytes, finds the key's hash in a dict, validates once, shares a commit with its neighbours, answers 202."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = stopwatch()
        try:
            status, body, more = await self._take(scope, receive, begun)
        except Exception as error:
            problem = as_problem(error)
            status, body, more = problem.status, problem.body(), dict(problem.headers or {})
            body["request_id"] = scope.get("request_id", "")
            more["server-timing"] = f"total;dur={(stopwatch() - begun) * 1000:.2f}"
            more["content-type"] = MEDIA_TYPE
        await _answer(send, status, to_json(body), more)

    async def _take(self, scope: Scope, receive: Receive, begun: float) -> tuple[int, dict[str, Any], dict[str, str]]:
        service = self._service
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        sender = scope["client"][0] if scope.get("client") else ""
        arrival = Arrival(scope["path"], headers, sender, scope.get("request_id", ""), receive)
        posted, source, caller = await let_in(service, arrival)
        roster, now = service.rosters.roster, service.clock.now()
        if (known := roster.sources.get(source)) is not None:
            service.inward.take(known, caller, now)
        key = key_of(headers)
        first = service.repeats.find(source, key, now) if key else None
        if first is not None and first.same(posted):
            if first.heard:
                service.notebook.heard(source, now)
            service.metrics.repeats.count(source)
            return first.status, first.again(), {"content-type": "application/json", "idempotency-replayed": "true"}
        accepted = await service.door.accept(posted, source, caller, roster)
        if known is not None:
            service.inward.more(known, len(accepted.readings) - 1, now)
        if posted.truncated:
            raise _too_large(service, accepted)
        ours, more = await answer_to(service, accepted, headers.get("prefer", ""))
        status, own = expected_answer(accepted.message.format, accepted.readings)
        if first is not None:
            status, own = expected_answer(accepted.message.format, [CONTRADICTS])
            ours = _contradiction(service, accepted, first)
        elif key and any(isinstance(reading, Reading) for reading in accepted.readings):
            service.repeats.remember(source, key, Answered.of(posted, now, status, ours, own, accepted.heard))
        more["server-timing"] = _timing(begun, accepted)
        more["content-type"] = MEDIA_TYPE if status >= 400 and own is None else "application/json"
        return status, ours if own is None else own, more


def _contradiction(service: Service, accepted: Accepted, first: Answered) -> dict[str, Any]:
    """The key is that of another body, as this process knows; the router will find out, too, and tell people."""
    shown = service.delivery_ids.shown(accepted.message.id)
    detail = (
        f"the key was sent with another body, accepted at {first.at:%H:%M:%S}. This one is kept and people are told, "
        "nobody is called for it: send it with a key of its own if it was meant"
    )
    problem = Problem(422, "The key is that of another body", detail, delivery_id=shown)
    return problem.body() | {"status_url": f"/v1/deliveries/{shown}"}


def _timing(begun: float, accepted: Accepted) -> str:
    """Server-Timing: reading and validating the body, the durable publish, the whole; in milliseconds."""
    read, queue = accepted.read_at - begun, accepted.durable_at - accepted.read_at
    return f"read;dur={read * 1000:.2f}, queue;dur={queue * 1000:.2f}, total;dur={(stopwatch() - begun) * 1000:.2f}"


def _too_large(service: Service, accepted: Accepted) -> Problem:
    limit = service.settings.max_body_bytes
    detail = f"at most {limit} bytes are taken; the first {KEPT_OF_TOO_LARGE} are kept and people are told"
    return Problem(413, "The body is too large", detail, unreadable_id=accepted.message.deliveries[0])


async def answer_to(service: Service, accepted: Accepted, prefer: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Our body and headers for what was accepted; with what the router decided where the sender likes to wait."""
    answers = service.door.answers(accepted)
    more: dict[str, str] = {}
    if seconds := _wait_seconds(prefer):
        members = zip(accepted.message.deliveries, answers, strict=True)
        answers = [await _waited(service, delivery_id, answer, seconds) for delivery_id, answer in members]
        more["preference-applied"] = f"wait={seconds:g}"
    return {"results": answers} if len(answers) > 1 else answers[0], more


def _wait_seconds(prefer: str) -> float:
    """`Prefer: wait=2`: how long the sender would like to wait for the plan."""
    match = re.search(r"\bwait=(\d{1,3}(?:\.\d+)?)", prefer) if prefer else None
    return min(float(match[1]), MAX_WAIT_SECONDS) if match else 0.0


async def _waited(service: Service, delivery_id: str, answer: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The answer with what the router decided, if it decided in time."""
    with service.database.signals.waiting(delivery_topic(delivery_id)) as decided:
        found = await _decided(service, delivery_id)
        if found is None:
            with suppress(TimeoutError):  # it may have been decided, and the signal lost
                async with service.clock.timeout(seconds):
                    await decided.wait()
            found = await _decided(service, delivery_id)
    return answer if found is None or "status_url" not in answer else answer | decided_body(found)


async def _decided(service: Service, delivery_id: str) -> Delivery | None:
    """None as long as nobody knows: without a database what was accepted is accepted all the same."""
    try:
        return await service.database.read(lambda conn: deliveries.find(conn, delivery_id))
    except Unavailable:
        return None


def decided_body(found: Delivery) -> dict[str, Any]:
    """What the router decided, in the fields of the 202."""
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


async def _answer(send: Send, status: int, body: bytes, more: dict[str, str]) -> None:
    headers: Headers = [
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in more.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
