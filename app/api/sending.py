"""What senders use besides the hot route: a heartbeat, and what became of a delivery."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from app.api.deps import CallerDep, ServiceDep
from app.api.events_in import decided_body
from app.api.let_in import allowed
from app.problems import MEDIA_TYPE, Problem
from store import deliveries
from store.deliveries import DeliveryState

ECHO_CHARS = 256

router = APIRouter(
    tags=["sending"], responses={404: {"description": "No such source or delivery", "content": {MEDIA_TYPE: {}}}}
)


@router.post("/v1/sources/{source}/heartbeat")
@router.get("/v1/sources/{source}/heartbeat")
@router.head("/v1/sources/{source}/heartbeat")
async def beat(source: str, service: ServiceDep, caller: CallerDep) -> dict[str, str]:
    """The source is alive though it has nothing to say."""
    allowed(service, caller, source)
    now = service.clock.now()
    service.notebook.heard(source, now)
    return {"source": source, "heard_at": now.isoformat()}


@router.get("/v1/sources/{source}/events", response_class=PlainTextResponse)
async def echo(
    source: str, said: Annotated[str, Query(alias="echo", max_length=ECHO_CHARS, pattern="^[!-~]*$")] = ""
) -> PlainTextResponse:
    """Says `echo` back, without a key: so an OpenADR server learns that its subscription's address is meant."""
    return PlainTextResponse(said, headers={"X-Content-Type-Options": "nosniff"})


@router.get("/v1/deliveries/{delivery_id}")
async def get_delivery(delivery_id: str, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """What became of a delivery. An id of ours without a row yet is `accepted`."""
    plain = service.delivery_ids.parsed(delivery_id)
    if plain is None:
        raise Problem(404, "No such delivery", "the id was not given out here")
    found = await service.database.read(lambda conn: deliveries.find(conn, plain))
    if found is None:
        return {"delivery_id": delivery_id, "state": str(DeliveryState.ACCEPTED)}
    if not caller.may_read(found.source):
        raise service.doorkeeper.forbidden(f"key {caller.key_id} is not for source {found.source}")
    return {
        "delivery_id": delivery_id,
        "state": str(found.state),
        "source": found.source,
        "received_at": found.received_at.isoformat(),
        "decided_at": found.decided_at.isoformat(),
    } | decided_body(found)
