"""A call to one person that tries whether they are reached, and Twilio's callbacks about it."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from app import ringing
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems, unknown
from app.api.instants import iso
from app.api.signatures import not_from
from app.problems import MEDIA_TYPE
from app.service import Service
from model.roster import Person
from notifiers.channels import voice
from notifiers.wording.answers import RING_CONFIRMED, SpokenAnswer
from store import rings
from store.rings import Ring

router = APIRouter(responses=problems(401, 403))
KEY = "1"
_RING = problems(404, 409, 503) | {502: {"description": "Twilio did not take it", "content": {MEDIA_TYPE: {}}}}


@router.post("/v1/people/{person_id}/ring", status_code=202, tags=["roster"], responses=_RING)
async def ring(person_id: str, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """Call them now, marked as a test, and ask for a 1. What becomes of it: `GET` the same."""
    return _shape(await ringing.ring(service, _person(service, person_id), caller.key_id))


@router.get("/v1/people/{person_id}/ring", tags=["roster"], responses=problems(404, 503))
async def last_ring(person_id: str, service: ServiceDep, _: CallerDep) -> dict[str, Any]:
    """The newest such call: `{"state": "calling|ringing|answered|confirmed|failed", "outcome", …}`."""
    person = _person(service, person_id)
    found = await service.database.read(lambda conn: rings.newest(conn, person.id))
    if found is None:
        raise unknown("ring of", person.id)
    return _shape(found)


def _person(service: Service, person_id: str) -> Person:
    found = service.rosters.roster.people.get(person_id)
    if found is None:
        raise unknown("person", person_id)
    return found


def _shape(ring: Ring) -> dict[str, Any]:
    times = {name: getattr(ring, name) for name in ("rang_at", "answered_at", "confirmed_at", "ended_at")}
    return {
        "id": ring.id,
        "person": ring.person,
        "state": ring.state,
        "outcome": ring.outcome,
        "started_at": iso(ring.started_at),
        **{name: iso(at) if at else None for name, at in times.items()},
    }


@router.post("/callbacks/twilio/ring/{ring_id}/status", include_in_schema=False)
@router.post("/callbacks/twilio/ring/{ring_id}/amd", include_in_schema=False)
async def status(ring_id: str, request: Request, service: ServiceDep) -> Response:
    await ringing.take_receipt(service, ring_id, voice.voice_receipt(await _form(request, service)))
    return Response(status_code=204)


@router.post("/callbacks/twilio/ring/{ring_id}/key", include_in_schema=False)
async def key(ring_id: str, request: Request, service: ServiceDep) -> Response:
    form = await _form(request, service)
    url = voice.callback_url(service.settings.public_url, ring_id, "key", "ring")
    if voice.voice_key(form) != KEY:
        return _xml(voice.answer_twiml(SpokenAnswer.INVALID, key_url=url))
    known = await ringing.confirm(service, ring_id)
    return _xml(voice.goodbye_twiml(RING_CONFIRMED) if known else voice.answer_twiml(SpokenAnswer.OVER))


async def _form(request: Request, service: Service) -> Mapping[str, str]:
    """Raises Problem 403 for a request that Twilio did not sign for the account that rings."""
    form, verifier = await request.form(), ringing.signature(service.settings)
    url = f"{service.settings.public_url}{request.url.path}"
    if verifier is None or not verifier.verify(url, form, request.headers.get("x-twilio-signature")):
        raise not_from(service, "twilio", request.url.path)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _xml(text: str) -> Response:
    return Response(text, media_type="application/xml")
