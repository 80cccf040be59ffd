"""What senders use besides the hot route: a heartbeat, and what became of a delivery."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse

from app.api.deps import CallerDep, ServiceDep, address_of
from app.api.event_shapes import outcome_shape
from app.api.events_in import decided_body
from app.api.let_in import Arrival, admitted
from app.problems import MEDIA_TYPE, Problem
from app.service import Service
from model.clock import wake_or
from model.errors import Unavailable
from model.verdict import Verdict
from store import deliveries, events, verdicts
from store.database import Connection
from store.deliveries import Delivery, DeliveryState
from store.signals import TIMELINE
from store.signals import delivery as delivery_topic

ECHO_CHARS = 256
LONGEST_SECONDS = 30
PACE = timedelta(seconds=0.25)
LOOK_SECONDS = 5.0

router = APIRouter(
    tags=["sending"], responses={404: {"description": "No such source or delivery", "content": {MEDIA_TYPE: {}}}}
)


@router.post("/v1/sources/{source}/heartbeat")
@router.get("/v1/sources/{source}/heartbeat")
@router.head("/v1/sources/{source}/heartbeat")
async def beat(source: str, request: Request, service: ServiceDep) -> dict[str, str]:
    """The source is alive though it has nothing to say. Known by a key, or by its signature as its events are."""
    arrival = Arrival(request.url.path, request.headers, address_of(request), "", request.receive)
    heard, now = await admitted(service, arrival), service.clock.now()
    service.notebook.heard(heard, now)
    return {"source": heard, "heard_at": now.isoformat()}


@router.get("/v1/sources/{source}/events", response_class=PlainTextResponse)
async def echo(
    source: str, said: Annotated[str, Query(alias="echo", max_length=ECHO_CHARS, pattern="^[!-~]*$")] = ""
) -> PlainTextResponse:
    """Says `echo` back, without a key: so an OpenADR server learns that its subscription's address is meant."""
    return PlainTextResponse(said, headers={"X-Content-Type-Options": "nosniff"})


class Until(StrEnum):
    """What a sender waits for."""

    DECIDED = "decided"  # the router has placed it
    OUTCOME = "outcome"  # somebody has accepted, or the deadline is over


Wait = Annotated[
    float, Query(ge=0, le=LONGEST_SECONDS, description="Seconds to wait for it, where it is not known yet")
]


@router.get("/v1/deliveries/{delivery_id}")
async def get_delivery(
    delivery_id: str, service: ServiceDep, caller: CallerDep, wait: Wait = 0.0, until: Until = Until.DECIDED
) -> dict[str, Any]:
    """What became of a delivery, and of its event. An id of ours without a row yet is `accepted`, and so is any of
    ours while the database is away.

    With `wait` the answer comes when it is known, at the latest after so many seconds, then as it is.
    """
    plain = service.delivery_ids.parsed(delivery_id)
    if plain is None:
        raise Problem(404, "No such delivery", "the id was not given out here")
    deadline = service.clock.now() + timedelta(seconds=wait)
    topic = delivery_topic(plain) if until is Until.DECIDED else TIMELINE
    with service.database.signals.waiting(topic) as changed:
        while True:
            found, verdict = await _known(service, plain)
            if found is not None and not caller.may_read(found.source):
                raise service.doorkeeper.forbidden(f"key {caller.key_id} is not for source {found.source}")
            known = found is not None if until is Until.DECIDED else verdict is not None
            if known or not await wake_or(service.clock, changed, deadline):
                return _delivery(delivery_id, found, verdict)
            # The timeline grows by the second where much happens: nobody asks the database each time.
            if until is Until.OUTCOME:
                await service.clock.sleep_until(min(deadline, service.clock.now() + PACE))


async def _known(service: Service, delivery_id: str) -> tuple[Delivery | None, Verdict | None]:
    """Nothing while nobody can look: that it was accepted, its id says."""
    try:
        async with service.clock.timeout(LOOK_SECONDS):
            return await service.database.read(lambda conn: _became(conn, delivery_id))
    except (Unavailable, TimeoutError):
        return None, None


def _became(conn: Connection, delivery_id: str) -> tuple[Delivery | None, Verdict | None]:
    """The delivery, and the outcome of its event as it stands."""
    found = deliveries.find(conn, delivery_id)
    if found is None or found.event_pk is None:
        return found, None
    event = events.load(conn, [found.event_pk])[found.event_pk]
    return found, verdicts.latest(conn, [event.pk]).get((event.pk, event.answer_revision))


def _delivery(shown: str, found: Delivery | None, verdict: Verdict | None) -> dict[str, Any]:
    if found is None:
        return {"delivery_id": shown, "state": str(DeliveryState.ACCEPTED), "outcome": None}
    return {
        "delivery_id": shown,
        "state": str(found.state),
        "source": found.source,
        "received_at": found.received_at.isoformat(),
        "decided_at": found.decided_at.isoformat(),
        **decided_body(found),
        "outcome": outcome_shape(verdict),
    }
